"""Calls auth-service. Every call ends in bounded time, with an answer or an AuthServiceError."""

from session_contract.callers import Caller
from session_contract.credentials import Credential
from web_frontend.auth_service.answers import (
    Issued,
    LiveSession,
    PersonalData,
    Ready,
    Registered,
    Sessions,
    Unavailable,
)
from web_frontend.auth_service.transport import Call, Transport

SIGN_IN_SECONDS = 4.5
"""Longer than auth-service queues a hash (3 s) and computes it, but short enough for people."""
CHANGE_SECONDS = 7.5
"""A password change takes two hashes; nginx waits ten seconds for a page."""
SESSION_SECONDS = 1.5
HEALTH_SECONDS = 1.0

USERS = "/api/v1/users"
SESSIONS = "/api/v1/sessions"


class AuthClient:
    """The calls that the pages need. Every method raises AuthServiceErrors."""

    def __init__(self, base_url: str, service_credential: Credential) -> None:
        self._transport = Transport(base_url, service_credential)

    def register(
        self, username: str, password: str, display_name: str, devices: str, caller: Caller
    ) -> Issued:
        """Make an account and open a session for it; `devices` are as `sign_in` takes them."""
        body = {
            "username": username,
            "password": password,
            "display_name": display_name,
            "device_token": devices,
            "sign_in": True,
        }
        answer = self._send(Call("POST", USERS, caller, SIGN_IN_SECONDS, body=body))
        return Registered.of(answer).session

    def sign_in(self, username: str, password: str, devices: str, caller: Caller) -> Issued:
        """Open a session; `devices` are tokens from earlier ones, joined with "."."""
        body = {"username": username, "password": password, "device_token": devices}
        return Issued.of(self._send(Call("POST", SESSIONS, caller, SIGN_IN_SECONDS, body=body)))

    def renew(self, token: str, caller: Caller) -> Issued:
        """Prolong the session; a second call does no harm."""
        path = f"{SESSIONS}/current/renew"
        return Issued.of(self._send(Call("POST", path, caller, SESSION_SECONDS, token)))

    def end(self, token: str, caller: Caller) -> None:
        """End the session, if it has not ended yet."""
        self._do(Call("DELETE", f"{SESSIONS}/current", caller, SESSION_SECONDS, token))

    def sessions(self, token: str, caller: Caller) -> list[LiveSession]:
        """Return the user's live sessions, the one used last first."""
        call = Call("GET", SESSIONS, caller, SESSION_SECONDS, token)
        return Sessions.of(self._send(call)).sessions

    def end_session(self, token: str, session_id: str, caller: Caller) -> None:
        """End one of the user's sessions, by an id of letters, digits, `-` and `_`."""
        self._do(Call("DELETE", f"{SESSIONS}/{session_id}", caller, SESSION_SECONDS, token))

    def end_other_sessions(self, token: str, caller: Caller) -> None:
        """End all of the user's sessions but this one."""
        self._do(Call("DELETE", f"{SESSIONS}?others=true", caller, SESSION_SECONDS, token))

    def reauthenticate(self, token: str, password: str, caller: Caller) -> None:
        """Enter the password again, before a call that requires it."""
        path = f"{SESSIONS}/current/reauthentication"
        self._do(Call("POST", path, caller, SIGN_IN_SECONDS, token, {"password": password}))

    def change_password(self, token: str, current: str | None, new: str, caller: Caller) -> Issued:
        """Change the password. All sessions end; the result is a new one.

        `current` may be None if it was entered in this session in the last five minutes.
        """
        path = f"{USERS}/me/password"
        body = {"new_password": new}
        if current is not None:
            body["current_password"] = current
        return Issued.of(self._send(Call("PUT", path, caller, CHANGE_SECONDS, token, body)))

    def change_display_name(self, token: str, name: str, caller: Caller) -> Issued:
        """Change the display name; the result has a new token for the session."""
        path = f"{USERS}/me/display-name"
        body = {"display_name": name}
        return Issued.of(self._send(Call("PUT", path, caller, SIGN_IN_SECONDS, token, body)))

    def change_username(self, token: str, username: str, password: str, caller: Caller) -> Issued:
        """Change the user name. All sessions end; the result is a new one."""
        path = f"{USERS}/me/username"
        body = {"username": username, "password": password}
        return Issued.of(self._send(Call("PUT", path, caller, SIGN_IN_SECONDS, token, body)))

    def personal_data(self, token: str, caller: Caller) -> PersonalData:
        """Return everything that is kept about the user."""
        call = Call("GET", f"{USERS}/me/data", caller, SESSION_SECONDS, token)
        return PersonalData.of(self._send(call))

    def delete_account(self, token: str, password: str, caller: Caller) -> None:
        """Delete the user's account and end all its sessions."""
        body = {"password": password}
        self._do(Call("DELETE", f"{USERS}/me", caller, SIGN_IN_SECONDS, token, body))

    def check_ready(self, caller: Caller) -> None:
        """Return if auth-service can serve."""
        Ready.of(self._send(Call("GET", "/readyz", caller, HEALTH_SECONDS)))

    def _send(self, call: Call) -> bytes:
        return self._transport.send(call)

    def _do(self, call: Call) -> None:
        """Make a call whose answer has no body."""
        if self._send(call):
            raise Unavailable("auth-service sent a body where none was expected")

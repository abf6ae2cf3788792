"""Calls auth-service: every call ends in bounded time, in an answer or a typed error."""

import logging
import re
import threading
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from session_contract.callers import Caller
from session_contract.credentials import Credential
from web_frontend import auth_answers as answers
from web_frontend.deadline import DeadlineAdapter, deadline, remaining

SIGN_IN_SECONDS = 4.5
"""Longer than auth-service queues a hash (3 s) and then hashes, shorter than people wait."""
CHANGE_SECONDS = 7.5
"""A changed password is two hashes; nginx waits ten seconds for a page."""
SESSION_SECONDS = 1.5
HEALTH_SECONDS = 1.0
CONNECTIONS = 32
CREDENTIAL_CALLS = 20
"""Sign-ins and registrations at once: they take seconds, and pages need threads too."""
MAXIMUM_ANSWER_BYTES = 128 * 1024
"""More than fifty sessions whose browsers call themselves something odd at full length."""

log = logging.getLogger(__name__)


class AuthClient:
    """One pool of connections for all threads. Every method raises AuthServiceErrors."""

    def __init__(self, base_url: str, service_credential: Credential) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # Nothing from the environment: a proxy there must never see passwords.
        self._session.trust_env = False
        # All callers share this client: what one is given, the next must not send.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.stream = True
        self._session.mount("http://", DeadlineAdapter(pool_maxsize=CONNECTIONS))
        self._credential = service_credential
        self._places = threading.BoundedSemaphore(CREDENTIAL_CALLS)

    def register(
        self, username: str, password: str, devices: str, caller: Caller
    ) -> answers.Issued:
        """Make an account and open a session for it; `devices` are as `sign_in` takes them."""
        body = {
            "username": username,
            "password": password,
            "device_token": devices,
            "sign_in": True,
        }
        return answers.Registered.of(self._ask("POST", "/api/v1/users", caller, body=body)).session

    def sign_in(self, username: str, password: str, devices: str, caller: Caller) -> answers.Issued:
        """Open a session; `devices` are tokens from earlier ones, joined with "."."""
        body = {"username": username, "password": password, "device_token": devices}
        return answers.Issued.of(self._ask("POST", "/api/v1/sessions", caller, body=body))

    def renew(self, token: str, caller: Caller) -> answers.Issued:
        """Prolong the session; asking twice does no harm."""
        return answers.Issued.of(self._ask("POST", "/api/v1/sessions/current/renew", caller, token))

    def end(self, token: str, caller: Caller) -> None:
        """End the session; one that has ended stays ended."""
        self._do("DELETE", "/api/v1/sessions/current", caller, token)

    def sessions(self, token: str, caller: Caller) -> list[answers.LiveSession]:
        """Return where the caller's user is signed in, last used first."""
        return answers.Sessions.of(self._ask("GET", "/api/v1/sessions", caller, token)).sessions

    def end_session(self, token: str, session_id: str, caller: Caller) -> None:
        """End one session of the caller's user, by an id of letters, digits, `-` and `_`."""
        self._do("DELETE", f"/api/v1/sessions/{session_id}", caller, token)

    def end_other_sessions(self, token: str, caller: Caller) -> None:
        """End all sessions of the caller's user but this one."""
        self._do("DELETE", "/api/v1/sessions?others=true", caller, token)

    def reauthenticate(self, token: str, password: str, caller: Caller) -> None:
        """Enter the password again, for what is asked for next."""
        path, body = "/api/v1/sessions/current/reauthentication", {"password": password}
        self._do("POST", path, caller, token, body)

    def change_password(self, token: str, current: str, new: str, caller: Caller) -> answers.Issued:
        """Change the password: every session ends, and the new one that is returned begins."""
        path, body = "/api/v1/users/me/password", {"current_password": current, "new_password": new}
        return answers.Issued.of(self._ask("PUT", path, caller, token, body))

    def delete_account(self, token: str, password: str, caller: Caller) -> None:
        """Delete the caller's user, and end all sessions."""
        path, body = "/api/v1/users/me", {"password": password}
        self._do("DELETE", path, caller, token, body)

    def check_ready(self, caller: Caller) -> None:
        """Return if auth-service can serve."""
        answers.Ready.of(self._ask("GET", "/readyz", caller))

    def _do(self, method: str, path: str, caller: Caller, token: str, body: Any = None) -> None:
        if self._ask(method, path, caller, token, body):
            raise answers.Unavailable("auth-service answered something where nothing is due")

    def _ask(
        self, method: str, path: str, caller: Caller, token: str = "", body: Any = None
    ) -> bytes:
        if body and not self._places.acquire(blocking=False):
            raise answers.Unavailable("too many sign-ins at once", retry_after=2)
        try:
            return self._call(method, path, caller, token, body)
        finally:
            if body:
                self._places.release()

    def _call(self, method: str, path: str, caller: Caller, token: str, body: Any) -> bytes:
        url = self._base_url + path
        seconds = HEALTH_SECONDS if path == "/readyz" else SESSION_SECONDS
        if body:
            seconds = CHANGE_SECONDS if method == "PUT" else SIGN_IN_SECONDS
        headers = {
            "X-Service-Credential": self._credential.current(),
            "X-Forwarded-For": caller.address,
            "X-Request-ID": caller.request_id,
            # Some of what a browser may call itself could not be passed on as a header.
            "User-Agent": re.sub(r"[^ -~]", "", caller.user_agent).strip(),
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # Credentials are sent once; whatever has no body does no harm twice.
        tries = 1 if body else 2
        with deadline(seconds):
            while True:
                tries -= 1
                try:
                    response = self._session.request(
                        method,
                        url,
                        json=body,
                        headers=headers,
                        timeout=remaining(),
                        allow_redirects=False,
                    )
                    return _checked(response, _read(response))
                except (
                    requests.ConnectionError,
                    requests.Timeout,
                    ConnectionError,
                    TimeoutError,
                ) as error:
                    log.warning(
                        "%s %s: no answer from auth-service: %s", method, path, type(error).__name__
                    )
                    if not tries or isinstance(error, requests.Timeout | TimeoutError):
                        raise answers.Unreachable("auth-service cannot be reached") from error
                except (OSError, ValueError) as error:
                    # Never taken for an outage, in which an ended session may go on for a while.
                    reason = f"auth-service could not be asked: {type(error).__name__}"
                    raise answers.Unavailable(reason) from error


def _read(response: requests.Response) -> bytes:
    try:
        content: bytes = response.raw.read(MAXIMUM_ANSWER_BYTES + 1, decode_content=True)
    except Exception as error:
        response.close()
        if response.status_code >= 400:
            return b""  # the status alone is an answer
        raise ConnectionError("the answer broke off") from error
    if len(content) > MAXIMUM_ANSWER_BYTES:
        response.close()
        raise answers.Unavailable("auth-service sent an answer that is too long")
    response.raw.release_conn()
    return content


def _checked(response: requests.Response, content: bytes) -> bytes:
    if response.status_code == 204 or (content and response.status_code in (200, 201)):
        return content
    waits = response.headers.get("Retry-After", "")
    retry_after = int(waits) if waits.isascii() and waits.isdigit() and len(waits) < 6 else 5
    if not 400 <= response.status_code < 500:
        raise answers.Unavailable(f"auth-service answered {response.status_code}", retry_after)
    problem = answers.Problem.of(content)
    raise answers.Refused(
        response.status_code, problem.type.rpartition(":")[2], problem.errors, retry_after
    )

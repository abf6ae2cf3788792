"""The part of the API in which people look after their own sessions and account.

Every call looks the session up: a token that still verifies is not enough.
"""

from flask import Blueprint, Response, g, jsonify, request

from auth_service.api.bodies import PasswordChange, PasswordEntry, read_body
from auth_service.api.sessions import (
    describe_issued,
    describe_session,
    named,
    note,
    read_claims,
    services,
)
from auth_service.audit import short
from auth_service.errors import InvalidFields
from auth_service.models import SessionRecord, User

account_api = Blueprint("account_api", __name__, url_prefix="/api/v1")


@account_api.get("/sessions")
def list_sessions() -> Response:
    """Say where the user is signed in."""
    user, current = _who()
    live = services().sessions.live(user)
    return jsonify(
        sessions=[{**describe_session(one), "current": one.id == current.id} for one in live]
    )


@account_api.delete("/sessions/<session_id>")
def end_session(session_id: str) -> tuple[str, int]:
    """End one of the user's sessions; this very one without asking for the password."""
    user, current = _who()
    record = services().sessions.find(user, session_id)
    if record.id != current.id:
        services().reauthentication.require_recent(current)
    services().sessions.end(record.id)
    note("authn_token_revoked", **g.who, reason="ended by the user", ended=short(record.id))
    return "", 204


@account_api.delete("/sessions")
def end_other_sessions() -> tuple[str, int]:
    """End all of the user's sessions but this one."""
    _, current = _who()
    if request.args.getlist("others") != ["true"]:
        raise InvalidFields({"others": ["Send others=true: this session is not ended here."]})
    services().reauthentication.require_recent(current)
    services().sessions.end_others(current)
    note("authn_token_revoked", **g.who, reason="all others ended by the user")
    return "", 204


@account_api.post("/sessions/current/reauthentication")
def reauthenticate() -> tuple[str, int]:
    """Note that the user has entered the password again."""
    _confirmed()
    note("authn_login_success", **g.who, act=request.endpoint)
    return "", 204


@account_api.put("/users/me/password")
def change_password() -> Response:
    """Change the password, end every session and open a new one."""
    user, current = _who()
    body = read_body(request, PasswordChange)
    accounts, sessions = services().accounts, services().sessions
    accounts.check_new_password(user, body.current_password, body.new_password)
    changed = services().reauthentication.confirm(
        current, lambda: accounts.exchange_password(user, body.current_password, body.new_password)
    )
    # As at registration the session comes first: until the user is of its generation it is worth
    # nothing, whereas a password that was changed and then answered 503 would be a riddle.
    device_token = services().devices.remember(changed, "")
    issued = sessions.open(changed, g.caller)
    with sessions.ended_on_failure(issued.session_id):
        accounts.change_password(user, changed)
    sessions.clear_away(user)
    note("authn_password_change", **g.who)
    session = {**describe_issued(issued), "device_token": device_token}
    note("session_created", user_id=user.id, **named(session))
    return jsonify(session)


@account_api.delete("/users/me")
def delete_account() -> tuple[str, int]:
    """Delete the account and all of its sessions."""
    user = _confirmed()
    services().accounts.delete(user)
    services().sessions.clear_away(user)
    note("user_deleted", **g.who)
    return "", 204


def _confirmed() -> User:
    """Return the user who asks, and who has entered the password once more with it."""
    user, current = _who()
    password, accounts = read_body(request, PasswordEntry).password, services().accounts
    services().reauthentication.confirm(current, lambda: accounts.check_password(user, password))
    return user


def _who() -> tuple[User, SessionRecord]:
    """Return the user who asks, and the session; raises as `read_claims` and `Sessions.current`."""
    return services().sessions.current(read_claims())

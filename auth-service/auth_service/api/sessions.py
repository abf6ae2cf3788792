"""The JSON API."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, jsonify, request

from auth_service.accounts.service import Accounts
from auth_service.api.bodies import Credentials, Registration, read_body
from auth_service.audit import AuditLog, short
from auth_service.errors import RegistrationClosed, Unauthenticated
from auth_service.guessing.devices import Devices, hash_of
from auth_service.models import SessionRecord, User
from auth_service.sessions.service import IssuedSession, Sessions
from auth_service.usecases.reauthentication import Reauthentication
from session_contract.tokens import Claims, TokenExpired, TokenVerifier

api = Blueprint("api", __name__, url_prefix="/api/v1")


@dataclass(frozen=True)
class Services:
    """What the views call; the composition root puts it into `app.extensions`."""

    accounts: Accounts
    sessions: Sessions
    devices: Devices
    reauthentication: Reauthentication
    verifier: TokenVerifier
    audit: AuditLog


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions["auth_service"])


@api.post("/users")
def register() -> tuple[Response, int]:
    """Make an account, and on demand open a session for it at once."""
    accounts = services().accounts
    if not accounts.registration_open:
        raise RegistrationClosed
    body = read_body(request, Registration)
    user = accounts.prepare(body.username, body.password)
    answer: dict[str, Any] = {
        "id": user.id,
        "username": user.username,
        "created_at": user.created_at,
    }
    if not body.sign_in:
        accounts.save(user)
    else:
        # The session comes first: it is worth nothing without its user, whereas a user who was made
        # and then answered 503 could never register that name again.
        answer["session"] = session = _signed_in(user, body.device_token)
        with services().sessions.ended_on_failure(session["session_id"]):
            accounts.save(user)
    note("user_created", user_id=user.id)
    if body.sign_in:
        note("session_created", user_id=user.id, **named(answer["session"]))
    return jsonify(answer), 201


@api.post("/sessions")
def sign_in() -> tuple[Response, int]:
    """Open a session."""
    body = read_body(request, Credentials)
    g.who = {"username": body.username}
    user = services().accounts.authenticate(body.username, body.password, body.device_token)
    session = _signed_in(user, body.device_token)
    note("authn_login_success", user_id=user.id, **named(session))
    return jsonify(session), 201


@api.get("/sessions/current")
def current_session() -> Response:
    """Say whose session the token is, if it lives."""
    user, record = services().sessions.current(read_claims())
    return jsonify(
        user={"id": user.id, "username": user.username}, session=describe_session(record)
    )


@api.post("/sessions/current/renew")
def renew() -> Response:
    """Prolong the session."""
    return jsonify(describe_issued(services().sessions.renew(read_claims())))


@api.delete("/sessions/current")
def sign_out() -> tuple[str, int]:
    """End the session; a token that is ours is enough, expired or already ended."""
    try:
        claims = read_claims()
    except TokenExpired as error:
        claims = error.claims
    services().sessions.end(claims.session_id)
    note("authn_token_revoked", **g.who, reason="signed out")
    return "", 204


def note(event: str, **details: Any) -> None:
    """Record a security event of this request."""
    services().audit.record(event, g.caller, **details)


def named(session: dict[str, Any]) -> dict[str, str]:
    """Return what the audit log calls a session and its device by; a token of either is never in it."""
    return {
        "session": short(session["session_id"]),
        "device": short(hash_of(session["device_token"])),
    }


def read_claims() -> Claims:
    """Return the claims of the bearer token (RFC 6750), and note in `g.who` whose it is.

    Raises:
        TokenError: it is not ours or not alive.
        Unauthenticated: there is none.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    try:
        claims = services().verifier.verify(token.strip())
    except TokenExpired as error:
        g.who = _who(error.claims)
        raise
    g.who = _who(claims)
    return claims


def _who(claims: Claims) -> dict[str, str]:
    return {"user_id": claims.user_id, "session": short(claims.session_id)}


def _signed_in(user: User, presented: str) -> dict[str, Any]:
    """Open a session, and remember the device; `presented` are the device tokens that came."""
    device_token = services().devices.remember(user, presented)
    return {
        **describe_issued(services().sessions.open(user, g.caller)),
        "device_token": device_token,
    }


def describe_issued(issued: IssuedSession) -> dict[str, Any]:
    """Return what is told of a session that was just opened or renewed, its token included."""
    return {**asdict(issued), "token_type": "Bearer"}


def describe_session(record: SessionRecord) -> dict[str, Any]:
    """Return what its user is told of a session."""
    times = {name: _utc(getattr(record, name)) for name in ("created_at", "renewed_at", "ends_at")}
    texts = {name: getattr(record, name) for name in ("id", "client_address", "user_agent")}
    return {**texts, **times}


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

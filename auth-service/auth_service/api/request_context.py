"""The context of the current request: its caller and, once that is known, its user."""

from dataclasses import dataclass

from flask import g, has_app_context, request

from auth_service import errors
from auth_service.api.services import services
from auth_service.audit import short
from auth_service.models import SessionRecord, User
from session_contract import callers, tokens
from session_contract.callers import Caller, CallerReader
from session_contract.tokens import Claims


@dataclass
class RequestContext:
    """The caller of a request, and the user once the token or body was read."""

    caller: Caller
    user_id: str | None = None
    session_id: str | None = None
    username: str | None = None

    def subject(self) -> dict[str, str | None]:
        """Return the user and session of the request, for the audit log."""
        return {
            "user_id": self.user_id,
            "session": None if self.session_id is None else short(self.session_id),
            "username": self.username,
        }


def begin(reader: CallerReader) -> None:
    """Read the caller of the current request. Raises WrongCredential."""
    try:
        caller = reader.read(request.environ)
    except callers.WrongCredential as error:
        g.request_context = RequestContext(error.caller)
        raise errors.WrongCredential(error.header) from error
    g.request_context = RequestContext(caller)


def current_context() -> RequestContext:
    """Return the context of the current request."""
    context: RequestContext = g.request_context
    return context


def known_context() -> RequestContext | None:
    """Return the context of the current request, or None if there is none yet."""
    return g.get("request_context") if has_app_context() else None


def in_log_lines() -> dict[str, str]:
    """Return the fields about the current request for each log line."""
    context = known_context()
    if context is None:
        return {}
    return {
        "request_id": context.caller.request_id,
        "client_address": context.caller.address,
    }


def read_claims() -> Claims:
    """Return the claims of the bearer token (RFC 6750).

    Raises:
        UnusableToken: the token is not ours, malformed or expired.
        Unauthenticated: there is none.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise errors.Unauthenticated
    try:
        claims = services().verifier.verify(token.strip())
    except tokens.TokenExpired as error:
        _remember_subject(error.claims)
        raise errors.TokenExpired(error.claims) from error
    except tokens.TokenInvalid as error:
        raise errors.TokenInvalid from error
    except tokens.TokenError as error:
        raise errors.TokenForeign from error
    _remember_subject(claims)
    return claims


def read_session() -> tuple[User, SessionRecord]:
    """Return the user and the live session behind the bearer token.

    Raises:
        UnusableToken, Unauthenticated: as `read_claims`.
        SessionEnded, Unavailable: as `SessionService.current`.
    """
    return services().sessions.current(read_claims())


def _remember_subject(claims: Claims) -> None:
    context = current_context()
    context.user_id = claims.user_id
    context.session_id = claims.session_id

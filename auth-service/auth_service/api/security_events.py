"""Records the security events of the current request."""

from flask import request

from auth_service import errors
from auth_service.api.request_context import current_context, known_context
from auth_service.api.services import services
from auth_service.audit import short
from auth_service.guessing.devices import hash_of
from auth_service.usecases.signing_in import SignedIn


def record_refusal(error: errors.Refusal) -> None:
    """Record a refusal of the current request, if it is a security event."""
    context = known_context()
    if error.audit_event is None or context is None:
        return
    details = context.subject()
    if isinstance(error, errors.WrongCredential):
        details["credential"] = error.header
    reason = type(error).__name__
    services().audit.record(
        error.audit_event, context.caller, reason=reason, act=request.endpoint, **details
    )


def record(event: str, **details: str | None) -> None:
    """Record a security event of the current request, with its user."""
    context = current_context()
    subject = {"user_id": context.user_id, "session": context.subject()["session"]}
    services().audit.record(event, context.caller, **{**subject, **details})


def record_session(event: str, signed_in: SignedIn) -> None:
    """Record that a session was opened, without its token and the device's."""
    session = short(signed_in.session.session_id)
    device = short(hash_of(signed_in.device_token))
    record(event, user_id=signed_in.user.id, session=session, device=device)

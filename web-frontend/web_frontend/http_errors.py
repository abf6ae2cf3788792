"""The one place where exceptions become pages."""

import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from session_contract.audit_events import record_event
from session_contract.callers import WrongCredential
from web_frontend.auth_answers import AuthServiceError, Refused, Unreachable
from web_frontend.pages import pages
from web_frontend.session import SignedOut

log = logging.getLogger(__name__)

_EXPLAINED = {400, 403, 404, 405, 411, 413, 500, 502}
"""What templates/error.html has words for; everything else is answered as a 400."""
_EVENTS = dict.fromkeys((400, 411, 413), "input_validation_fail") | {500: "sys_crash"}


def register(app: Flask) -> None:
    """Make the application answer every exception with a page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(WrongCredential, _wrong_credential)
    app.register_error_handler(SignedOut, _signed_out)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(AuthServiceError, _unavailable)


def _page(status: int | None, headers: dict[str, str] | None = None, message: str = "") -> Response:
    return pages().error(status if status in _EXPLAINED else 400, headers, message=message)


def _http(error: HTTPException) -> Response:
    if error.code in _EVENTS:
        reason = type(error).__name__
        record_event(_EVENTS[error.code], g.caller.user_agent, reason=reason, act=request.endpoint)
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    # Werkzeug's own descriptions are for programmers; ours are for people.
    ours = error.description not in (None, type(error).description)
    return _page(error.code, allow, str(error.description) if ours else "")


def _wrong_credential(error: WrongCredential) -> Response:
    g.caller = error.caller
    reason, credential = type(error).__name__, error.header
    record_event("malicious_extraneous", g.caller.user_agent, reason=reason, credential=credential)
    return _page(502)


def _signed_out(error: SignedOut) -> Response:
    record_event(
        "authz_fail", g.caller.user_agent, reason=error.reason or "signed out", act=request.endpoint
    )
    reason = f"&reason={error.reason}" if error.reason else ""
    # Only pages with an address of their own ask who is there, so this one is nobody's invention.
    response = pages().redirect(f"/login?next={request.path}{reason}")
    pages().clear_session(response)
    return response


def _refused(error: Refused) -> Response:
    if error.status == 401 and g.visitor.claims:
        # The session ended while it was used, perhaps for too many wrong passwords.
        return pages().signed_out(pages().redirect("/login?reason=ended"))
    if error.status != 429:
        return _page(error.status)
    return _later(429, error.retry_after, "throttled", back="/" if g.visitor.claims else "/login")


def _unavailable(error: AuthServiceError) -> Response:
    log.warning("auth-service is of no help: %s", error)
    maybe = request.method == "POST" and isinstance(error, Unreachable) and request.path != "/login"
    return _later(503, error.retry_after, "unavailable", maybe_done=maybe)


def _later(status: int, retry_after: int, problem: str, **more: object) -> Response:
    headers, signed_in = {"Retry-After": str(retry_after)}, g.visitor.claims is not None
    return pages().error(
        status, headers, problem, retry_after=retry_after, signed_in=signed_in, **more
    )

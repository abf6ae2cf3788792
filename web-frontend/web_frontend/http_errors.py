"""The one place where exceptions become pages."""

import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from session_contract.audit_events import record_event
from session_contract.callers import WrongCredential
from web_frontend.auth_answers import AuthServiceError, Refused, Unreachable
from web_frontend.pages import SignedOut, pages

log = logging.getLogger(__name__)

_TEXTS = {
    400: ("That did not work", "The request could not be understood. Go back and try again."),
    403: ("Not allowed", "You may not do that."),
    404: ("Page not found", "There is no page at this address. Check it, or begin at the start."),
    405: ("That did not work", "This page cannot be used in that way. Begin at the start."),
    411: ("That did not work", "What was sent did not say its length. Go back and try again."),
    413: ("Too much", "What was sent is too large. Shorten it and send it again."),
    500: ("Something went wrong", "The fault is on our side. Try again in a moment."),
    502: ("Something went wrong", "The fault is on our side: whoever runs this site has to mend it."),
}
_EVENTS = dict.fromkeys((400, 411, 413), "input_validation_fail") | {500: "sys_crash"}
_START = {"href": "/", "label": "Go to the start"}


def register(app: Flask) -> None:
    """Make the application answer every exception with a page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(WrongCredential, _wrong_credential)
    app.register_error_handler(SignedOut, _signed_out)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(AuthServiceError, _unavailable)


def _page(status: int | None, headers: dict[str, str] | None = None, reason: str = "") -> Response:
    status = status if status in _TEXTS else 400
    title, message = _TEXTS[status]
    return pages().error(status, headers, title=title, message=reason or message, action=_START)


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
    agent = error.caller.user_agent
    record_event("malicious_extraneous", agent, reason="WrongCredential", credential=error.header)
    return _page(502)


def _signed_out(error: SignedOut) -> Response:
    record_event("authz_fail", g.caller.user_agent, reason=error.reason or "signed out", act=request.endpoint)
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
    # Rounded up: whoever comes back when the page says so must not come too early.
    minutes, plural = -(-error.retry_after // 60), "" if error.retry_after == 1 else "s"
    wait = f"{minutes} minutes" if error.retry_after > 60 else f"{error.retry_after} second{plural}"
    message = f"There were too many wrong passwords in a row. Wait {wait}, then try again."
    if not g.visitor.claims:
        message += " A browser that you have signed in with before is not held up."
    action = _START if g.visitor.claims else {"href": "/login", "label": "Go to sign in"}
    headers = {"Retry-After": str(error.retry_after)}
    return pages().error(429, headers, title="Too many attempts", message=message, action=action)


def _unavailable(error: AuthServiceError) -> Response:
    log.warning("auth-service is of no help: %s", error)
    title = "This is not possible just now" if g.visitor.claims else "Signing in is not possible just now"
    message = "The sign-in service is busy or cannot be reached. Try again in a few seconds."
    if request.method == "POST" and isinstance(error, Unreachable) and request.path != "/login":
        message += " What you asked for may have been done already: look before you repeat it."
    headers = {"Retry-After": str(error.retry_after)}
    return pages().error(503, headers, title=title, message=message, action=_START)

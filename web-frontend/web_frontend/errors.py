"""The one place where exceptions become pages."""

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from session_contract.audit_events import record_event
from session_contract.callers import WrongCredential
from web_frontend.auth_service.answers import AuthServiceError, Refused, Unreachable
from web_frontend.browser_session import end_session, forget_session
from web_frontend.csrf import CsrfRejected
from web_frontend.forms import NEXT_PAGES, LoginForm, RegisterForm
from web_frontend.refusals import RefusedRequest
from web_frontend.rendering import form_page, page, see_other
from web_frontend.request_state import begin_request, current_request
from web_frontend.services import services
from web_frontend.visitors import SignedOut

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErrorText:
    """The text of an error page, and the security event to record."""

    title: str
    text: str
    event: str = ""


NOT_UNDERSTOOD = ErrorText(
    "That did not work",
    "The request could not be understood. Go back and try again.",
    "input_validation_fail",
)
BY_STATUS = {
    400: NOT_UNDERSTOOD,
    403: ErrorText("Not allowed", "You may not do that."),
    404: ErrorText(
        "Page not found", "There is no page at this address. Check it, or go to the home page."
    ),
    405: ErrorText(
        "That did not work", "This page cannot be used in that way. Go to the home page."
    ),
    411: ErrorText(
        "That did not work",
        "The form was sent without its length. Go back and send it again.",
        "input_validation_fail",
    ),
    413: ErrorText(
        "Too much",
        "The form is too large. Go back, shorten it and send it again.",
        "input_validation_fail",
    ),
    500: ErrorText(
        "Something went wrong", "This is our fault. Try again in a moment.", "sys_crash"
    ),
    502: ErrorText(
        "Something went wrong",
        "This is our fault. Please tell the operator of this site.",
    ),
}
"""Every other status is answered as a 400."""

CLOSED = ErrorText("Registration is closed", "Ask the operator of this site for an account.")
THROTTLED = ErrorText("Too many attempts", "There were too many wrong passwords in a row.")
CANNOT_SIGN_IN = ErrorText(
    "Signing in is not possible just now",
    "The sign-in service is busy or cannot be reached. Try again in a few seconds.",
)
CANNOT_GO_ON = ErrorText("This is not possible just now", CANNOT_SIGN_IN.text)
HALF_SIGNED_OUT = ErrorText(
    "You are signed out here",
    "This browser has forgotten your session, but the sign-in service could not be told to end it: "
    "someone with a stolen cookie could stay signed in until the session expires. To be safe, "
    "sign in later and change your password: that ends every other session.",
)


def error_page(status: int, text: ErrorText, /, back: str = "/", **context: Any) -> Response:
    """Return an error page whose button leads to `back`."""
    request_id = current_request().caller.request_id
    context = {"message": text.text, **context}
    return page(
        "error.html",
        status,
        title=text.title,
        status=status,
        back=back,
        request_id=request_id,
        **context,
    )


def register(app: Flask) -> None:
    """Make the application answer every exception with a page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(WrongCredential, _wrong_credential)
    app.register_error_handler(CsrfRejected, _csrf_rejected)
    app.register_error_handler(SignedOut, _signed_out)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(AuthServiceError, _unavailable)


def _http(error: HTTPException) -> Response:
    status = error.code if error.code in BY_STATUS else 400
    text = BY_STATUS[status]
    if text.event and error.code == status:
        _record(text.event, type(error).__name__)
    more = {"message": error.explanation} if isinstance(error, RefusedRequest) else {}
    response = error_page(status, text, **more)
    allow = dict(error.get_headers()).get("Allow")
    if allow:
        response.headers["Allow"] = allow
    return response


def _wrong_credential(error: WrongCredential) -> Response:
    user_agent = begin_request(error.caller).caller.user_agent
    reason = type(error).__name__
    record_event("malicious_extraneous", user_agent, reason=reason, credential=error.header)
    return error_page(502, BY_STATUS[502])


def _csrf_rejected(error: CsrfRejected) -> Response:
    """Show the refused form again, with its user name and a new token."""
    _record(error.event, type(error).__name__)
    message = str(error)
    if request.path == "/login":
        return form_page(LoginForm(), 400, {None: [message]})
    if request.path == "/register" and services().settings.registration == "open":
        return form_page(RegisterForm(), 400, {None: [message]})
    if request.path == "/logout":
        return page("signout.html", 400, message=message)
    back = request.path if request.path in NEXT_PAGES else "/"
    return error_page(400, NOT_UNDERSTOOD, back=back, message=message)


def _signed_out(error: SignedOut) -> Response:
    _record("authz_fail", error.reason or "signed out")
    # Only routes of ours require a session, so the path is one of ours.
    address = f"/login?next={request.path}"
    if error.reason:
        address += f"&reason={error.reason}"
    response = see_other(address)
    forget_session(response)
    return response


def _refused(error: Refused) -> Response:
    signed_in = current_request().visitor.claims is not None
    if error.status == 401 and signed_in:
        # The session has ended, perhaps after too many wrong passwords.
        return end_session(see_other("/login?reason=ended"))
    if error.status == 429:
        back = "/" if signed_in else "/login"
        wait = {"wait_seconds": error.retry_after, "signed_in": signed_in}
        return _later(error_page(429, THROTTLED, back=back, **wait), error.retry_after)
    status = error.status if error.status in BY_STATUS else 400
    return error_page(status, BY_STATUS[status])


def _unavailable(error: AuthServiceError) -> Response:
    log.warning("auth-service did not give a usable answer: %s", error)
    text = CANNOT_GO_ON if current_request().visitor.claims else CANNOT_SIGN_IN
    was_sent = request.method == "POST" and isinstance(error, Unreachable)
    maybe_done = was_sent and request.path != "/login"
    return _later(error_page(503, text, maybe_done=maybe_done), error.retry_after)


def _later(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _record(event: str, reason: str) -> None:
    user_agent = current_request().caller.user_agent
    record_event(event, user_agent, reason=reason, act=request.endpoint)

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
from web_frontend.forms import FORMS, LOGIN, NEXT_PAGES
from web_frontend.languages import marked
from web_frontend.notices import tell
from web_frontend.refusals import RefusedRequest
from web_frontend.refused_forms import advice_text, answer_refused_form
from web_frontend.rendering import form_page, gettext, page, see_other
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
    marked("That did not work"),
    marked("The request could not be understood. Go back and try again."),
    "input_validation_fail",
)
BY_STATUS = {
    400: NOT_UNDERSTOOD,
    403: ErrorText(marked("Not allowed"), marked("You may not do that.")),
    404: ErrorText(
        marked("Page not found"),
        marked("There is no page at this address. Check it, or go to the home page."),
    ),
    405: ErrorText(
        marked("That did not work"),
        marked("This page cannot be used in that way. Go to the home page."),
    ),
    411: ErrorText(
        marked("That did not work"),
        marked("The form was sent without its length. Go back and send it again."),
        "input_validation_fail",
    ),
    413: ErrorText(
        marked("The form is too large"),
        marked("Go back, shorten it and send it again."),
        "input_validation_fail",
    ),
    500: ErrorText(
        marked("Something went wrong"),
        marked("This is our fault. Try again in a moment."),
        "sys_crash",
    ),
    502: ErrorText(
        marked("Something went wrong"),
        marked("This is our fault. Please tell the operator of this site."),
    ),
}
"""Every other status is answered as a 400."""

CLOSED = ErrorText(
    marked("Registration is closed"), marked("Ask the operator of this site for an account.")
)
RENAME_OFF = ErrorText(
    marked("Usernames cannot be changed here"),
    marked("Ask the operator of this site for another username."),
)
THROTTLED = ErrorText(
    marked("Too many attempts"), marked("There were too many wrong passwords in a row.")
)
NOT_POSSIBLE = ErrorText(
    marked("This is not possible just now"),
    marked("The sign-in service is busy or cannot be reached."),
)
HALF_SIGNED_OUT = ErrorText(
    marked("You are signed out here"),
    marked(
        "This browser has forgotten your session, but the sign-in service could not be told to "
        "end it: someone with a stolen cookie could stay signed in until the session expires. To "
        "be safe, sign in later and change your password: that ends every other session."
    ),
)


def error_page(status: int, text: ErrorText, /, back: str = "/", **context: Any) -> Response:
    """Return an error page whose button leads to `back`."""
    context = {"message": gettext(text.text), **context}
    return page(
        "error.html",
        status,
        title=gettext(text.title),
        status=status,
        back=back,
        request_id=current_request().caller.request_id,
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
    more = {}
    if isinstance(error, RefusedRequest):
        more = {"message": gettext(error.explanation, url=services().settings.url)}
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
    _record(error.event, type(error).__name__)
    answer = answer_refused_form(error)
    if answer is not None:
        return answer
    back = request.path if request.path in NEXT_PAGES else "/"
    return error_page(400, NOT_UNDERSTOOD, back=back, message=advice_text(error))


def _signed_out(error: SignedOut) -> Response:
    _record("authz_fail", error.reason or "signed out")
    # Only routes of ours require a session, so the path is one of ours.
    response = see_other(f"{LOGIN}?next={request.path}")
    forget_session(response)
    if error.reason:
        return tell(response, error.reason)
    # A form of the account was open when the visitor signed out.
    return tell(response, "signed-out-elsewhere") if request.method == "POST" else response


def _refused(error: Refused) -> Response:
    is_signed_in = current_request().visitor.claims is not None
    if error.status == 401 and is_signed_in:
        return tell(end_session(see_other(LOGIN)), "ended-just-now")
    if error.status == 429:
        wait = error.retry_after
        return _later(_form_or_error_page(429, THROTTLED, wait_seconds=wait), wait)
    status = error.status if error.status in BY_STATUS else 400
    return error_page(status, BY_STATUS[status])


def _unavailable(error: AuthServiceError) -> Response:
    log.warning("auth-service did not give a usable answer: %s", error)
    wait = error.retry_after
    answer = _form_or_error_page(
        503, NOT_POSSIBLE, maybe_done=_maybe_done(error), wait_seconds=wait
    )
    return _later(answer, wait)


def _maybe_done(error: AuthServiceError) -> str:
    """Return what to say if the form may have been carried out all the same, or ""."""
    was_sent = request.method == "POST" and isinstance(error, Unreachable)
    form = FORMS.get(request.path)
    return gettext(form.maybe_done) if was_sent and form and form.maybe_done else ""


def _form_or_error_page(status: int, text: ErrorText, /, **context: Any) -> Response:
    """Return the form that was sent, with the error above it, or an error page."""
    form = FORMS.get(request.path)
    if form is None or not form.is_shown_again or request.method != "POST":
        back = request.path if request.path in NEXT_PAGES else _start_page()
        return error_page(status, text, back=back, **context)
    message = gettext(form.not_possible if status == 503 else text.text)
    request_id = current_request().caller.request_id
    return form_page(form(), status, {None: [message]}, request_id=request_id, **context)


def _start_page() -> str:
    return "/" if current_request().visitor.claims else LOGIN


def _later(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _record(event: str, reason: str) -> None:
    user_agent = current_request().caller.user_agent
    record_event(event, user_agent, reason=reason, act=request.endpoint)

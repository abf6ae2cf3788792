"""Signing in and out."""

from contextlib import suppress

from flask import Blueprint, Response, request

from web_frontend.auth_service.answers import AuthServiceError, Issued, Refused
from web_frontend.browser_session import begin_session, end_session
from web_frontend.errors import HALF_SIGNED_OUT, error_page
from web_frontend.forms import DASHBOARD, LoginForm, text_of
from web_frontend.rendering import form_page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services
from web_frontend.views.notices import done, reason

sign_in = Blueprint("sign_in", __name__)


@sign_in.get("/login")
def form() -> Response:
    """Show the form, and say why a session ended or that an account was deleted."""
    if current_request().visitor.claims:
        return see_other(DASHBOARD)
    empty = LoginForm(next=request.args.get("next"))
    return form_page(empty, reason=reason(), done=done())


@sign_in.post("/login")
def login() -> Response:
    """Sign in, and redirect to the requested page."""
    sent = LoginForm()
    if not sent.validate():
        return form_page(sent, 401)
    state = current_request()
    try:
        issued = services().auth.sign_in(
            text_of(sent.username),
            text_of(sent.password),
            state.sent.device_tokens,
            state.caller,
        )
    except Refused as error:
        if error.status != 401:
            raise
        return form_page(sent, 401, {None: ["Incorrect username or password."]})
    return begin_session_in_place_of_the_former(issued, sent.next.data or DASHBOARD)


@sign_in.post("/logout")
def logout() -> Response:
    """End the session and clear the cookie, whatever else goes wrong."""
    response = see_other("/login")
    state = current_request()
    if state.visitor.signed:
        try:
            services().auth.end(state.visitor.token, state.caller)
        except Refused:
            pass  # its key was revoked meanwhile, so the session has ended
        except AuthServiceError as error:
            response = error_page(503, HALF_SIGNED_OUT, back="/login")
            response.headers["Retry-After"] = str(error.retry_after)
    return end_session(response)


def begin_session_in_place_of_the_former(issued: Issued, address: str) -> Response:
    """Redirect with the new session, and end the one that this browser had before."""
    state = current_request()
    former = state.visitor
    response = begin_session(issued, address)
    if former.signed:
        with suppress(AuthServiceError):
            services().auth.end(former.token, state.caller)
    return response

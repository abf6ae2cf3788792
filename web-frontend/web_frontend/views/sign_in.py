"""Signing in and out."""

from contextlib import suppress

from flask import Blueprint, Response, request

from web_frontend.auth_service.answers import AuthServiceError, Issued, Refused
from web_frontend.browser_session import begin_session, end_session
from web_frontend.errors import HALF_SIGNED_OUT, error_page
from web_frontend.forms import DASHBOARD, LOGIN, LOGOUT, NEXT_PAGES, LoginForm, text_of
from web_frontend.notices import tell
from web_frontend.rendering import form_page, gettext, page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services

sign_in = Blueprint("sign_in", __name__)


@sign_in.get(LOGIN)
def form() -> Response:
    """Show the form."""
    address = NEXT_PAGES.get(request.args.get("next", ""))
    if current_request().visitor.claims:
        return see_other(address or DASHBOARD)
    return form_page(LoginForm(next=address))


@sign_in.post(LOGIN)
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
        return form_page(sent, 401, {None: [gettext("Incorrect username or password.")]})
    return begin_session_in_place_of_the_former(issued, sent.next.data or DASHBOARD)


@sign_in.get(LOGOUT)
def confirm_logout() -> Response:
    """Show a button; a link alone signs nobody out."""
    if current_request().visitor.claims is None:
        return see_other(LOGIN)
    return page("signout.html")


@sign_in.post(LOGOUT)
def logout() -> Response:
    """End the session and clear the cookie, whatever else goes wrong."""
    response = tell(see_other(LOGIN), "signed-out")
    state = current_request()
    if state.visitor.signed:
        try:
            services().auth.end(state.visitor.token, state.caller)
        except Refused:
            pass  # its key was revoked meanwhile, so the session has ended
        except AuthServiceError as error:
            response = error_page(503, HALF_SIGNED_OUT, back=LOGIN)
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

"""The form for a new account."""

from flask import Blueprint, Response, request

from web_frontend.auth_service.answers import Refused
from web_frontend.errors import CLOSED, error_page
from web_frontend.field_errors import form_again
from web_frontend.forms import DASHBOARD, LOGIN, NEXT_PAGES, REGISTER, RegisterForm, text_of
from web_frontend.rendering import form_page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services
from web_frontend.views.sign_in import begin_session_in_place_of_the_former

registration = Blueprint("registration", __name__)


@registration.get(REGISTER)
def form() -> Response:
    """Show the form."""
    address = NEXT_PAGES.get(request.args.get("next", ""))
    if current_request().visitor.claims:
        return see_other(address or DASHBOARD)
    if services().settings.registration == "closed":
        return error_page(403, CLOSED, back=LOGIN)
    return form_page(RegisterForm(next=address))


@registration.post(REGISTER)
def register() -> Response:
    """Make the account and sign its owner in."""
    if services().settings.registration == "closed":
        return error_page(403, CLOSED, back=LOGIN)
    sent = RegisterForm()
    state = current_request()
    try:
        issued = services().auth.register(
            text_of(sent.username),
            text_of(sent.password),
            text_of(sent.display_name),
            state.sent.device_tokens,
            state.caller,
        )
    except Refused as error:
        return form_again(sent, error, "password")
    return begin_session_in_place_of_the_former(issued, sent.next.data or DASHBOARD)

"""The form for a new account."""

from flask import Blueprint, Response

from web_frontend.auth_service.answers import Refused
from web_frontend.errors import CLOSED, error_page
from web_frontend.forms import DASHBOARD, RegisterForm, text_of
from web_frontend.rendering import form_page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services
from web_frontend.views.sign_in import begin_session_in_place_of_the_former

registration = Blueprint("registration", __name__)


@registration.get("/register")
def form() -> Response:
    """Show the form."""
    if current_request().visitor.claims:
        return see_other(DASHBOARD)
    if services().settings.registration == "closed":
        return error_page(403, CLOSED, back="/login")
    return form_page(RegisterForm())


@registration.post("/register")
def register() -> Response:
    """Make the account and sign its owner in."""
    if services().settings.registration == "closed":
        return error_page(403, CLOSED, back="/login")
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
        if error.status == 409:
            taken = {"username": ["This username is taken. Choose another."]}
            return form_page(sent, 409, taken)
        if error.status == 422 and error.errors:
            return form_page(sent, 422, error.errors)
        raise
    return begin_session_in_place_of_the_former(issued, DASHBOARD)

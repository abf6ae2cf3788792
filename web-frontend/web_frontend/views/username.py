"""The page for another user name, where DOORWARD_RENAME is on."""

from flask import Blueprint, Response

from web_frontend.auth_service.answers import Refused
from web_frontend.browser_session import begin_session, require_session
from web_frontend.errors import RENAME_OFF, error_page
from web_frontend.field_errors import field_errors
from web_frontend.forms import ACCOUNT, DASHBOARD, USERNAME, UsernameForm, text_of
from web_frontend.notices import tell
from web_frontend.rendering import form_page, gettext
from web_frontend.request_state import current_request
from web_frontend.services import services

username = Blueprint("username", __name__)


@username.get(USERNAME)
def form() -> Response:
    """Show the form."""
    require_session()
    if not services().settings.rename_allowed:
        return error_page(403, RENAME_OFF, back=ACCOUNT)
    return form_page(UsernameForm())


@username.post(USERNAME)
def change() -> Response:
    """Change the user name. All sessions end, and a new one begins here."""
    require_session()
    if not services().settings.rename_allowed:
        return error_page(403, RENAME_OFF, back=ACCOUNT)
    sent = UsernameForm()
    empty = empty_fields(sent)
    if empty:
        return form_page(sent, 422, empty)
    state = current_request()
    name = text_of(sent.username)
    password = text_of(sent.password)
    try:
        issued = services().auth.change_username(state.visitor.token, name, password, state.caller)
    except Refused as error:
        return form_again(sent, error)
    return tell(begin_session(issued, DASHBOARD), "username-changed")


def empty_fields(sent: UsernameForm) -> dict[str, list[str]]:
    """Return messages for the fields of the form that are empty."""
    messages = {}
    if not sent.username.data:
        messages["username"] = [gettext("Enter a username.")]
    if not sent.password.data:
        messages["password"] = [gettext("Enter your password.")]
    return messages


def form_again(sent: UsernameForm, error: Refused) -> Response:
    """Return the form with its errors. Raises `error` if it is not about the form."""
    if error.status == 409:
        taken = {"username": [gettext("This username is taken. Choose another.")]}
        return form_page(sent, 409, taken)
    if error.code == "incorrect-password":
        return form_page(sent, 422, {"password": [gettext("Incorrect password.")]})
    if error.status == 422 and error.errors:
        return form_page(sent, 422, field_errors(sent, error.errors))
    raise error

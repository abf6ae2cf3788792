"""The page for another user name, where DOORWARD_RENAME is on."""

from flask import Blueprint, Response

from web_frontend.auth_service.answers import Refused
from web_frontend.browser_session import begin_session, require_session
from web_frontend.errors import RENAME_OFF, error_page
from web_frontend.field_errors import form_again
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
        return form_again(sent, error, "password")
    return tell(begin_session(issued, DASHBOARD), "username-changed")


def empty_fields(sent: UsernameForm) -> dict[str, list[str]]:
    """Return messages for the fields of the form that are empty."""
    messages = {}
    if not sent.username.data:
        messages["username"] = [gettext("Enter a username.")]
    if not sent.password.data:
        messages["password"] = [gettext("Enter your password.")]
    return messages

"""The pages for sessions, password, display name and account."""

from flask import Blueprint, Response, abort, request

from web_frontend.auth_service.answers import Refused
from web_frontend.browser_session import begin_session, end_session, require_session
from web_frontend.field_errors import form_again
from web_frontend.forms import (
    ACCOUNT,
    DASHBOARD,
    DELETE,
    DISPLAY_NAME,
    LOGIN,
    PASSWORD,
    SESSIONS,
    DeleteForm,
    DisplayNameForm,
    PasswordForm,
    SessionsForm,
    text_of,
)
from web_frontend.notices import tell
from web_frontend.rendering import form_page, gettext, page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services

SESSIONS_A_PAGE = 10
"""A user may have fifty sessions, and a page with all of them would be too long."""

account = Blueprint("account", __name__)


@account.get("/.well-known/change-password")
def change_password() -> Response:
    """Redirect password managers to the page (W3C, A Well-Known URL for Changing Passwords)."""
    return see_other(PASSWORD)


@account.get(SESSIONS)
def sessions() -> Response:
    """List the visitor's sessions, this device first."""
    require_session()
    state = current_request()
    listed = services().auth.sessions(state.visitor.token, state.caller)
    listed.sort(key=lambda session: not session.current)
    number = page_number(len(listed))
    first = (number - 1) * SESSIONS_A_PAGE
    return page(
        "sessions.html",
        sessions=listed[first : first + SESSIONS_A_PAGE],
        first=first,
        total=len(listed),
        page=number,
    )


@account.post(SESSIONS)
def end_sessions() -> Response:
    """End one session or all others; ask for the password if auth-service requires it."""
    claims = require_session()
    form = SessionsForm()
    require_one_choice(form, claims.session_id)
    if form.password.raw_data and not form.password.data:
        errors = {"password": [gettext("Enter your password.")]}
        return form_page(form, 422, errors)
    try:
        end_chosen_sessions(form)
    except Refused as error:
        if error.code == "reauthentication-required":
            return form_page(form, 403)
        if error.status != 404:  # otherwise it has ended already
            return form_again(form, error, "password")
    where = "" if form.page.data in ("", "1") else f"?page={form.page.data}"
    response = see_other(f"{SESSIONS}{where}")
    return tell(response, "others-ended" if form.others.data else "one-ended")


@account.get(ACCOUNT)
def overview() -> Response:
    """Show the forms for display name, password and deletion."""
    claims = require_session()
    return page(
        "account.html",
        display_name_form=DisplayNameForm(display_name=claims.display_name),
        password_form=PasswordForm(),
        delete_form=DeleteForm(),
    )


@account.get(PASSWORD)
def password_form() -> Response:
    """Show the form for a new password."""
    require_session()
    return form_page(PasswordForm())


@account.post(PASSWORD)
def password() -> Response:
    """Change the password. All sessions end, and a new one begins here."""
    require_session()
    form = PasswordForm()
    empty = empty_passwords(form)
    if empty:
        return form_page(form, 422, empty)
    current = text_of(form.current_password) if form.asks_for_current else None
    new = text_of(form.new_password)
    state = current_request()
    try:
        issued = services().auth.change_password(state.visitor.token, current, new, state.caller)
    except Refused as error:
        if error.code == "reauthentication-required":
            again = gettext("Enter your current password once more.")
            return form_page(form, 422, {"current_password": [again]})
        # Both passwords are judged in one answer.
        was_right = error.status == 422 and "current_password" not in error.errors
        return form_again(form, error, "current_password", current_was_right=was_right)
    return tell(begin_session(issued, DASHBOARD), "password-changed")


@account.get(DISPLAY_NAME)
def display_name_form() -> Response:
    """Show the form for the display name."""
    claims = require_session()
    return form_page(DisplayNameForm(display_name=claims.display_name))


@account.post(DISPLAY_NAME)
def display_name() -> Response:
    """Change the display name; the session goes on."""
    claims = require_session()
    form = DisplayNameForm()
    state = current_request()
    name = text_of(form.display_name)
    try:
        issued = services().auth.change_display_name(state.visitor.token, name, state.caller)
    except Refused as error:
        return form_again(form, error, "display_name")
    state.visitor = services().visitors.with_token(claims, issued.token)
    return tell(see_other(DASHBOARD), "name-changed")


@account.get(DELETE)
def delete_form() -> Response:
    """Show the form for deleting the account."""
    require_session()
    return form_page(DeleteForm())


@account.post(DELETE)
def delete() -> Response:
    """Delete the account."""
    require_session()
    form = DeleteForm()
    if not form.validate():
        return form_page(form)
    state = current_request()
    try:
        services().auth.delete_account(state.visitor.token, text_of(form.password), state.caller)
    except Refused as error:
        return form_again(form, error, "password")
    return tell(end_session(see_other(LOGIN)), "deleted")


def page_number(total: int) -> int:
    """Return the requested page number, or the nearest existing one."""
    asked = request.args.get("page", 1, int)
    last = max(-(-total // SESSIONS_A_PAGE), 1)
    return min(max(asked, 1), last)


def require_one_choice(form: SessionsForm, own_id: str) -> None:
    """Answer 400 unless the form asks for one thing that this page can do."""
    if not form.validate() or bool(form.end.data) == bool(form.others.data):
        abort(400)
    # The visitor's own session ends by signing out, which clears the cookie too. For auth-service,
    # "current" is the id of the own session.
    if form.end.data in ("current", own_id):
        abort(400)


def end_chosen_sessions(form: SessionsForm) -> None:
    """End the sessions that the form names; enter the password first if it came."""
    state = current_request()
    auth = services().auth
    token = state.visitor.token
    if form.password.data:
        auth.reauthenticate(token, form.password.data, state.caller)
    if form.others.data:
        auth.end_other_sessions(token, state.caller)
    else:
        auth.end_session(token, text_of(form.end), state.caller)


def empty_passwords(form: PasswordForm) -> dict[str, list[str]]:
    """Return messages if the current password is asked for and was not entered."""
    if not form.asks_for_current or form.current_password.data:
        # auth-service judges both in one answer.
        return {}
    messages = {"current_password": [gettext("Enter your current password.")]}
    if not form.new_password.data:
        messages["new_password"] = [gettext("Enter a new password.")]
    return messages

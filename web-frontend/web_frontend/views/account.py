"""The pages for sessions, password, display name and account."""

from flask import Blueprint, Response, abort, request

from web_frontend.auth_service.answers import Refused
from web_frontend.browser_session import begin_session, end_session, require_session
from web_frontend.forms import (
    DASHBOARD,
    DELETE,
    DISPLAY_NAME,
    PASSWORD,
    SESSIONS,
    DeleteForm,
    DisplayNameForm,
    PageForm,
    PasswordForm,
    SessionsForm,
    text_of,
)
from web_frontend.rendering import form_page, page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services
from web_frontend.views.notices import done

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
        done=done(),
        bound=services().settings.renew_seconds,
    )


@account.post(SESSIONS)
def end_sessions() -> Response:
    """End one session or all others; ask for the password if auth-service requires it."""
    claims = require_session()
    form = SessionsForm()
    require_one_wish(form, claims.session_id)
    if form.password.raw_data and not form.password.data:
        errors = {"password": ["Enter your password."]}
        return form_page(form, 422, errors, username=claims.username)
    try:
        end_wanted_sessions(form)
    except Refused as error:
        if error.code == "reauthentication-required":
            return form_page(form, 403, username=claims.username)
        if error.status != 404:  # otherwise it has ended already
            return form_again(form, error, "password", claims.username)
    action = "others" if form.others.data else "one"
    where = "" if form.page.data in ("", "1") else f"page={form.page.data}&"
    return see_other(f"{SESSIONS}?{where}done={action}")


@account.get(PASSWORD)
def password_form() -> Response:
    """Show the form for a new password."""
    claims = require_session()
    return form_page(PasswordForm(), username=claims.username)


@account.post(PASSWORD)
def password() -> Response:
    """Change the password. All sessions end, and a new one begins here."""
    claims = require_session()
    form = PasswordForm()
    if not form.validate():
        return form_page(form, username=claims.username)
    current = text_of(form.current_password)
    new = text_of(form.new_password)
    state = current_request()
    try:
        issued = services().auth.change_password(state.visitor.token, current, new, state.caller)
    except Refused as error:
        return form_again(form, error, "current_password", claims.username)
    return begin_session(issued, f"{DASHBOARD}?done=password")


@account.get(DISPLAY_NAME)
def display_name_form() -> Response:
    """Show the form for the display name."""
    claims = require_session()
    form = DisplayNameForm(display_name=claims.display_name)
    return form_page(form, username=claims.username)


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
        return form_again(form, error, "display_name", claims.username)
    state.visitor = services().visitors.with_token(claims, issued.token)
    return see_other(f"{DASHBOARD}?done=name")


@account.get(DELETE)
def delete_form() -> Response:
    """Show the form for deleting the account."""
    claims = require_session()
    return form_page(DeleteForm(), username=claims.username)


@account.post(DELETE)
def delete() -> Response:
    """Delete the account."""
    claims = require_session()
    form = DeleteForm()
    if not form.validate():
        return form_page(form, username=claims.username)
    state = current_request()
    try:
        services().auth.delete_account(state.visitor.token, text_of(form.password), state.caller)
    except Refused as error:
        return form_again(form, error, "password", claims.username)
    return end_session(see_other("/login?done=deleted"))


def page_number(total: int) -> int:
    """Return the requested page number, or the nearest existing one."""
    asked = request.args.get("page", 1, int)
    last = max(-(-total // SESSIONS_A_PAGE), 1)
    return min(max(asked, 1), last)


def require_one_wish(form: SessionsForm, own_id: str) -> None:
    """Answer 400 unless the form asks for one thing that this page can do."""
    if not form.validate() or bool(form.end.data) == bool(form.others.data):
        abort(400)
    # The visitor's own session ends by signing out, which clears the cookie too. For auth-service,
    # "current" is the id of the own session.
    if form.end.data in ("current", own_id):
        abort(400)


def end_wanted_sessions(form: SessionsForm) -> None:
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


def form_again(form: PageForm, error: Refused, field: str, username: str) -> Response:
    """Return the form with its errors. Raises `error` if it is not about the form."""
    if error.code == "incorrect-password":
        return form_page(form, 422, {field: ["Incorrect password."]}, username=username)
    if error.status == 422 and error.errors:
        return form_page(form, 422, error.errors, username=username)
    raise error

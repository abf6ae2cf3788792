"""The pages where people see to their sessions, their password and their account."""

from flask import Blueprint, Response, abort, g, request

from web_frontend.auth_answers import Refused
from web_frontend.forms import (
    DASHBOARD,
    DELETE,
    PASSWORD,
    SESSIONS,
    DeleteForm,
    PasswordForm,
    SessionsForm,
)
from web_frontend.pages import pages

SESSIONS_A_PAGE = 10
"""There may be fifty; more at once would make the page heavier than any other."""

account = Blueprint("account", __name__)


@account.get("/.well-known/change-password")
def change_password() -> Response:
    """Lead password managers to the page (W3C, A Well-Known URL for Changing Passwords)."""
    return pages().redirect(PASSWORD)


@account.get(SESSIONS)
def sessions() -> Response:
    """Show where the visitor is signed in, this device first."""
    pages().member()
    listed = pages().auth.sessions(g.visitor.token, g.caller)
    listed.sort(key=lambda session: not session.current)
    page = max(request.args.get("page", 1, int), 1)
    first = min(page - 1, max(len(listed) - 1, 0) // SESSIONS_A_PAGE) * SESSIONS_A_PAGE
    return pages().render(
        "sessions.html",
        sessions=listed[first : first + SESSIONS_A_PAGE],
        first=first,
        total=len(listed),
        page=first // SESSIONS_A_PAGE + 1,
        done=pages().done(),
        bound=pages().settings.renew_seconds,
    )


@account.post(SESSIONS)
def end_sessions() -> Response:
    """End one session or all others; ask for the password first where auth-service demands it."""
    claims = pages().member()
    username = claims.username
    form = SessionsForm()
    session_id, others = form.end.data or "", form.others.data == "true"
    if not form.validate() or bool(session_id) == others:
        abort(400)
    # Signing out is how this session ends: it clears the cookie too. auth-service takes "current"
    # for an id.
    if session_id in ("current", claims.session_id):
        abort(400)
    try:
        if form.password.raw_data:
            if not form.password.data:
                return pages().form_page(
                    form, 422, {"password": ["Enter your password."]}, username=username
                )
            pages().auth.reauthenticate(g.visitor.token, form.password.data, g.caller)
        if others:
            pages().auth.end_other_sessions(g.visitor.token, g.caller)
        else:
            pages().auth.end_session(g.visitor.token, session_id, g.caller)
    except Refused as error:
        if error.code == "reauthentication-required":
            return pages().form_page(form, 403, username=username)
        if error.status != 404:  # otherwise it has ended already
            return _form_again(form, error, "password", username)
    page = "" if form.page.data in ("", "1") else f"page={form.page.data}&"
    return pages().redirect(f"{SESSIONS}?{page}done={'others' if others else 'one'}")


@account.route(PASSWORD, methods=["GET", "POST"])
def password() -> Response:
    """Show the form for a new password, or set it: then every session ends, and one begins here."""
    username = pages().member().username
    form = PasswordForm()
    if not form.validate_on_submit():
        return pages().form_page(form, username=username)
    current, new = form.current_password.data or "", form.new_password.data or ""
    try:
        issued = pages().auth.change_password(g.visitor.token, current, new, g.caller)
    except Refused as error:
        return _form_again(form, error, "current_password", username)
    return pages().signed_in(issued, f"{DASHBOARD}?done=password")


@account.route(DELETE, methods=["GET", "POST"])
def delete() -> Response:
    """Say what deleting the account means, or delete it."""
    username = pages().member().username
    form = DeleteForm()
    if not form.validate_on_submit():
        return pages().form_page(form, username=username)
    try:
        pages().auth.delete_account(g.visitor.token, form.password.data or "", g.caller)
    except Refused as error:
        return _form_again(form, error, "password", username)
    return pages().signed_out(pages().redirect("/login?reason=deleted"))


def _form_again(form: object, error: Refused, field: str, username: str) -> Response:
    """Return the form with what is wrong with it; any other refusal goes on to `http_errors`."""
    wrong = {field: ["Incorrect password."]} if error.code == "incorrect-password" else {}
    errors = wrong or (error.errors if error.status == 422 else {})
    if not errors:
        raise error
    return pages().form_page(form, 422, errors, username=username)

"""The pages and their forms."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, request

from session_contract.tokens import Claims
from web_frontend.auth_client import AuthServiceError, Issued, Refused
from web_frontend.csrf import CsrfRejected
from web_frontend.forms import DASHBOARD, LoginForm, RegisterForm
from web_frontend.pages import pages

views = Blueprint("views", __name__)


@views.get("/")
def home() -> Response:
    """Lead to where the visitor belongs."""
    return pages().redirect(DASHBOARD if g.visitor.claims else "/login")


@views.route("/register", methods=["GET", "POST"])
def register() -> Response:
    """Show the form for a new account, or make the account and sign its owner in."""
    if g.visitor.claims and request.method != "POST":
        return pages().redirect(DASHBOARD)
    if pages().settings.registration == "closed":
        message = "New accounts are made by the operator of this site."
        return pages().error(403, title="Registration is closed", message=message)
    form = RegisterForm()
    if request.method != "POST":
        return _form_page(form)
    try:
        issued = pages().auth.register(form.username.data or "", form.password.data or "", g.caller)
    except Refused as error:
        taken = {"username": ["This username is taken. Choose another."]}
        errors = taken if error.status == 409 else error.errors
        if error.status not in (409, 422) or not errors:
            raise
        return _form_page(form, error.status, errors)
    return _signed_in(issued, DASHBOARD)


@views.route("/login", methods=["GET", "POST"])
def login() -> Response:
    """Show the sign-in form and say why a session ended, or sign in and lead on."""
    if request.method != "POST":
        if g.visitor.claims:
            return pages().redirect(DASHBOARD)
        form = LoginForm(next=request.args.get("next"))
        return _form_page(form, notice=_notice(request.args.get("reason", "")))
    form = LoginForm()
    if not form.validate():
        return _form_page(form, 401, form.errors)
    try:
        issued = pages().auth.sign_in(form.username.data or "", form.password.data or "", g.caller)
    except Refused as error:
        if error.status != 401:
            raise
        return _form_page(form, 401, {None: ["Incorrect username or password."]})
    return _signed_in(issued, form.next.data or DASHBOARD)


@views.get(DASHBOARD)
def dashboard() -> Response:
    """Show whose session this is and how long it lasts, from the token alone."""
    g.visitor = visitor = pages().gate.renewed(g.visitor, g.caller)
    claims = visitor.claims
    if claims is None:
        reason = f"&reason={visitor.reason}" if visitor.reason else ""
        response = pages().redirect(f"/login?next={DASHBOARD}{reason}")
        pages().clear_session(response)
        return response
    return pages().render(
        "dashboard.html",
        username=claims.username,
        signed_in_at=_moment(claims.authenticated_at),
        idle_ends_at=_moment(claims.expires_at),
        limit_ends_at=_moment(claims.authenticated_at + pages().settings.absolute_seconds),
        offline=visitor.offline,
    )


@views.post("/logout")
def logout() -> Response:
    """End the session and clear the cookie, whatever else goes wrong."""
    signed: Claims | None = g.visitor.signed
    response = pages().redirect("/login")
    if signed:
        try:
            pages().auth.end(g.visitor.token, g.caller)
        except Refused:
            pass  # its key was revoked meanwhile: it opens nothing any more
        except AuthServiceError:
            response = pages().error(
                503,
                {"Retry-After": "5"},
                title="You are signed out here",
                message="This browser has forgotten your session, but the sign-in service could not be "
                "told to end it: a copy elsewhere may live on until it expires. If you fear that somebody "
                "has one, ask for a new password, which ends every session.",
                action={"href": "/login", "label": "Go to sign in"},
            )
        pages().mark_ended(response, signed)
    pages().clear_session(response)
    pages().renew_csrf_cookie()
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@views.app_errorhandler(CsrfRejected)
def rejected(error: CsrfRejected) -> Response:
    """Show the form that was refused again, with its user name and a good token."""
    if request.endpoint == "views.login":
        return _form_page(LoginForm(), 400, {None: [str(error)]})
    if request.endpoint == "views.register" and pages().settings.registration == "open":
        return _form_page(RegisterForm(), 400, {None: [str(error)]})
    if request.endpoint == "views.logout":
        return pages().render("signout.html", 400, message=str(error))
    return pages().error(400, title="That did not work", message=str(error))


def _form_page(
    form: LoginForm | RegisterForm, status: int = 200, errors: Mapping[Any, list[str]] = {}, **more: Any
) -> Response:
    """Return the form's page; `errors` are messages by field, under None those of the whole form."""
    listed = [{"field": name, "message": text} for name, texts in errors.items() for text in texts]
    return pages().render(form.template, status, form=form, errors=listed, **more)


def _signed_in(issued: Issued, address: str) -> Response:
    """Set the new session's cookie; the session that this browser had before ends."""
    claims = pages().gate.accepted(issued.token)
    before: Claims | None = g.visitor.signed
    response = pages().redirect(address)
    if before and before.session_id != claims.session_id:
        with suppress(AuthServiceError):
            pages().auth.end(g.visitor.token, g.caller)
        pages().mark_ended(response, before)
    pages().set_cookie(response, pages().cookies.session, issued.token)
    pages().renew_csrf_cookie()
    return response


def _notice(reason: str) -> str | None:
    settings = pages().settings
    return {
        "idle": f"You were signed out after {_in_words(settings.idle_seconds)} without activity.",
        "ended": "Your session was ended. Sign in again to go on.",
        "limit": f"You were signed out: a session lasts {_in_words(settings.absolute_seconds)} at most.",
    }.get(reason)


def _in_words(seconds: int) -> str:
    lengths = {3600: "hour", 60: "minute", 1: "second"}
    length, name = next(item for item in lengths.items() if seconds % item[0] == 0)
    count = seconds // length
    return f"{count} {name}{'' if count == 1 else 's'}"


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The pages and their forms."""

from contextlib import suppress

from flask import Blueprint, Response, g, request

from session_contract.audit_events import record_event
from web_frontend.auth_answers import AuthServiceError, Issued, Refused
from web_frontend.csrf import CsrfRejected, ForeignOrigin
from web_frontend.forms import DASHBOARD, NEXT_PAGES, LoginForm, RegisterForm
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
        return pages().error(403, problem="closed", back="/login")
    form = RegisterForm()
    if request.method != "POST":
        return pages().form_page(form)
    try:
        username, password = form.username.data or "", form.password.data or ""
        issued = pages().auth.register(username, password, pages().devices(), g.caller)
    except Refused as error:
        taken = {"username": ["This username is taken. Choose another."]}
        errors = taken if error.status == 409 else error.errors
        if error.status not in (409, 422) or not errors:
            raise
        return pages().form_page(form, error.status, errors)
    return _signed_in(issued, DASHBOARD)


@views.route("/login", methods=["GET", "POST"])
def login() -> Response:
    """Show the sign-in form and say why a session ended, or sign in and lead on."""
    if request.method != "POST":
        if g.visitor.claims:
            return pages().redirect(DASHBOARD)
        form = LoginForm(next=request.args.get("next"))
        return pages().form_page(form, reason=request.args.get("reason"))
    form = LoginForm()
    if not form.validate():
        return pages().form_page(form, 401)
    try:
        username, password = form.username.data or "", form.password.data or ""
        issued = pages().auth.sign_in(username, password, pages().devices(), g.caller)
    except Refused as error:
        if error.status != 401:
            raise
        return pages().form_page(form, 401, {None: ["Incorrect username or password."]})
    return _signed_in(issued, form.next.data or DASHBOARD)


@views.get(DASHBOARD)
def dashboard() -> Response:
    """Show whose session this is and how long it lasts, from the token alone."""
    claims = pages().member(reading=True)
    limit = claims.authenticated_at + pages().settings.absolute_seconds
    changed = bool(request.query_string) and pages().done() == "password"
    offline = g.visitor.offline
    return pages().remembered(
        "dashboard.html", claims=claims, limit=limit, offline=offline, changed=changed
    )


@views.post("/logout")
def logout() -> Response:
    """End the session and clear the cookie, whatever else goes wrong."""
    response = pages().redirect("/login")
    if g.visitor.signed:
        try:
            pages().auth.end(g.visitor.token, g.caller)
        except Refused:
            pass  # its key was revoked meanwhile: it opens nothing any more
        except AuthServiceError:
            response = pages().error(503, {"Retry-After": "5"}, "half signed out", back="/login")
    return pages().signed_out(response)


@views.app_errorhandler(CsrfRejected)
def rejected(error: CsrfRejected) -> Response:
    """Show the form that was refused again, with its user name and a good token."""
    event = "malicious_cors" if isinstance(error, ForeignOrigin) else "input_validation_fail"
    record_event(event, g.caller.user_agent, reason=type(error).__name__, act=request.endpoint)
    form = {"views.login": LoginForm, "views.register": RegisterForm}.get(request.endpoint or "")
    if form and (form is LoginForm or pages().settings.registration == "open"):
        return pages().form_page(form(), 400, {None: [str(error)]})
    if request.endpoint == "views.logout":
        return pages().render("signout.html", 400, message=str(error))
    back = request.path if request.path in NEXT_PAGES else "/"
    return pages().error(400, message=str(error), back=back)


def _signed_in(issued: Issued, address: str) -> Response:
    """Lead on in the new session; the one that this browser had before ends."""
    token, before = g.visitor.token, g.visitor.signed
    response = pages().signed_in(issued, address)
    if before:
        with suppress(AuthServiceError):
            pages().auth.end(token, g.caller)
    return response

"""Hooks before and after every request."""

from flask import Flask, Response, abort, request

from session_contract.callers import Caller, WrongCredential
from web_frontend.languages import marked
from web_frontend.refusals import RefusedRequest
from web_frontend.request_state import begin_request, current_request, has_current_request
from web_frontend.services import services

PUBLIC = {"health.livez", "health.healthz", "robots.robots_txt"}
"""Endpoints that answer every client, without checking hosts or sessions."""
CACHEABLE = PUBLIC | {"static"}


def register(app: Flask) -> None:
    """Register the hooks."""
    app.before_request(before)
    app.after_request(after)


def before() -> None:
    """Recognise the visitor, and refuse forms that are not from our pages.

    Raises CsrfRejected, WrongCredential, RefusedRequest or another HTTPException.
    """
    is_public = request.endpoint in PUBLIC
    state = begin_request(_caller(must_be_right=not is_public))
    # nginx passes the path on as it was sent, and Werkzeug takes `//x` for `/x`.
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)
    if is_public:
        return
    _check_headers()
    state.sent = services().cookies.read(request.environ.get("HTTP_COOKIE", ""))
    state.visitor = services().visitors.recognise(
        state.sent.sessions, state.sent.ended_sessions, state.caller
    )
    if state.sent.csrf:
        state.csrf_cookie = state.sent.csrf[0]
    _check_form()


def after(response: Response) -> Response:
    """Set the cookies of the request, and forbid caches to store personal answers."""
    if request.endpoint in CACHEABLE and response.status_code < 400:
        return response
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie, Accept-Language"
    if not has_current_request():
        return response
    state = current_request()
    cookies = services().cookies
    if state.visitor.fresh_token:
        cookies.set_session(response, state.visitor.fresh_token)
    if state.is_csrf_cookie_new:
        cookies.set_csrf(response, state.csrf_cookie)
    if state.is_notice_shown:
        cookies.clear_notice(response)
    return response


def _caller(*, must_be_right: bool) -> Caller:
    """Return the caller. Raises WrongCredential if the credential must be right and is wrong."""
    try:
        return services().callers.read(request.environ)
    except WrongCredential as error:
        if must_be_right:
            raise
        return error.caller


def _check_headers() -> None:
    settings = services().settings
    if not settings.is_our_host(request.environ.get("HTTP_HOST", "")):
        raise RefusedRequest(
            marked("This is not the address of this site. Its address is %(url)s.")
        )
    # A body of unknown length would be cut off at the limit, and a password with it.
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        abort(411)


def _check_form() -> None:
    if request.method in ("GET", "HEAD"):
        return
    # A request without a route gets its 404 or 405.
    if request.routing_exception is not None:
        return
    state = current_request()
    token = request.form.get("csrf_token", "")
    services().csrf.check(
        request.headers,
        state.sent.csrf,
        token,
        state.visitor.session_id,
        is_signed_in=state.visitor.claims is not None,
    )

"""The composition root: the one place where everything is built and joined."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask, Response, abort, g, jsonify, request

from session_contract.callers import CallerReader, WrongCredential
from session_contract.cookies import Cookies
from session_contract.credentials import Credential
from session_contract.keyset import KeySetFile
from session_contract.tokens import TokenVerifier
from web_frontend import http_errors
from web_frontend.account import account
from web_frontend.auth_answers import AuthServiceError
from web_frontend.auth_client import AuthClient
from web_frontend.browsers import describer
from web_frontend.csrf import CsrfProtection
from web_frontend.form_bodies import FormRequest
from web_frontend.hosts import is_our_host
from web_frontend.pages import Pages
from web_frontend.session import SessionGate
from web_frontend.settings import Settings, read_settings
from web_frontend.static_files import static_files
from web_frontend.views import views

MAXIMUM_BODY_BYTES = 16 * 1024
PUBLIC = {"livez", "healthz", "robots"}
"""Endpoints that answer whoever asks, and look neither at hosts nor at sessions."""


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Build the service, from the environment where no settings are given; `clock` returns Unix seconds.

    Raises StartupError, KeySetError: it cannot start; every problem is named.
    """
    settings = settings or read_settings()
    keys = KeySetFile(settings.key_set_file)
    app = Flask(__name__, static_folder=None)
    app.request_class = FormRequest
    app.config.update(MAX_CONTENT_LENGTH=MAXIMUM_BODY_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False
    service = Credential(settings.service_credential, settings.service_credential_file)
    edge = Credential(settings.edge_credential, settings.edge_credential_file)
    callers = CallerReader({"X-Edge-Credential": edge})
    auth = AuthClient(settings.auth_url, service)
    verifier = TokenVerifier(keys, clock)
    gate = SessionGate(verifier, auth, clock, settings.renew_seconds, settings.absolute_seconds)
    csrf = CsrfProtection(settings.csrf_key, settings.origins)
    pages = Pages(settings, app.jinja_env, Cookies(settings.https), csrf, gate, auth)
    app.extensions["web_frontend"] = pages
    static, addresses = static_files()
    app.jinja_env.auto_reload = False
    app.jinja_env.filters["browser"] = describer()
    as_moment = vars(app.jinja_env.get_template("macros.html").module)["moment"]
    app.jinja_env.filters["moment"] = lambda seconds: as_moment(
        datetime.fromtimestamp(seconds, UTC)
    )
    app.jinja_env.globals.update(
        css_url=addresses["doorward.css"],
        js_url=addresses["doorward.js"],
        icon_url=addresses["icon.svg"],
        registration_open=settings.registration == "open",
        minimum_length=settings.password_min_length,
        contact=settings.contact,
        idle_seconds=settings.idle_seconds,
        absolute_seconds=settings.absolute_seconds,
        csrf_token=pages.csrf_token,
    )

    @app.before_request
    def before() -> None:
        environ = request.environ
        is_public = request.endpoint in PUBLIC
        try:
            g.caller = callers.read(environ)
        except WrongCredential as error:
            g.caller = error.caller
            if not is_public:
                raise
        # nginx passes the path on as it was sent, and Werkzeug takes `//x` for `/x`.
        if environ["PATH_INFO"].startswith("//"):
            abort(404)
        if is_public:
            return
        if not is_our_host(environ.get("HTTP_HOST", ""), settings.hosts):
            abort(400, f"This is not the address of this site. It is reached at {settings.url}.")
        # A body of unannounced length would be cut at the limit, and a password with it.
        if "HTTP_TRANSFER_ENCODING" in environ:
            abort(411)
        # Werkzeug makes regular expressions of a boundary: a long one costs much time.
        if len(environ.get("CONTENT_TYPE", "")) > 200:
            abort(400)
        pages.before(environ)

    app.after_request(pages.after)
    app.register_blueprint(views)
    app.register_blueprint(account)
    app.register_blueprint(static)
    http_errors.register(app)

    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})

    @app.get("/healthz")
    def healthz() -> tuple[Response, int, dict[str, str]]:
        try:
            pages.auth.check_ready(g.caller)
        except AuthServiceError:
            return (
                jsonify(status="unavailable"),
                503,
                {"Retry-After": "5", "Cache-Control": "no-store"},
            )
        return jsonify(status="ok"), 200, {"Cache-Control": "no-store"}

    @app.get("/robots.txt")
    def robots() -> Response:
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain", headers=headers)

    return app

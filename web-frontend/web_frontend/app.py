"""The composition root: the one place where everything is built and joined."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, jsonify, request
from werkzeug.sansio.utils import get_host

from doorward_settings.web_frontend import Settings, read_settings
from session_contract.callers import CallerReader
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
from web_frontend.pages import Pages
from web_frontend.session import SessionGate
from web_frontend.static_files import static_files
from web_frontend.views import views

MAXIMUM_BODY_BYTES = 16 * 1024


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Build the service, from the environment where no settings are given; `clock` returns Unix seconds.

    Raises StartupError, KeySetError: it cannot start; every problem is named.
    """
    settings = settings or read_settings()
    keys = KeySetFile(settings.key_set_file)
    app = Flask(__name__, static_folder=None)
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

    @lru_cache(256)
    def is_ours(host: str) -> bool:
        return urlsplit(f"//{get_host('http', host)}").hostname in settings.hosts

    @app.before_request
    def before() -> None:
        environ = request.environ
        g.caller = callers.read(environ)
        # nginx passes the path on as it was sent, and Werkzeug takes `//x` for `/x`.
        if environ["PATH_INFO"].startswith("//"):
            abort(404)
        if request.endpoint != "livez":
            if not is_ours(environ.get("HTTP_HOST", "")):
                abort(
                    400, f"This is not the address of this site. It is reached at {settings.url}."
                )
            # A body of unannounced length would be cut at the limit, and a password with it.
            if "HTTP_TRANSFER_ENCODING" in environ:
                abort(411)
            # Werkzeug makes regular expressions of a boundary, which take the longer the longer it
            # is.
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
            auth.check_ready(g.caller)
        except AuthServiceError:
            return (
                jsonify(status="unavailable"),
                503,
                {"Retry-After": "5", "Cache-Control": "no-store"},
            )
        return jsonify(status="ok"), 200, {"Cache-Control": "no-store"}

    return app

"""The composition root: the one place where everything is built and joined."""

import time
from collections.abc import Callable

from flask import Flask
from jinja2 import Environment

from doorward_settings.web_frontend import Settings, read_settings
from session_contract.callers import CallerReader
from session_contract.cookies import Cookies
from session_contract.credentials import Credential
from session_contract.keyset import KeySetFile
from session_contract.tokens import TokenVerifier
from web_frontend import errors, hooks
from web_frontend.auth_service.client import AuthClient
from web_frontend.browser_cookies import BrowserCookies
from web_frontend.browser_session import form_token
from web_frontend.csrf import CsrfProtection
from web_frontend.form_bodies import FormRequest
from web_frontend.languages import Languages
from web_frontend.rendering import prepare_templates, templates_by_language
from web_frontend.services import Services
from web_frontend.static_files import StaticFiles
from web_frontend.views.account import account
from web_frontend.views.dashboard import dashboard
from web_frontend.views.health import health
from web_frontend.views.own_data import own_data
from web_frontend.views.registration import registration
from web_frontend.views.robots import robots
from web_frontend.views.sign_in import sign_in
from web_frontend.views.username import username
from web_frontend.visitors import Visitors

MAXIMUM_BODY_BYTES = 16 * 1024


def create_app(
    settings: Settings | None = None,
    clock: Callable[[], float] = time.time,
    auth: AuthClient | None = None,
) -> Flask:
    """Build the service, from the environment if no settings are given.

    `clock` returns Unix seconds. Tests pass `auth` in the place of auth-service.

    Raises:
        StartupError, KeySetError: it cannot start; every problem is named.
    """
    settings = settings or read_settings()
    files = StaticFiles(settings.accent_stylesheet, settings.logo)
    app = Flask(__name__, static_folder=None)
    app.request_class = FormRequest
    app.config.update(MAX_CONTENT_LENGTH=MAXIMUM_BODY_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False
    prepare_templates(app.jinja_env, settings, files.addresses, form_token, clock)
    app.extensions["web_frontend"] = build_services(settings, clock, auth, app.jinja_env)
    hooks.register(app)
    errors.register(app)
    for blueprint in (
        sign_in,
        registration,
        dashboard,
        account,
        username,
        own_data,
        health,
        robots,
    ):
        app.register_blueprint(blueprint)
    app.add_url_rule("/static/<name>", "static", files.serve)
    return app


def build_services(
    settings: Settings,
    clock: Callable[[], float],
    auth: AuthClient | None,
    templates: Environment,
) -> Services:
    """Build the collaborators of the views."""
    edge = Credential(settings.edge_credential, settings.edge_credential_file)
    if auth is None:
        service = Credential(settings.service_credential, settings.service_credential_file)
        auth = AuthClient(settings.auth_url, service)
    visitors = Visitors(
        TokenVerifier(KeySetFile(settings.key_set_file), clock),
        auth,
        clock,
        renew_seconds=settings.renew_seconds,
        absolute_seconds=settings.absolute_seconds,
    )
    languages = Languages(settings.languages)
    return Services(
        settings=settings,
        callers=CallerReader({"X-Edge-Credential": edge}),
        cookies=BrowserCookies(Cookies(settings.https)),
        csrf=CsrfProtection(settings.csrf_key, settings.origins),
        visitors=visitors,
        auth=auth,
        clock=clock,
        languages=languages,
        templates=templates_by_language(templates, languages.offered, settings),
    )

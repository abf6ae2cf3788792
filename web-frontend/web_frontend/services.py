"""The collaborators of the views."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app
from jinja2 import Environment

from doorward_settings.web_frontend import Settings
from session_contract.callers import CallerReader
from web_frontend.auth_service.client import AuthClient
from web_frontend.browser_cookies import BrowserCookies
from web_frontend.csrf import CsrfProtection
from web_frontend.languages import Languages
from web_frontend.visitors import Visitors


@dataclass(frozen=True)
class Services:
    """The collaborators of the views; the composition root puts them into `app.extensions`.

    `clock` returns Unix seconds. `templates` has the templates in each language, by its tag.
    """

    settings: Settings
    callers: CallerReader
    cookies: BrowserCookies
    csrf: CsrfProtection
    visitors: Visitors
    auth: AuthClient
    clock: Callable[[], float]
    languages: Languages
    templates: Mapping[str, Environment]


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions["web_frontend"])

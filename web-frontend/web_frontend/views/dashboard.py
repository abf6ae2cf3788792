"""The home page and the dashboard."""

from flask import Blueprint, Response

from web_frontend.browser_session import require_session
from web_frontend.forms import DASHBOARD, LOGIN
from web_frontend.rendering import page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/")
def home() -> Response:
    """Redirect to the dashboard or the sign-in page."""
    return see_other(DASHBOARD if current_request().visitor.claims else LOGIN)


@dashboard.get(DASHBOARD)
def show() -> Response:
    """Show facts about the account, and when the session ends, from the token alone."""
    claims = require_session(reading=True)
    return page(
        "dashboard.html",
        limit=claims.authenticated_at + services().settings.absolute_seconds,
        offline=current_request().visitor.offline,
    )

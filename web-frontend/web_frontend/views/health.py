"""Health checks, which answer every client and record no security event."""

from flask import Blueprint, Response, jsonify

from web_frontend.auth_service.answers import AuthServiceError
from web_frontend.request_state import current_request
from web_frontend.services import services

health = Blueprint("health", __name__)


@health.get("/livez")
def livez() -> Response:
    """Answer that this process works; the container checks itself with this."""
    return jsonify(status="ok")


@health.get("/healthz")
def healthz() -> Response:
    """Answer whether everything works, auth-service included."""
    try:
        services().auth.check_ready(current_request().caller)
    except AuthServiceError:
        response = jsonify(status="unavailable")
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    else:
        response = jsonify(status="ok")
    response.headers["Cache-Control"] = "no-store"
    return response

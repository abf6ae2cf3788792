"""Liveness and readiness, for whoever supervises the service; nginx does not route them."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify


def make_blueprint(checks: Mapping[str, Callable[[], str | None]]) -> Blueprint:
    """Return the two routes.

    Args:
        checks: name to a function that says what is wrong, or None.
    """
    health = Blueprint("health", __name__)

    @health.get("/livez")
    def livez() -> Response:
        return jsonify(status="ok")

    @health.get("/readyz")
    def readyz() -> tuple[Response, int, dict[str, str]]:
        problems = {name: problem for name, check in checks.items() if (problem := check())}
        if problems:
            return jsonify(status="unavailable", problems=problems), 503, {"Retry-After": "5"}
        return jsonify(status="ok"), 200, {}

    return health

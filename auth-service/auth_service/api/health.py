"""Health checks of the service, for containers and web-frontend; nginx does not route these."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify


class Dependency(Protocol):
    """A part that the service needs."""

    def problem(self) -> str | None:
        """Return why it cannot be used now, or None."""


def health(dependencies: Mapping[str, Dependency]) -> Blueprint:
    """Return the health checks of a service with these dependencies."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    def livez() -> dict[str, Any]:
        return {"status": "ok"}

    @blueprint.get("/readyz")
    def readyz() -> Response:
        problems = {name: dependency.problem() for name, dependency in dependencies.items()}
        found = {name: problem for name, problem in problems.items() if problem}
        if not found:
            return jsonify(status="ok")
        answer = jsonify(status="unavailable", problems=found)
        answer.status_code = 503
        answer.headers["Retry-After"] = "5"
        return answer

    return blueprint

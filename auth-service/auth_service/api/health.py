"""Whether the service lives and can work; for its supervisor, nginx does not route these."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify


class Dependency(Protocol):
    """Something that the service cannot work without."""

    def problem(self) -> str | None:
        """Say why it could not be used now, or None."""


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

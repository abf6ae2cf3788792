"""auth-service: owns accounts and sessions, and issues every session token."""

from typing import TYPE_CHECKING

from session_contract.startup import started

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """Build the service from the environment. gunicorn and `flask --app auth_service` call this."""
    from auth_service.app import create_app as build  # noqa: PLC0415 - nothing is loaded at import

    return started("auth-service", build)

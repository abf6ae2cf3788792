"""Owns accounts and sessions, and issues every session token."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """Build the service from the environment: what gunicorn and `flask --app auth_service` call.

    Exits with status 3 and one message where it cannot start; gunicorn takes 3 from a worker
    as "do not try again".
    """
    from auth_service.app import create_app as build  # noqa: PLC0415 - nothing is loaded at import
    from auth_service.errors import StartupError  # noqa: PLC0415

    try:
        return build()
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(3) from None

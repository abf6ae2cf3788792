"""Renders the pages; never touches users.json and never issues a token."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """Build the service from the environment: what gunicorn calls.

    Exits with status 3 and one message where it cannot start; gunicorn takes 3 from a worker
    as "do not try again".
    """
    from web_frontend.app import create_app as build  # noqa: PLC0415 - nothing is loaded at import
    from web_frontend.settings import StartupError  # noqa: PLC0415

    try:
        return build()
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(3) from None

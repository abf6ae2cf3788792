"""Renders the pages; never touches users.json and never issues a token."""

import sys

from flask import Flask

from web_frontend.app import create_app as build
from web_frontend.settings import StartupError


def create_app() -> Flask:
    """Build the service from the environment: what gunicorn calls.

    Exits with status 3 and one message where it cannot start; gunicorn takes 3 from a worker
    as "do not try again".
    """
    try:
        return build()
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(3) from None

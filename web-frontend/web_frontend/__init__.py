"""web-frontend: renders the pages. It never touches users.json and never issues a token."""

from flask import Flask

from session_contract.startup import started
from web_frontend.app import create_app as build


def create_app() -> Flask:
    """Build the service from the environment; gunicorn calls this."""
    return started("web-frontend", build)

"""Commands for operators: `flask --app auth_service users …` and `… keys …`."""

from flask import Flask

from auth_service.cli.keys import keys
from auth_service.cli.operator import EXTENSION, Operator
from auth_service.cli.users import users


def register_commands(app: Flask, operator: Operator) -> None:
    """Add the commands to the application."""
    app.extensions[EXTENSION] = operator
    app.cli.add_command(users)
    app.cli.add_command(keys)

"""Commands for operators: `flask --app auth_service users …`, `… sessions …` and `… keys …`."""

from flask import Flask
from flask.cli import routes_command, run_command, shell_command

from auth_service.cli.keys import keys
from auth_service.cli.operator import EXTENSION, Operator
from auth_service.cli.sessions import sessions
from auth_service.cli.users import users


def register_commands(app: Flask, operator: Operator) -> None:
    """Add the commands to the application."""
    app.extensions[EXTENSION] = operator
    for group in (users, sessions, keys):
        app.cli.add_command(group)
    for command in (run_command, shell_command, routes_command):
        # Flask's own commands are for developers. `flask --app auth_service --help` shows ours.
        command.hidden = True

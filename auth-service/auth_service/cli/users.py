"""`flask --app auth_service users …`: accounts; all commands are safe while the service runs."""

import sys

import click
from flask.cli import AppGroup

from auth_service.cli.operator import current_operator, problems_shown
from auth_service.errors import UsersFileError
from auth_service.models import User
from auth_service.storage.ports import EditableUsers

users = AppGroup("users", help="Show and change accounts; safe while the service runs.")


@users.command("list", help="Print every account: name, id, state, generation, created.")
def list_users() -> None:
    """Print every account."""
    for user in current_operator().users.all():
        state = "disabled" if user.disabled else "active"
        columns = (user.username, user.id, state, str(user.generation), user.created_at)
        click.echo("\t".join(columns))


@users.command("add", help="Make an account; asks for the password, or reads it from stdin.")
@click.argument("username")
def add(username: str) -> None:
    """Make an account."""
    with problems_shown():
        user = current_operator().administration.add(username, _new_password())
    _report(user, "user_created", "add", f"{username} was added.")


@users.command(
    "set-password", help="Ends all sessions, too; asks for the password, or reads it from stdin."
)
@click.argument("username")
def set_password(username: str) -> None:
    """Give a user a new password."""
    with problems_shown():
        user = current_operator().administration.set_password(username, _new_password())
    done = f"{username} was given a new password, and all sessions ended."
    _report(user, "authn_password_change", "set-password", done)


@users.command("unlock", help="Count wrong passwords from zero again.")
@click.argument("username")
def unlock(username: str) -> None:
    """Count wrong passwords from zero again."""
    with problems_shown():
        user = current_operator().administration.unlock(username)
    _report(user, "user_updated", "unlock", f"{username} was unlocked.")


@users.command("disable", help="Refuse the user; ends all sessions.")
@click.argument("username")
def disable(username: str) -> None:
    """Refuse a user."""
    with problems_shown():
        user = current_operator().administration.disable(username)
    _report(user, "user_updated", "disable", f"{username} was disabled.")


@users.command("enable", help="Let a disabled user sign in again.")
@click.argument("username")
def enable(username: str) -> None:
    """Let a disabled user sign in again."""
    with problems_shown():
        user = current_operator().administration.enable(username)
    _report(user, "user_updated", "enable", f"{username} was enabled.")


@users.command("remove", help="Delete the account; ends all its sessions.")
@click.argument("username")
def remove(username: str) -> None:
    """Delete an account."""
    administration = current_operator().administration
    with problems_shown():
        user = administration.find(username)
        if sys.stdin.isatty():
            question = f"Delete {user.username} ({user.id}, made {user.created_at}) for good?"
            click.confirm(question, abort=True)
        administration.remove(user)
    _report(user, "user_deleted", "remove", f"{username} was removed.")


@users.command("edit", help="Open users.json in $EDITOR, checked, with others kept out.")
def edit() -> None:
    """Let the operator edit users.json."""
    operator = current_operator()
    editor = _Editor(operator.users)
    with problems_shown():
        changed = operator.users.edit(editor.change)
    if changed:
        operator.record("user_updated", act="edit")
    click.echo("users.json was changed." if changed else "Nothing was changed.")


class _Editor:
    """Lets the operator's editor change users.json."""

    def __init__(self, store: EditableUsers) -> None:
        self._store = store

    def change(self, before: bytes) -> bytes:
        """Return the changed text; ask again until it is a valid users.json."""
        text = before.decode()
        while True:
            edited = click.edit(text, extension=".json", require_save=False)
            after = before if edited is None else edited.encode()
            try:
                self._store.check(after)
            except UsersFileError as error:
                click.echo(f"Not a users.json: {error}", err=True)
                if not sys.stdin.isatty() or not click.confirm("Edit again?", default=True):
                    raise
                text = edited or text
            else:
                return after


def _report(user: User, event: str, act: str, done: str) -> None:
    current_operator().record(event, user_id=user.id, act=act)
    click.echo(done)


def _new_password() -> str:
    """Ask twice at a terminal; otherwise take the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")

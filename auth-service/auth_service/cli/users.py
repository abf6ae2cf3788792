"""`flask --app auth_service users …`: accounts; all commands are safe while the service runs."""

import sys

import click

from auth_service.cli.account_page import print_account
from auth_service.cli.descriptions import USER_HEADER, details_fields, user_fields, user_row
from auth_service.cli.operator import OperatorGroup, current_operator
from auth_service.cli.output import as_json, print_json, print_table
from auth_service.errors import UsersFileError
from auth_service.models import User
from auth_service.storage.ports import EditableUsers

users = OperatorGroup("users", help="Show and change accounts; safe while the service runs.")


@users.command("list", help="Print every account, with its last sign-in and live sessions.")
@as_json
def list_users(*, as_json: bool) -> None:
    """Print every account."""
    accounts = current_operator().overview.of_all()
    if as_json:
        print_json([user_fields(account) for account in accounts])
    elif accounts:
        print_table(USER_HEADER, map(user_row, accounts))
    else:
        click.echo("There are no accounts. Make one with `users add NAME`.")


@users.command("show", help="Print one account, and why its user cannot sign in.")
@click.argument("username", metavar="NAME")
@as_json
def show(username: str, *, as_json: bool) -> None:
    """Print an account with its sessions and known devices."""
    operator = current_operator()
    details = operator.overview.of(operator.administration.find(username))
    if as_json:
        print_json(details_fields(details))
    else:
        print_account(details)


@users.command("add", help="Make an account; asks for the password, or reads it from stdin.")
@click.argument("username", metavar="NAME")
def add(username: str) -> None:
    """Make an account."""
    administration = current_operator().administration
    # First, so that nobody types a password twice for a name that is refused.
    administration.require_free(username)
    user = administration.add(username, _new_password())
    _report(user, "user_created", "add", "was added.")


@users.command(
    "set-password", help="Ends all sessions, too; asks for the password, or reads it from stdin."
)
@click.argument("username", metavar="NAME")
def set_password(username: str) -> None:
    """Give a user a new password."""
    administration = current_operator().administration
    administration.find(username)
    user = administration.set_password(username, _new_password())
    done = "was given a new password, and all sessions ended."
    _report(user, "authn_password_change", "set-password", done)


@users.command("unlock", help="Count wrong passwords from zero again.")
@click.argument("username", metavar="NAME")
def unlock(username: str) -> None:
    """Count wrong passwords from zero again."""
    user = current_operator().administration.unlock(username)
    _report(user, "user_updated", "unlock", "was unlocked.")


@users.command("disable", help="Refuse the user; ends all sessions.")
@click.argument("username", metavar="NAME")
def disable(username: str) -> None:
    """Refuse a user."""
    user = current_operator().administration.disable(username)
    _report(user, "user_updated", "disable", "was disabled.")


@users.command("enable", help="Let a disabled user sign in again.")
@click.argument("username", metavar="NAME")
def enable(username: str) -> None:
    """Let a disabled user sign in again."""
    user = current_operator().administration.enable(username)
    _report(user, "user_updated", "enable", "was enabled.")


@users.command("remove", help="Delete the account; ends all its sessions.")
@click.argument("username", metavar="NAME")
def remove(username: str) -> None:
    """Delete an account."""
    administration = current_operator().administration
    user = administration.find(username)
    if sys.stdin.isatty():
        question = f"Delete {user.username} ({user.id}, made {user.created_at}) for good?"
        click.confirm(question, abort=True)
    administration.remove(user)
    _report(user, "user_deleted", "remove", "was removed.")


@users.command("edit", help="Open users.json in $EDITOR, checked, with others kept out.")
def edit() -> None:
    """Let the operator edit users.json."""
    operator = current_operator()
    editor = _Editor(operator.users)
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
    """Record what was done to an account, and print it."""
    current_operator().record(event, user_id=user.id, act=act)
    click.echo(f"{user.username} {done}")


def _new_password() -> str:
    """Ask twice at a terminal; otherwise take the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")

"""Commands for operators: `flask --app auth_service users …` and `… keys …`."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import click
from flask import Flask
from flask.cli import AppGroup

from auth_service.accounts.administration import Administration
from auth_service.audit import AuditLog
from auth_service.errors import AuthServiceError, InvalidFields, UsernameTaken
from auth_service.key_files import rotate_keys
from auth_service.models import User
from auth_service.storage.users_json.codec import UsersFileError
from auth_service.storage.users_json.store import UserStore
from doorward_settings.auth_service import Settings
from session_contract.audit_events import audit_log
from session_contract.keyset import Key, KeySet, KeySetError, KeySetFile
from session_contract.log_lines import JsonLine


@dataclass(frozen=True)
class Operator:
    """What the commands work on."""

    administration: Administration
    store: UserStore
    audit: AuditLog
    settings: Settings

    def record(self, event: str, **details: str | None) -> None:
        """Record what was done, in the service's own log where that can be written to, or on stderr."""
        handler: logging.Handler = logging.StreamHandler()
        if self.settings.command_log_file:
            with suppress(OSError):
                handler = logging.FileHandler(self.settings.command_log_file)
        handler.setFormatter(JsonLine("auth-service", dict))
        audit_log.addHandler(handler)
        self.audit.record(event, None, **details)
        audit_log.removeHandler(handler)
        handler.close()


def register(app: Flask, operator: Operator) -> None:
    """Add the commands to the application."""
    app.cli.add_command(_users(operator))
    app.cli.add_command(_keys(operator))


def _users(operator: Operator) -> AppGroup:
    users = AppGroup("users", help="Show and change accounts; safe while the service runs.")
    accounts, store = operator.administration, operator.store

    def change(
        name: str, event: str, done: str, explanation: str, act: Callable[[str], User]
    ) -> None:
        @users.command(name, help=explanation)
        @click.argument("username")
        def command(username: str) -> None:
            with _problems_shown():
                user = act(username)
            operator.record(event, user_id=user.id, act=name)
            click.echo(f"{username} was {done}.")

    @users.command("list", help="Print every account: name, id, state, generation, created.")
    def list_() -> None:
        for user in store.all():
            state = "disabled" if user.disabled else "active"
            click.echo(f"{user.username}\t{user.id}\t{state}\t{user.generation}\t{user.created_at}")

    @users.command("edit", help="Open users.json in $EDITOR, checked, with others kept out.")
    def edit() -> None:
        with _problems_shown():
            changed = store.edit(lambda before: _in_editor(before, store))
        if changed:
            operator.record("user_updated", act="edit")
        click.echo("users.json was changed." if changed else "Nothing was changed.")

    def remove(username: str) -> User:
        if sys.stdin.isatty():
            user = accounts.known(username, store)
            click.confirm(
                f"Delete {user.username} ({user.id}, made {user.created_at}) for good?", abort=True
            )
        return accounts.remove(username)

    asks = "asks for the password, or reads it from stdin"
    change("add", "user_created", "added", f"Make an account; {asks}.", _asking(accounts.add))
    new = "given a new password, and all sessions ended"
    set_password = _asking(accounts.set_password)
    change(
        "set-password",
        "authn_password_change",
        new,
        f"Ends all sessions, too; {asks}.",
        set_password,
    )
    change(
        "unlock",
        "user_updated",
        "unlocked",
        "Count wrong passwords from zero again.",
        accounts.unlock,
    )
    change(
        "disable",
        "user_updated",
        "disabled",
        "Refuse the user; ends all sessions.",
        accounts.disable,
    )
    change(
        "enable", "user_updated", "enabled", "Let a disabled user sign in again.", accounts.enable
    )
    change(
        "remove", "user_deleted", "removed", "Delete the account; ends all its sessions.", remove
    )
    return users


def _keys(operator: Operator) -> AppGroup:
    keys = AppGroup("keys", help="Show and change the keys that sign session tokens.")
    settings = operator.settings

    @keys.command("list", help="Print every key: name and what it is for; never the key.")
    def list_() -> None:
        key_set = KeySetFile(settings.key_set_file).current()
        for key in key_set.keys:
            click.echo(f"{key.kid}\t{_purpose(key_set, key)}")

    @keys.command("rotate", help="Sign with a new key; old ones verify until the idle limit.")
    @click.option("--revoke", is_flag=True, help="Drop the old keys at once: ends every session.")
    def rotate(revoke: bool) -> None:
        with _problems_shown():
            now = int(time.time())
            rotated = rotate_keys(settings.key_set_file, now, settings.idle_seconds, revoke=revoke)
        act = "revoke" if revoke else "rotate"
        operator.record(
            "sensitive_update", object="signing keys", act=act, key=rotated.signing_key.kid
        )
        click.echo(f"{rotated.signing_key.kid} signs from now on.")
        if revoke:
            click.echo("All older keys were dropped: everybody has to sign in again.")
        for key in rotated.keys[1:]:
            click.echo(f"{key.kid} {_purpose(rotated, key)}.")

    return keys


def _purpose(keys: KeySet, key: Key) -> str:
    if key is keys.signing_key:
        return "signs and verifies"
    if key.retires_at is None:
        return "verifies"
    does = "has verified nothing since" if key.is_retired(time.time()) else "verifies until"
    return f"{does} {datetime.fromtimestamp(key.retires_at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _asking(act: Callable[[str, str], User]) -> Callable[[str], User]:
    return lambda username: act(username, _new_password())


def _new_password() -> str:
    """Ask twice at a terminal; otherwise take the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _in_editor(before: bytes, store: UserStore) -> bytes:
    """Let the editor change a copy; asks again as long as the result is not a users.json."""
    text = before.decode()
    while True:
        edited = click.edit(text, extension=".json", require_save=False)
        after = before if edited is None else edited.encode()
        try:
            store.check(after)
        except UsersFileError as error:
            click.echo(f"Not a users.json: {error}", err=True)
            if not sys.stdin.isatty() or not click.confirm("Edit again?", default=True):
                raise
            text = edited or text
        else:
            return after


@contextmanager
def _problems_shown() -> Iterator[None]:
    """Tell the operator what is wrong in words, with a non-zero exit status."""
    try:
        yield
    except InvalidFields as error:
        messages = [message for field in error.errors.values() for message in field]
        raise click.ClickException(" ".join(messages)) from None
    except UsernameTaken:
        raise click.ClickException("This username is taken.") from None
    except (AuthServiceError, UsersFileError, KeySetError, OSError) as error:
        raise click.ClickException(f"{error}. Nothing was changed.") from None

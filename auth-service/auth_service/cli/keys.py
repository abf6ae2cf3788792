"""`flask --app auth_service keys …`: the keys that sign session tokens."""

import time
from datetime import UTC, datetime

import click

from auth_service.cli.operator import OperatorGroup, current_operator
from auth_service.cli.output import as_json, print_json, print_table, utc
from auth_service.key_files import rotate_keys
from session_contract.keyset import Key, KeySet, KeySetFile

keys = OperatorGroup("keys", help="Show and change the keys that sign session tokens.")


@keys.command("list", help="Print the name and use of every key, never the key itself.")
@as_json
def list_keys(*, as_json: bool) -> None:
    """Print every key."""
    key_set = KeySetFile(current_operator().settings.key_set_file).current()
    if as_json:
        print_json([_fields(key_set, key) for key in key_set.keys])
    else:
        print_table(("KEY", "USE"), [(key.kid, _purpose(key_set, key)) for key in key_set.keys])


@keys.command("rotate", help="Sign with a new key; old ones verify until the idle limit.")
@click.option("--revoke", is_flag=True, help="Drop the old keys at once: ends every session.")
def rotate(*, revoke: bool) -> None:
    """Sign with a new key."""
    operator = current_operator()
    settings = operator.settings
    now = int(time.time())
    rotated = rotate_keys(settings.key_set_file, now, settings.idle_seconds, revoke=revoke)
    operator.record(
        "sensitive_update",
        object="signing keys",
        act="revoke" if revoke else "rotate",
        key=rotated.signing_key.kid,
    )
    click.echo(f"{rotated.signing_key.kid} signs from now on.")
    if revoke:
        click.echo("All older keys were dropped: everybody has to sign in again.")
    for key in rotated.keys[1:]:
        click.echo(f"{key.kid} {_purpose(rotated, key)}.")


def _fields(key_set: KeySet, key: Key) -> dict[str, str | bool | None]:
    """Return a key's name and use for JSON; docs/operations.md lists the fields."""
    return {
        "key": key.kid,
        "signs": key is key_set.signing_key,
        "verifies": not key.is_retired(time.time()),
        "retires_at": None if key.retires_at is None else utc(key.retires_at),
    }


def _purpose(key_set: KeySet, key: Key) -> str:
    if key is key_set.signing_key:
        return "signs and verifies"
    if key.retires_at is None:
        return "verifies"
    state = "has verified nothing since" if key.is_retired(time.time()) else "verifies until"
    return f"{state} {datetime.fromtimestamp(key.retires_at, UTC):%Y-%m-%d %H:%M:%S} UTC"

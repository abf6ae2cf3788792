"""What `users show` prints for people."""

from datetime import UTC, datetime

import click

from auth_service.cli.descriptions import (
    DEVICE_HEADER,
    SESSION_HEADER,
    device_row,
    opening_of_new_devices,
    session_row,
    state_of_new_devices,
    user_fields,
)
from auth_service.cli.output import minute, print_table, printable
from auth_service.usecases.account_overview import AccountDetails


def print_account(details: AccountDetails) -> None:
    """Print an account, whether its user can sign in, the live sessions and the known devices."""
    for label, value in _facts(details):
        click.echo(f"{label + ':':<15}{printable(value)}")
    click.echo()
    for sentence in _sentences(details):
        click.echo(sentence)
    if details.sessions:
        click.echo("\nLive sessions")
        print_table(SESSION_HEADER, map(session_row, details.sessions))
    if details.standing.devices:
        click.echo("\nKnown devices")
        print_table(DEVICE_HEADER, map(device_row, details.standing.devices))


def _facts(details: AccountDetails) -> list[tuple[str, str]]:
    fields = user_fields(details.summary)
    last = fields["last_sign_in_at"]
    return [
        ("Name", fields["username"]),
        ("Id", fields["id"]),
        ("State", fields["state"]),
        ("Display name", fields["display_name"] or "none"),
        ("Former names", ", ".join(fields["former_usernames"]) or "none"),
        ("Created", f"{minute(fields['created_at'])} UTC"),
        ("Last sign-in", f"{minute(last)} UTC" if last else "not known"),
        ("Live sessions", str(fields["live_sessions"])),
    ]


def _sentences(details: AccountDetails) -> list[str]:
    """Say whether the user can sign in, and what to do if not."""
    user = details.summary.user
    if user.disabled:
        return [
            f"{user.username} cannot sign in, because the account is disabled. "
            f"Let the user in again with `users enable {user.username}`."
        ]
    return [_of_new_devices(details), _of_known_devices(details)]


def _of_new_devices(details: AccountDetails) -> str:
    failures = details.standing.new_devices_failures
    unlock = f"`users unlock {details.summary.user.username}`"
    state = state_of_new_devices(details.standing)
    if state == "locked":
        return (
            f"New devices are locked out after {failures} wrong passwords in a row, until the "
            f"password changes or you type {unlock}."
        )
    opens_at = opening_of_new_devices(details)
    if opens_at is not None:
        until = f"{datetime.fromtimestamp(opens_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return (
            f"New devices have to wait until {until}, after {failures} wrong passwords in a row. "
            f"End the wait with {unlock}."
        )
    return f"New devices may sign in. {_so_far(failures)}"


def _of_known_devices(details: AccountDetails) -> str:
    standing = details.standing
    if not standing.devices:
        return "No device is known, so every device counts as a new one."
    if standing.known_devices_closed:
        return (
            f"Known devices count as new ones after {standing.known_devices_failures} wrong "
            "passwords in a row, until the next sign-in, a new password, or "
            f"`users unlock {details.summary.user.username}`."
        )
    return f"Known devices may sign in. {_so_far(standing.known_devices_failures)}"


def _so_far(failures: int) -> str:
    return f"Wrong passwords in a row: {failures}."

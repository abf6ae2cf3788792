"""How commands describe accounts and sessions. docs/operations.md lists the JSON fields."""

import math
from typing import Any

from auth_service.audit import short
from auth_service.cli.output import minute, utc
from auth_service.guessing.standing import KnownDevice, Standing
from auth_service.models import User
from auth_service.sessions.service import OwnedSession
from auth_service.usecases.account_overview import AccountDetails, AccountSummary

USER_HEADER = (
    "NAME",
    "ID",
    "STATE",
    "DISPLAY NAME",
    "CREATED (UTC)",
    "LAST SIGN-IN (UTC)",
    "SESSIONS",
)
SESSION_HEADER = ("SESSION", "USER", "SIGNED IN (UTC)", "LAST USED (UTC)", "ADDRESS", "BROWSER")
DEVICE_HEADER = ("DEVICE", "LAST USED (UTC)", "WRONG PASSWORDS", "COUNTS AS")

BROWSER_WIDTH = 60
"""Characters of a User-Agent in a table; JSON has all of it."""


def user_fields(summary: AccountSummary) -> dict[str, Any]:
    """Return an account for JSON."""
    user = summary.user
    return {
        "username": user.username,
        "id": user.id,
        "state": _state(user),
        "display_name": user.display_name,
        "former_usernames": list(user.former_usernames),
        "created_at": user.created_at,
        "last_sign_in_at": None if summary.last_sign_in is None else utc(summary.last_sign_in),
        "live_sessions": summary.live_sessions,
    }


def user_row(summary: AccountSummary) -> tuple[str, ...]:
    """Return an account as a row below USER_HEADER."""
    user = summary.user
    return (
        user.username,
        user.id,
        _state(user),
        user.display_name,
        minute(user.created_at),
        "not known" if summary.last_sign_in is None else minute(utc(summary.last_sign_in)),
        str(summary.live_sessions),
    )


def session_fields(owned: OwnedSession) -> dict[str, Any]:
    """Return a session for JSON."""
    record = owned.record
    return {
        "id": record.id,
        "username": owned.user.username,
        "user_id": owned.user.id,
        "created_at": utc(record.created_at),
        "renewed_at": utc(record.renewed_at),
        "ends_at": utc(record.ends_at),
        "client_address": record.client_address,
        "user_agent": record.user_agent,
    }


def session_row(owned: OwnedSession) -> tuple[str, ...]:
    """Return a session as a row below SESSION_HEADER."""
    record = owned.record
    return (
        short(record.id),
        owned.user.username,
        minute(utc(record.created_at)),
        minute(utc(record.renewed_at)),
        record.client_address,
        record.user_agent[:BROWSER_WIDTH],
    )


def device_fields(device: KnownDevice) -> dict[str, Any]:
    """Return a known device for JSON."""
    return {
        "device": short(device.hash),
        "last_used_at": utc(device.used_at),
        "wrong_passwords": device.failures,
        "trusted": device.is_trusted,
    }


def device_row(device: KnownDevice) -> tuple[str, ...]:
    """Return a known device as a row below DEVICE_HEADER."""
    return (
        short(device.hash),
        minute(utc(device.used_at)),
        str(device.failures),
        "known" if device.is_trusted else "new",
    )


def details_fields(details: AccountDetails) -> dict[str, Any]:
    """Return all about an account for JSON."""
    standing = details.standing
    opens_at = opening_of_new_devices(details)
    return {
        **user_fields(details.summary),
        "new_devices": {
            "state": state_of_new_devices(standing),
            "wrong_passwords": standing.new_devices_failures,
            "opens_at": None if opens_at is None else utc(opens_at),
        },
        "known_devices": {
            "state": "locked" if standing.known_devices_closed else "open",
            "wrong_passwords": standing.known_devices_failures,
        },
        "sessions": [session_fields(owned) for owned in details.sessions],
        "devices": [device_fields(device) for device in standing.devices],
    }


def state_of_new_devices(standing: Standing) -> str:
    """Return "open", "waiting" or "locked"."""
    if standing.new_devices_wait == 0:
        return "open"
    return "locked" if math.isinf(standing.new_devices_wait) else "waiting"


def opening_of_new_devices(details: AccountDetails) -> int | None:
    """Return when the wait of new devices ends, in Unix seconds; None if none wait."""
    if state_of_new_devices(details.standing) != "waiting":
        return None
    return math.ceil(details.seen_at + details.standing.new_devices_wait)


def _state(user: User) -> str:
    return "disabled" if user.disabled else "active"

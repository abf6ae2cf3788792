"""Known devices: browsers and programs from which somebody has signed in before.

These are OWASP's "device cookies": other people's wrong guesses do not delay a caller with the
token of a device that is known for the account.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from auth_service.models import Account, GuessCounter, GuessCounters, User
from auth_service.storage.ports import Guesses
from session_contract.cookies import DEVICE_SECONDS

DEVICE_FAILURES = 10
DEVICES_PER_USER = 20

_TOKENS = re.compile(r"[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43}){0,3}")


@dataclass(frozen=True)
class Devices:
    """Hands out the tokens of devices."""

    guesses: Guesses

    def remember(self, user: User, presented: str) -> str:
        """Return the token of a device from which the user has just signed in.

        It is the one of the `presented` tokens that is known for the user, or else a new one of 256
        random bits; an unknown value is never adopted. It is valid for a year after its last use,
        and for this generation of the user. Raises Unavailable.
        """
        tokens = by_hash(presented)
        new_token = secrets.token_urlsafe(32)
        with self.guesses.open_account(Account.of(user)) as account:
            known = known_device(tokens, account.counters, account.now)
            account.use_device(known or hash_of(new_token), limit=DEVICES_PER_USER)
        return tokens[known] if known else new_token


def known_device(hashes: Iterable[str], counters: GuessCounters, now: float) -> str | None:
    """Return the first hash that belongs to a known device at `now` (Unix seconds).

    A device is forgotten a year after its last use, and no longer trusted after ten failures.
    """
    for device in hashes:
        counter = counters[device]
        if is_remembered(counter, now) and is_trusted(counter):
            return device
    return None


def is_remembered(device: GuessCounter, now: float) -> bool:
    """Whether a device was used in the last year; `now` is in Unix seconds."""
    return now - device.used_at < DEVICE_SECONDS


def is_trusted(device: GuessCounter) -> bool:
    """Whether a device has failed fewer than ten times in a row."""
    return device.failures < DEVICE_FAILURES


def by_hash(presented: str) -> dict[str, str]:
    """Split up to four tokens, joined with ".", and return them by hash; none if malformed."""
    tokens = presented.split(".") if _TOKENS.fullmatch(presented) else []
    return {hash_of(token): token for token in tokens}


def hash_of(token: str) -> str:
    """Return the hash of a token; the database holds only that."""
    return sha256(token.encode()).hexdigest()

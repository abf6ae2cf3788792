"""Known devices: browsers and programs from which somebody has signed in before.

OWASP's "device cookies": what strangers guess elsewhere does not hold up whoever shows the token
of a device that is known for the account.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from auth_service.models import Account, Counts, User
from auth_service.storage.sql.guesses import GuessRecords
from session_contract.cookies import DEVICE_SECONDS

DEVICE_FAILURES = 10
DEVICES_PER_USER = 20

_TOKENS = re.compile(r"[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43}){0,3}")


@dataclass(frozen=True)
class Devices:
    """Hands out the tokens of devices."""

    records: GuessRecords

    def remember(self, user: User, presented: str) -> str:
        """Return the token of a device from which the user has just signed in.

        That is the one of the `presented` tokens that is known for the user, or a new one of 256
        random bits: a value that came from elsewhere is never adopted. It is good for a year after
        its last use, and for this generation of the user. Raises Unavailable.
        """
        tokens, minted = by_hash(presented), secrets.token_urlsafe(32)
        find = partial(known_device, tokens)
        lane = self.records.remember(Account.of(user), find, hash_of(minted), DEVICES_PER_USER)
        return tokens.get(lane, minted)


def known_device(lanes: Iterable[str], counts: Counts, now: float) -> str | None:
    """Return the first lane that is of a device, neither forgotten nor revoked at `now` (Unix seconds)."""
    for lane in lanes:
        if now - counts[lane].used_at < DEVICE_SECONDS and counts[lane].failures < DEVICE_FAILURES:
            return lane
    return None


def by_hash(presented: str) -> dict[str, str]:
    """Return up to four tokens joined with "." by their hashes, which name lanes; none if malformed."""
    tokens = presented.split(".") if _TOKENS.fullmatch(presented) else []
    return {hash_of(token): token for token in tokens}


def hash_of(token: str) -> str:
    """Return what is kept of a token: who reads the database gets none."""
    return sha256(token.encode()).hexdigest()

"""Decides who may guess now and which counters count the guess (NIST SP 800-63B-4, 3.2.2).

At most 100 guesses in a row may fail. Strangers have 80 of them, with growing delays. The other 20
are for the owner, who has a known device or a session and is not delayed by strangers.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from auth_service.errors import TooManyAttempts
from auth_service.guessing.devices import known_device
from auth_service.models import OWNER, STRANGERS, GuessCounters

STRANGERS_GUESSES = 80
OWNERS_GUESSES = 20
FREE_FAILURES = 4
LONGEST_DELAY = 900


class GuessPolicy(Protocol):
    """Decides on one guess."""

    def choose(self, counters: GuessCounters, now: float, /) -> Iterable[str]:
        """Return the counters that the guess is counted in; `now` is in Unix seconds.

        Raises:
            TooManyAttempts: the guess must not be made.
        """


@dataclass(frozen=True)
class SignInPolicy:
    """For a sign-in, with the hashes of its device tokens."""

    device_hashes: Iterable[str]

    def choose(self, counters: GuessCounters, now: float) -> Iterable[str]:
        """Count for a known device and the owner, otherwise for strangers."""
        device = known_device(self.device_hashes, counters, now)
        if device and not owner_is_closed(counters):
            return (device, OWNER)
        _require_open_to_strangers(counters, now)
        return (STRANGERS,)


class OwnerPolicy:
    """For a password that the user enters in a session."""

    def choose(self, counters: GuessCounters, _now: float) -> Iterable[str]:
        """Count for the owner."""
        if owner_is_closed(counters):
            raise TooManyAttempts("closed", LONGEST_DELAY)
        return (OWNER,)


def strangers_wait(counters: GuessCounters, now: float) -> float:
    """Return for how many more seconds strangers must wait: 0 for not at all, infinite if closed.

    `now` is in Unix seconds. What is closed opens with a new password or `users unlock`.
    """
    strangers = counters[STRANGERS]
    if strangers.failures >= STRANGERS_GUESSES:
        return math.inf
    if strangers.failures <= FREE_FAILURES:
        return 0.0
    delay: int = min(2 ** (strangers.failures - FREE_FAILURES - 1), LONGEST_DELAY)
    # If the clock was set back, nobody waits for longer than the delay.
    return max(0.0, delay - abs(now - strangers.used_at))


def owner_is_closed(counters: GuessCounters) -> bool:
    """Whether the owner's known devices and sessions have failed too often."""
    return counters[OWNER].failures >= OWNERS_GUESSES


def _require_open_to_strangers(counters: GuessCounters, now: float) -> None:
    wait = strangers_wait(counters, now)
    if math.isinf(wait):
        raise TooManyAttempts("closed", LONGEST_DELAY)
    if wait > 0:
        raise TooManyAttempts("too soon", math.ceil(wait))

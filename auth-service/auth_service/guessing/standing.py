"""Who may guess the password of an account at the moment, and its known devices."""

from dataclasses import dataclass

from auth_service.guessing.devices import is_remembered, is_trusted
from auth_service.guessing.policies import owner_is_closed, strangers_wait
from auth_service.models import OWNER, STRANGERS, GuessCounters


@dataclass(frozen=True)
class KnownDevice:
    """A browser or program from which the user has signed in before.

    `hash` is that of its token. `used_at` is the time of its last use in Unix seconds, `failures`
    how many guesses in a row have failed since. A device that is not trusted counts as a new one.
    """

    hash: str
    used_at: float
    failures: int
    is_trusted: bool


@dataclass(frozen=True)
class Standing:
    """How many guesses in a row have failed, and who may guess now.

    New devices must wait for `new_devices_wait` seconds, which is 0 if they may guess and infinite
    until a new password or `users unlock`. If `known_devices_closed`, known devices count as new
    ones, and sessions that ask for the password refuse it.
    """

    new_devices_failures: int
    new_devices_wait: float
    known_devices_failures: int
    known_devices_closed: bool
    devices: list[KnownDevice]


def standing(counters: GuessCounters, now: float) -> Standing:
    """Describe an account by its counters at `now` (Unix seconds)."""
    return Standing(
        new_devices_failures=counters[STRANGERS].failures,
        new_devices_wait=strangers_wait(counters, now),
        known_devices_failures=counters[OWNER].failures,
        known_devices_closed=owner_is_closed(counters),
        devices=known_devices(counters, now),
    )


def known_devices(counters: GuessCounters, now: float) -> list[KnownDevice]:
    """Return the known devices at `now` (Unix seconds), the one used last first."""
    devices = [
        KnownDevice(name, counter.used_at, counter.failures, is_trusted(counter))
        for name, counter in counters.items()
        if name not in {STRANGERS, OWNER} and is_remembered(counter, now)
    ]
    return sorted(devices, key=lambda device: device.used_at, reverse=True)

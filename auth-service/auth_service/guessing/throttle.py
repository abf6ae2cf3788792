"""How often passwords may be guessed, per account (NIST SP 800-63B-4, section 3.2.2).

At most 100 guesses in a row may fail. Strangers have 80 of them, with growing delays; 20 are
kept for the owner, who is known by a device or a session and held up by nothing that strangers do.
"""

import hashlib
import hmac
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Condition, Semaphore

from auth_service.errors import Busy, TooManyAttempts, Unavailable
from auth_service.guessing.devices import by_hash, known_device
from auth_service.models import OWNER, STRANGERS, Account, Counts, Reservation, User
from auth_service.storage.sql.guesses import GuessRecords
from auth_service.storage.users_json.store import UserStore
from session_contract.cookies import DEVICE_SECONDS

STRANGERS_GUESSES = 80
OWNERS_GUESSES = 20
FREE_FAILURES = 4
LONGEST_DELAY = 900
PURGE_SECONDS = 3600
LOCK_SECONDS = RETRY_SECONDS = 2
WAIT_SECONDS = 1.0
"""For others of the account; after it a guess may wait 3 s to be hashed, and callers wait 4.5 s in all."""
GUESSES_AT_ONCE = 32
"""Together with the registrations that may wait for a hash fewer than gunicorn has threads."""

Choose = Callable[[Counts, float], Iterable[str]]


@dataclass
class Throttle:
    """Lets a guess be made or refuses it.

    A guess is counted as failed before its password is hashed, so that none is lost in a crash
    and none that is made at the same time passes unseen. It is given back if it was not hashed
    after all, and a right one sets its lane to zero.

    `users` says whose counts are needed no longer; `clock` returns Unix seconds; for `wait_seconds`
    a guess may wait for others of the same account.
    """

    records: GuessRecords
    users: UserStore
    clock: Callable[[], float]
    wait_seconds: float
    _purge_at: float = field(default=0, init=False)
    _turn: Condition = field(default_factory=Condition, init=False)
    _hashing: Counter[Account] = field(default_factory=Counter, init=False)
    _places: Semaphore = field(default_factory=lambda: Semaphore(GUESSES_AT_ONCE), init=False)

    def guess(
        self, user: User | None, canonical: str, device_token: str
    ) -> AbstractContextManager[None]:
        """Return a context in which a password is checked: if it ends without an error, it was right.

        Args:
            user: whose password it may be, None for an unknown name: that is treated alike.
            canonical: the name as it was typed, in canonical form.
            device_token: up to four tokens of devices, as they were presented.

        The context raises:
            TooManyAttempts: before anything was hashed.
            Busy: too many are checked at once, or others of this account take too long.
            Unavailable: the guess could not be counted, so it must not be made.
        """
        account, lanes = self._account(user, canonical), by_hash(device_token)

        def choose(counts: Counts, now: float) -> tuple[str, ...]:
            device = known_device(lanes, counts, now)
            if device and counts[OWNER].failures < OWNERS_GUESSES:
                return device, OWNER
            _check_strangers(counts, now)
            return (STRANGERS,)

        return self._counted(account, choose)

    def owner_guess(self, user: User) -> AbstractContextManager[None]:
        """Return the same for a guess in a session of the user's own.

        It counts among those that are kept for the owner, and its success sets them to zero.
        """

        def choose(counts: Counts, _now: float) -> tuple[str, ...]:
            if counts[OWNER].failures >= OWNERS_GUESSES:
                raise TooManyAttempts("closed", LONGEST_DELAY)
            return (OWNER,)

        return self._counted(Account.of(user), choose)

    def unlock(self, user: User) -> None:
        """Set the user's counts to zero. Raises Unavailable."""
        self.records.reset(Account.of(user))

    def pseudonym(self, name: str) -> str:
        """Return 16 hexadecimal characters that stand for a name in logs, always the same ones."""
        return self._digest("pseudonym", name)[:8].hex()

    def _account(self, user: User | None, canonical: str) -> Account:
        # The same work for both: an unknown name has one of 65,536 buckets, which nobody can
        # foretell.
        bucket = int.from_bytes(self._digest("bucket", canonical)[:2])
        return Account(str(bucket), 0) if user is None else Account.of(user)

    def _digest(self, purpose: str, name: str) -> bytes:
        message = f"{purpose}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.records.key, message, hashlib.sha256)

    @contextmanager
    def _counted(self, account: Account, choose: Choose) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy("too many passwords are checked at once", RETRY_SECONDS)
        try:
            self._purge()
            reservation = self._reserve(account, choose)
            try:
                yield
            except Busy:
                self.records.give_back(reservation)
                raise
            else:
                self.records.clear(reservation)
            finally:
                with self._turn:
                    self._hashing[account] -= 1
                    self._hashing += Counter()  # drops what is zero
                    self._turn.notify_all()
        finally:
            self._places.release()

    def _reserve(self, account: Account, choose: Choose) -> Reservation:
        """Reserve a guess; wait while others of the account are hashed that may make room for it."""
        end = time.monotonic() + self.wait_seconds
        if not self._turn.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("guesses are counted too slowly")
        try:
            while True:
                try:
                    reservation = self.records.reserve(account, choose)
                except TooManyAttempts:
                    if not self._hashing[account]:
                        raise
                    if not self._turn.wait(end - time.monotonic()):
                        raise Busy(
                            "others of the same account took too long", RETRY_SECONDS
                        ) from None
                else:
                    self._hashing[account] += 1
                    return reservation
        finally:
            self._turn.release()

    def _purge(self) -> None:
        """Once an hour delete what is kept for users and devices that are no more."""
        now = self.clock()
        if now >= self._purge_at:
            self._purge_at = now + PURGE_SECONDS
            self.records.purge(self._is_current, now - DEVICE_SECONDS)

    def _is_current(self, account: Account) -> bool:
        user = self.users.get(account.subject)
        return user is not None and user.generation <= account.generation


def _check_strangers(counts: Counts, now: float) -> None:
    """Return if a stranger may guess now (Unix seconds). Raises TooManyAttempts."""
    failures, used_at = counts[STRANGERS].failures, counts[STRANGERS].used_at
    if failures >= STRANGERS_GUESSES:
        raise TooManyAttempts("closed", LONGEST_DELAY)
    if failures > FREE_FAILURES:
        delay = min(2 ** (failures - FREE_FAILURES - 1), LONGEST_DELAY)
        # A clock that was set back must not keep anybody out for longer than that.
        wait = delay - abs(now - used_at)
        if wait > 0:
            raise TooManyAttempts("too soon", math.ceil(wait))

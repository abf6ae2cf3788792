"""Limits guesses per account; guessing/policies.py has the numbers."""

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Condition, Semaphore

from auth_service.errors import Busy, TooManyAttempts, Unavailable
from auth_service.guessing.devices import by_hash
from auth_service.guessing.policies import GuessPolicy, OwnerPolicy, SignInPolicy
from auth_service.models import Account, Reservation, User
from auth_service.storage.ports import Guesses, Users
from session_contract.cookies import DEVICE_SECONDS

PURGE_SECONDS = 3600
LOCK_SECONDS = 2
RETRY_SECONDS = 2
WAIT_SECONDS = 1.0
"""How long a guess waits for others of the account.

After that it may wait 3 s for its hash, and callers wait 4.5 s in all.
"""
GUESSES_AT_ONCE = 32
"""Together with those that may wait for a hash or a write, fewer than gunicorn's threads."""


class Throttle:
    """Lets a guess be made or refuses it.

    A guess is counted as failed before its password is hashed, so that a crash loses none and
    guesses at the same time cannot exceed the limit. It is given back if it was not hashed after
    all. A right guess sets its counters to zero.
    """

    def __init__(
        self, guesses: Guesses, users: Users, clock: Callable[[], float], wait_seconds: float
    ) -> None:
        """Build the throttle.

        Args:
            guesses: the counts.
            users: shows whose counts are no longer needed.
            clock: returns Unix seconds.
            wait_seconds: how long a guess waits at most for others of the same account.
        """
        self.guesses = guesses
        self._users = users
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._purge_at = 0.0
        self._turn = Condition()
        self._hashing: Counter[Account] = Counter()
        self._places = Semaphore(GUESSES_AT_ONCE)

    def guess(
        self, user: User | None, canonical: str, device_token: str
    ) -> AbstractContextManager[None]:
        """Return a context for checking a password; the guess was right if it raises nothing.

        Args:
            user: the user, or None for an unknown name, which is treated in the same way.
            canonical: the name that was typed, in canonical form.
            device_token: up to four device tokens, as they were sent.

        The context raises:
            TooManyAttempts: before anything was hashed.
            Busy: too many are checked at once, or others of this account take too long.
            Unavailable: the guess cannot be counted and must not be made.
        """
        return self._counted(self._account(user, canonical), SignInPolicy(by_hash(device_token)))

    def owner_guess(self, user: User) -> AbstractContextManager[None]:
        """Return the same for a guess in one of the user's sessions.

        It counts among the owner's guesses, and a right one sets these to zero.
        """
        return self._counted(Account.of(user), OwnerPolicy())

    def wrong_so_far(self, user: User) -> int:
        """Return how many wrong passwords were ever entered for the user in this generation.

        They come from anywhere: strangers, known devices, and sessions that asked for the password
        again. A guess that was refused or could not be hashed does not count; one that is being
        hashed does, until it turns out right. Raises Unavailable.
        """
        return self.guesses.wrong_so_far(Account.of(user))

    def pseudonym(self, name: str) -> str:
        """Return the pseudonym of a name in logs: 16 hexadecimal characters, always the same."""
        return self._digest("pseudonym", name)[:8].hex()

    def _account(self, user: User | None, canonical: str) -> Account:
        # Both cases do the same work. An unknown name has one of 65,536 buckets, which nobody can
        # predict without the key.
        bucket = int.from_bytes(self._digest("bucket", canonical)[:2])
        return Account(str(bucket), 0) if user is None else Account.of(user)

    def _digest(self, purpose: str, name: str) -> bytes:
        message = f"{purpose}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.guesses.key, message, hashlib.sha256)

    @contextmanager
    def _counted(self, account: Account, policy: GuessPolicy) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy("too many passwords are checked at once", RETRY_SECONDS)
        try:
            self._purge()
            reservation = self._reserve_in_turn(account, policy)
            try:
                yield
            except Busy:
                self.guesses.give_back(reservation)
                raise
            else:
                self.guesses.clear(reservation)
            finally:
                self._leave(account)
        finally:
            self._places.release()

    def _reserve_in_turn(self, account: Account, policy: GuessPolicy) -> Reservation:
        """Reserve a guess; wait while another one may turn out right and make it possible."""
        end = time.monotonic() + self._wait_seconds
        if not self._turn.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("guesses are counted too slowly")
        try:
            while True:
                try:
                    reservation = self._reserve(account, policy)
                except TooManyAttempts:
                    if not self._hashing[account]:
                        raise
                else:
                    self._hashing[account] += 1
                    return reservation
                if not self._turn.wait(end - time.monotonic()):
                    raise Busy("others of the same account took too long", RETRY_SECONDS)
        finally:
            self._turn.release()

    def _reserve(self, account: Account, policy: GuessPolicy) -> Reservation:
        with self.guesses.open_account(account) as opened:
            return opened.reserve(policy.choose(opened.counters, opened.now))

    def _leave(self, account: Account) -> None:
        """Wake the guesses that wait for this account."""
        with self._turn:
            self._hashing[account] -= 1
            if not self._hashing[account]:
                del self._hashing[account]
            self._turn.notify_all()

    def _purge(self) -> None:
        """Once an hour, delete the counts of users and devices that no longer exist."""
        now = self._clock()
        if now < self._purge_at:
            return
        self._purge_at = now + PURGE_SECONDS
        gone = [account for account in self.guesses.accounts() if not self._is_current(account)]
        self.guesses.purge(gone, unused_since=now - DEVICE_SECONDS)

    def _is_current(self, account: Account) -> bool:
        user = self._users.get(account.subject)
        return user is not None and user.generation <= account.generation

"""Password hashing that leaves the machine responsive."""

import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import bcrypt as bcrypt_library
from flask_bcrypt import Bcrypt

from auth_service.accounts.passwords import to_bytes
from auth_service.errors import Busy
from auth_service.models import PasswordScheme

WAIT_SECONDS = 3.0
RETRY_SECONDS = 2
LOWEST_PRIORITY = 19
PLAIN_BYTES = 72
"""How many bytes of a password bcrypt reads."""

Result = TypeVar("Result")


class PasswordHasher:
    """Hashes and checks passwords in as many threads as there are cores, first come, first served.

    New hashes are bcrypt over SHA-256 of the password ("bcrypt-sha256"). Hashes that were made
    elsewhere are checked too: "bcrypt" is bcrypt of the password itself, and "unknown" is one of
    these two.

    bcrypt releases the interpreter, so several threads use several cores. They have the lowest
    priority, so pages and renewals go first. A caller is refused after three seconds in the queue,
    and at once if `waiting` others are in it.
    """

    def __init__(
        self,
        bcrypt: Bcrypt,
        rounds: int,
        waiting: int,
        wait_seconds: float = WAIT_SECONDS,
        slots: int = 0,
    ) -> None:
        self._bcrypt = bcrypt
        self._rounds = rounds
        self._wait_seconds = wait_seconds
        slots = slots or len(os.sched_getaffinity(0))
        self._places = threading.BoundedSemaphore(waiting + slots)
        self._pool = ThreadPoolExecutor(slots, "hash", initializer=_lower_priority)
        # No password has this hash, because its digest is random.
        self._nobody = bcrypt_library.gensalt(rounds).decode() + secrets.token_hex(16)[:31]

    def hash(self, password: str) -> str:
        """Return a new hash.

        Raises:
            Busy: too many others wait.
        """
        data = to_bytes(password)
        return self._run(lambda: self._generate(data))

    def check(
        self, password_hash: str | None, password: str, scheme: PasswordScheme = "bcrypt-sha256"
    ) -> bool:
        """Whether the password has this hash. None stands for an unknown user and never matches.

        None and a hash of a lower cost take the same time as any other. Only a hash of an unknown
        scheme and of the full cost takes twice as long, because both schemes are tried.

        Raises:
            Busy: too many others wait.
        """
        data = to_bytes(password)
        against = password_hash or self._nobody
        matches = self._run(lambda: self._check_in_full_time(against, data, scheme))
        return matches and password_hash is not None

    def exchange(
        self,
        password_hash: str,
        password: str,
        new_password: str,
        scheme: PasswordScheme = "bcrypt-sha256",
    ) -> str | None:
        """Return a hash of the new password, or None if the other password has another hash.

        It waits in the queue only once, so that the answer comes before the caller gives up.

        Raises:
            Busy: too many others wait.
        """
        data, new = to_bytes(password), to_bytes(new_password)

        def work() -> str | None:
            return self._generate(new) if self._matches(password_hash, data, scheme) else None

        return self._run(work)

    def is_outdated(self, password_hash: str, scheme: PasswordScheme = "bcrypt-sha256") -> bool:
        """Whether the hash has a lower cost or another scheme than new ones."""
        return _cost(password_hash) < self._rounds or scheme != "bcrypt-sha256"

    def _generate(self, data: bytes) -> str:
        return bytes(self._bcrypt.generate_password_hash(data, self._rounds)).decode()

    def _check_in_full_time(self, against: str, data: bytes, scheme: PasswordScheme) -> bool:
        # A hash of a lower cost must not show that a name is known. 2^old and 2^old … 2^(new-1) add
        # up to 2^new. Trying both schemes already takes twice 2^old.
        lowest = _cost(against)
        if scheme == "unknown":
            lowest += 1
        for cost in range(lowest, self._rounds):
            filler = f"{self._nobody[:4]}{cost:02}{self._nobody[6:]}"
            self._bcrypt.check_password_hash(filler, data)
        return self._matches(against, data, scheme)

    def _matches(self, against: str, data: bytes, scheme: PasswordScheme) -> bool:
        is_ours = is_plain = False
        if scheme != "bcrypt":
            is_ours = bool(self._bcrypt.check_password_hash(against, data))
        if scheme != "bcrypt-sha256":
            is_plain = bcrypt_library.checkpw(data[:PLAIN_BYTES], against.encode())
        return is_ours or (is_plain and len(data) <= PLAIN_BYTES)

    def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise Busy("too many passwords wait to be hashed", RETRY_SECONDS)
        try:
            try:
                future: Future[Result] = self._pool.submit(work)
            except RuntimeError as error:
                # The process is ending, or may have no more threads.
                raise Busy(f"no password can be hashed: {error}", RETRY_SECONDS) from None
            if not wait([future], self._wait_seconds).done and future.cancel():
                raise Busy("hashing a password had to wait for too long", RETRY_SECONDS)
            return future.result()
        finally:
            self._places.release()


def _cost(password_hash: str) -> int:
    return int(password_hash.split("$")[2])


def _lower_priority() -> None:
    # On Linux each thread has its own priority, and may always lower it.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)

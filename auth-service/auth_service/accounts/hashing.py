"""Password hashing that never takes the whole machine."""

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

WAIT_SECONDS = 3.0
RETRY_SECONDS = 2
LOWEST_PRIORITY = 19

Result = TypeVar("Result")


class PasswordHasher:
    """Hashes and checks in as many threads as there are cores, first come, first served.

    bcrypt releases the interpreter, so that many threads really use that many cores, and
    they run at the lowest priority: pages and renewals go before them. Who waits longer
    than three seconds, or comes when `waiting` others wait, is sent away.
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
        self._pool = ThreadPoolExecutor(slots, "hash", initializer=_yield_to_others)
        # No password has this hash: the digest is random, and never computed.
        self._nobody = bcrypt_library.gensalt(rounds).decode() + secrets.token_hex(16)[:31]

    def hash(self, password: str) -> str:
        """Return a new hash.

        Raises:
            Busy: too many others wait.
        """
        data = to_bytes(password)
        return bytes(
            self._run(lambda: self._bcrypt.generate_password_hash(data, self._rounds))
        ).decode()

    def check(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed; for None, the same work for nothing.

        Raises:
            Busy: too many others wait.
        """
        data, against = to_bytes(password), password_hash or self._nobody

        def work() -> bool:
            # A hash of a lower cost must not tell a known name: 2^old and 2^old … 2^(new-1) make
            # 2^new.
            for cost in range(_cost(against), self._rounds):
                self._bcrypt.check_password_hash(
                    f"{self._nobody[:4]}{cost:02}{self._nobody[6:]}", data
                )
            return bool(self._bcrypt.check_password_hash(against, data))

        return self._run(work) and bool(password_hash)

    def exchange(self, password_hash: str, password: str, new_password: str) -> str | None:
        """Return a hash of the new password, or None if the other is not the one that was hashed.

        It waits once for both, so that whoever asked is still there for the answer.

        Raises:
            Busy: too many others wait.
        """
        data, new = to_bytes(password), to_bytes(new_password)

        def work() -> str | None:
            if not self._bcrypt.check_password_hash(password_hash, data):
                return None
            return bytes(self._bcrypt.generate_password_hash(new, self._rounds)).decode()

        return self._run(work)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with a lower cost than new ones are."""
        return _cost(password_hash) < self._rounds

    def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise Busy("too many passwords wait to be hashed", RETRY_SECONDS)
        try:
            try:
                future: Future[Result] = self._pool.submit(work)
            except RuntimeError as error:
                # What Python says when the process is ending, or may have no more threads.
                raise Busy(f"no password can be hashed: {error}", RETRY_SECONDS) from None
            if not wait([future], self._wait_seconds).done and future.cancel():
                raise Busy("hashing a password had to wait for too long", RETRY_SECONDS)
            return future.result()
        finally:
            self._places.release()


def _cost(password_hash: str) -> int:
    return int(password_hash.split("$")[2])


def _yield_to_others() -> None:
    # Lowering one's own priority needs no right; on Linux it is each thread's own.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)

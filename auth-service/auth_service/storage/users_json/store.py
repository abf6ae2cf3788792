"""The store of users in users.json: reads from memory, writes durably, accepts hand edits."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auth_service.errors import AuthServiceError, Busy, Unavailable, UsersFileError
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.models import User
from auth_service.storage.ports import Sessions
from auth_service.storage.users_json.changes import Addition, Change, Removal, Replacement
from auth_service.storage.users_json.codec import MINIMUM_COST, Document, parse
from auth_service.storage.users_json.reading import FileReader
from auth_service.storage.users_json.synced_users import SyncedUsers
from auth_service.storage.users_json.users_file import UsersFile
from session_contract.startup import StartupError

LOCK_SECONDS = 2.0
QUEUE_SECONDS = 5.0
WRITES_AT_ONCE = 24
"""How many changes may wait or be written at once; each holds one of gunicorn's threads."""
BUSY_SECONDS = 2
READ_SECONDS = 0.05
"""A renewal may wait this long twice, and for its database; web-frontend waits 1.5 s."""
FAILURE_SECONDS = 30.0
"""How long a failed write makes the store not ready, unless a later write succeeds."""

log = logging.getLogger(__name__)


class UserStore:
    """The accounts; see `storage.ports.Users`."""

    def __init__(
        self,
        folder: Path,
        minimum_cost: int = MINIMUM_COST,
        settle_seconds: float = 0.5,
        *,
        sessions: Sessions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open users.json in `folder`; make it if it never existed.

        Args:
            folder: the folder. If users.json is a symbolic link, all files are beside its target.
            minimum_cost: the lowest accepted cost of a hash.
            settle_seconds: how long an editor may still be saving a broken file.
            sessions: ends the sessions of a user who is about to be removed.
            clock: returns Unix seconds.

        Raises:
            StartupError: users.json is broken, of a newer schema, unreadable or missing.
        """
        self._file = UsersFile(folder / "users.json", clock)
        self._minimum_cost = minimum_cost
        reader = FileReader(self._file, self.parse, settle_seconds)
        self._users = SyncedUsers(self._file, reader, sessions, clock)
        self._places = threading.BoundedSemaphore(WRITES_AT_ONCE)
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._taking_in: threading.Thread | None = None
        self._failed_at = -math.inf
        self._failure = ""
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                self._users.open()
        except UsersFileError as error:
            copy = self._file.committed_path.name
            remedy = f"Correct it or restore a backup; {copy} is the last good version"
            raise StartupError([f"{self._file.path}, {error}. {remedy}"]) from error
        except (OSError, Unavailable) as error:
            raise StartupError([f"{self._file.path} cannot be used: {error}"]) from error

    def get(self, user_id: str) -> User | None:
        """Return the user with this id."""
        self.refresh(READ_SECONDS)
        return self._users.index.get(user_id)

    def find(self, canonical: str) -> User | None:
        """Return the user with this canonical name."""
        self.refresh(READ_SECONDS)
        return self._users.index.find(canonical)

    def holder(self, canonical: str) -> User | None:
        """Return the user who has this canonical name or had it before."""
        self.refresh(READ_SECONDS)
        return self._users.index.holder(canonical)

    def all(self) -> tuple[User, ...]:
        """Return all users in order of creation."""
        self.refresh(READ_SECONDS)
        return self._users.index.all()

    def add(self, user: User) -> None:
        """Store a new user."""
        self._commit(Addition(user))

    def replace(self, user: User, changed: User) -> None:
        """Store the fields that differ between `user` and `changed`."""
        self._commit(Replacement(user, changed))

    def remove(self, user: User) -> None:
        """Remove a user, whose sessions are ended first."""
        self._commit(Removal(user))

    def problem(self) -> str | None:
        """Return why users cannot be read or changed now, or None."""
        path = self._file.path
        if not os.access(path, os.R_OK):
            return f"{path} cannot be read"
        if not os.access(path.parent, os.W_OK):
            return f"{path} cannot be written"
        space = os.statvfs(path.parent)
        if space.f_bavail * space.f_frsize < 2 * self._file.size():
            return f"{path} cannot be written: the disk is full"
        if time.monotonic() < self._failed_at + FAILURE_SECONDS:
            return f"{path} could not be written: {self._failure}"
        return None

    def parse(self, data: bytes) -> Document:
        """Return the document in a users.json of this content. Raises UsersFileError."""
        return parse(data, self._minimum_cost)

    def check(self, text: bytes) -> None:
        """Raise UsersFileError if an edit with this text would be refused."""
        self._users.check(self.parse(text), text)

    def edit(self, editor: Callable[[bytes], bytes]) -> bool:
        """Let a person edit users.json under the lock; return whether anything changed.

        Args:
            editor: gets the text and returns the new text. It may run for minutes, and nothing
                else is written meanwhile.

        Raises:
            UsersFileError, OSError, Unavailable: nothing was changed. The edited text is put aside
                if there is space.
        """
        with file_lock(self._file.lock_path, LOCK_SECONDS):
            self._users.take_in()
            _, before = self._file.read()
            after = editor(before)
            if after == before:
                return False
            edited = self.parse(after)
            try:
                self._users.rewrite(edited, after)
            except (OSError, Unavailable, UsersFileError) as error:
                aside = self._file.put_aside(after)
                raise OSError(f"{error}. The edited text lies at {aside}") from error
            return True

    def refresh(self, seconds: float) -> None:
        """Read what another process or an editor has written.

        A thread takes an edit in. This waits `seconds` in all, for other threads and for that one;
        until it has finished, the former version is served.
        """
        end = time.monotonic() + seconds
        try:
            is_current = self._users.is_current() or self._catch_up(seconds)
        except OSError as error:
            log.error(
                "%s could not be read, the last good version serves: %s", self._file.path, error
            )
            return
        if not is_current:
            self._start_taking_in().join(max(0.0, end - time.monotonic()))

    def _catch_up(self, seconds: float) -> bool:
        """Read what another process has written; return whether that was all."""
        if not self._writing.acquire(timeout=seconds):
            return True  # the present writer takes everything in first
        try:
            # Another waiting thread may have done it by now.
            if not self._users.is_current():
                self._users.catch_up()
            return self._users.is_current()
        finally:
            self._writing.release()

    def _start_taking_in(self) -> threading.Thread:
        with self._starting:
            if self._taking_in is None or not self._taking_in.is_alive():
                self._taking_in = threading.Thread(target=self._take_in, daemon=True)
                self._taking_in.start()
            return self._taking_in

    def _take_in(self) -> None:
        try:
            with self._turn():
                self._users.take_in()
            self._failed_at = -math.inf
        except LockTimeout:
            pass  # a later request tries again
        except (OSError, AuthServiceError) as error:
            self._has_failed(error)
            log.error("users.json could not be reread, the last good version serves: %s", error)

    def _commit(self, change: Change) -> None:
        if not self._places.acquire(blocking=False):
            raise Busy("too many changes of users.json wait", BUSY_SECONDS)
        try:
            self._write(change)
        finally:
            self._places.release()

    def _write(self, change: Change) -> None:
        try:
            with self._turn():
                self._users.commit(change)
        except OSError as error:
            if not isinstance(error, LockTimeout):
                self._has_failed(error)
            log.error("users.json could not be written: %s", error)
            raise Unavailable("users.json cannot be written now") from error
        self._failed_at = -math.inf

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Become the only writer in all processes. Raises Unavailable, LockTimeout."""
        if not self._writing.acquire(timeout=QUEUE_SECONDS):
            raise Unavailable("writing users.json takes too long")
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                yield
        finally:
            self._writing.release()

    def _has_failed(self, error: Exception) -> None:
        self._failure = str(error)
        self._failed_at = time.monotonic()

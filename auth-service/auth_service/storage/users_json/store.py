"""The users, kept in users.json: read from memory, written durably, edited by hand safely."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar, cast

from auth_service.errors import AuthServiceError, Unavailable, UserChanged, UsersFileError
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.models import User
from auth_service.storage.users_json.codec import MINIMUM_COST, Document, parse
from auth_service.storage.users_json.durable_file import DurableFile
from auth_service.storage.users_json.synced_users import SyncedUsers
from auth_service.storage.users_json.user_index import Draft
from session_contract.startup import StartupError

LOCK_SECONDS = 2.0
QUEUE_SECONDS = 5.0
READ_SECONDS = 0.05
"""A renewal may wait for this four times, and for its database, until web-frontend gives up (1.5 s)."""

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class UserStore:
    """The accounts. Every read first looks whether the file was changed by somebody else."""

    def __init__(
        self, folder: Path, minimum_cost: int = MINIMUM_COST, settle_seconds: float = 0.5
    ) -> None:
        """Open users.json in `folder`; it is made if it never existed.

        A file that is broken counts as such after `settle_seconds` only: an editor may be in
        the middle of saving it. Raises StartupError if it is broken, of a newer schema,
        unreadable or gone.
        """
        self._file = DurableFile(folder / "users.json")
        self._minimum_cost = minimum_cost
        self._users = SyncedUsers(self._file, self.check, settle_seconds)
        self._refreshing, self._writing, self._queueing = (threading.Lock() for _ in range(3))
        self._queue: list[tuple[Callable[[Draft], Any], Future[Any]]] = []
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                self._users.open()
        except UsersFileError as error:
            copy = self._file.committed_path.name
            remedy = f"Correct it or restore a backup; {copy} is the last good version"
            raise StartupError([f"{self._file.path}, {error}. {remedy}"]) from error
        except OSError as error:
            raise StartupError([f"{self._file.path} cannot be used: {error}"]) from error

    def get(self, user_id: str) -> User | None:
        """Return the user with this id."""
        self.refresh(READ_SECONDS)
        return self._users.index.get(user_id)

    def find(self, canonical: str) -> User | None:
        """Return the user with this canonical name."""
        self.refresh(READ_SECONDS)
        return self._users.index.find(canonical)

    def all(self) -> tuple[User, ...]:
        """Return all users in order of creation."""
        self.refresh(READ_SECONDS)
        return self._users.index.all()

    def add(self, user: User) -> None:
        """Store a new user; see `storage.ports.Users`."""
        self.write(lambda draft: draft.add(user))

    def replace(self, user: User, if_generation: int) -> None:
        """Store the changed record of a user; see `storage.ports.Users`."""
        self.write(lambda draft: draft.put(_unchanged(draft, user, if_generation), user))

    def remove(self, user: User, if_generation: int) -> None:
        """Remove a user; see `storage.ports.Users`."""
        self.write(lambda draft: draft.put(_unchanged(draft, user, if_generation), None))

    def problem(self) -> str | None:
        """Say why users could not be read or written now, or None; writes nothing itself."""
        readable = os.access(self._file.path, os.R_OK)
        if readable and os.access(self._file.path.parent, os.W_OK):
            return None
        return f"{self._file.path} cannot be {'written' if readable else 'read'}"

    def check(self, data: bytes) -> Document:
        """Return what a users.json of this content would hold. Raises UsersFileError."""
        return parse(data, self._minimum_cost)

    def write(self, change: Callable[[Draft], Result]) -> Result:
        """Apply a change durably and return what it returned.

        Changes that wait while another write is under way go into the next one together:
        whoever gets the turn writes for all of them.

        Raises:
            AuthServiceError: whatever the change itself raised; it then changed nothing.
            Unavailable: it could not be written; if only the directory's sync failed, it may stand.
        """
        waiting = (change, Future[Any]())
        with self._queueing:
            self._queue.append(waiting)
        if not self._writing.acquire(timeout=QUEUE_SECONDS):
            with self._queueing:
                if waiting in self._queue:
                    self._queue.remove(waiting)
                    raise Unavailable("writing users.json takes too long")
            self._writing.acquire()
        try:
            if not waiting[1].done():
                self._write_waiting()
        finally:
            self._writing.release()
        return cast("Result", waiting[1].result())

    def edit(self, editor: Callable[[bytes], bytes]) -> bool:
        """Let a person edit users.json under the lock; return whether anything changed.

        Args:
            editor: gets the text and returns the new text; may run for minutes, while
                nothing else is written.

        Raises:
            UsersFileError, OSError: nothing was changed; what was edited is put aside if there is
            room.
        """
        with file_lock(self._file.lock_path, LOCK_SECONDS):
            self._users.take_in()
            before = self._file.path.read_bytes()
            after = editor(before)
            if after != before:
                try:
                    self._users.rewrite(self.check(after))
                except OSError as error:
                    aside = self._file.put_aside(after)
                    raise OSError(f"{error}. The edited text lies at {aside}") from error
            return after != before

    def refresh(self, seconds: float) -> None:
        """Pick up what another process or an editor has written.

        It waits for whoever writes or rereads, for a moment only: whom another process has just
        stored must be known, and nobody must wait until a person has ended `users edit`.
        """
        if self._users.is_current() or not self._refreshing.acquire(timeout=seconds):
            return
        try:
            # Others may have waited, too, for what the first of them has done by now.
            if not self._users.is_current():
                with file_lock(self._file.lock_path, seconds):
                    self._users.take_in()
        except LockTimeout:
            pass  # it is seen at a later request
        except (OSError, UsersFileError) as error:
            log.error("users.json could not be reread, the last good version serves: %s", error)
        finally:
            self._refreshing.release()

    def _write_waiting(self) -> None:
        with self._queueing:
            waiting, self._queue = self._queue, []
        outcomes: list[Any] = [Unavailable("users.json cannot be written now") for _ in waiting]
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                outcomes = self._users.commit([change for change, _ in waiting])
        except OSError as error:
            log.error("users.json could not be written: %s", error)
        finally:
            for (_, future), outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, AuthServiceError):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)


def _unchanged(draft: Draft, user: User, generation: int) -> User:
    stored = draft.get(user.id)
    if stored is None or stored.generation != generation:
        raise UserChanged
    return stored

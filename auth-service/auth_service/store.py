"""The users, kept in users.json: read from memory, written durably, edited by hand safely."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from auth_service.durable_file import ChangedMeanwhile, DurableFile, LockTimeout, Stamp, file_lock
from auth_service.errors import AuthServiceError, Unavailable
from auth_service.models import User
from auth_service.user_index import Draft, UserIndex
from auth_service.userfile import MINIMUM_COST, Document, UsersFileError, encode_document, encode_user, parse
from session_contract.startup import StartupError

LOCK_SECONDS = 2.0
QUEUE_SECONDS = 5.0
READ_SECONDS = 0.1
"""Twice as long, and what databases wait, is less than web-frontend waits for a renewal."""
ATTEMPTS = 5

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_Change = Callable[[Draft], Any]
_Waiting = tuple[_Change, "Future[Any]"]


class UserStore:
    """The accounts. Every read first looks whether the file was changed by somebody else."""

    def __init__(self, folder: Path, minimum_cost: int = MINIMUM_COST, settle_seconds: float = 0.5) -> None:
        """Open users.json in `folder`; it is made if it never existed.

        A file that is broken counts as such after `settle_seconds` only: an editor may be in
        the middle of saving it. Raises StartupError if it is broken, of a newer schema,
        unreadable or gone.
        """
        self._file = DurableFile(folder / "users.json")
        self._minimum_cost = minimum_cost
        self._settle_seconds = settle_seconds
        self._index = UserIndex()
        self._revision = 0
        self._seen: Stamp | None = None
        self._refreshing, self._writing, self._queueing = (threading.Lock() for _ in range(3))
        self._queue: list[_Waiting] = []
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                self._open()
            self._index.compact()
        except UsersFileError as error:
            copy = self._file.committed_path.name
            remedy = f"Correct it or restore a backup; {copy} is the last good version"
            raise StartupError([f"{self._file.path}, {error}. {remedy}"]) from error
        except OSError as error:
            raise StartupError([f"{self._file.path} cannot be used: {error}"]) from error

    def get(self, user_id: str) -> User | None:
        """Return the user with this id."""
        self.refresh()
        return self._index.get(user_id)

    def find(self, canonical: str) -> User | None:
        """Return the user with this canonical name."""
        self.refresh()
        return self._index.find(canonical)

    def all(self) -> tuple[User, ...]:
        """Return all users in order of creation."""
        self.refresh()
        return self._index.all()

    def problem(self) -> str | None:
        """Say why users could not be read or written now, or None; writes nothing itself."""
        readable = os.access(self._file.path, os.R_OK)
        if readable and os.access(self._file.path.parent, os.W_OK):
            return None
        return f"{self._file.path} cannot be {'written' if readable else 'read'}"

    def write(self, change: Callable[[Draft], Result]) -> Result:
        """Apply a change durably and return what it returned.

        Changes that wait while another write is under way go into the next one together:
        whoever gets the turn writes for all of them.

        Raises:
            AuthServiceError: whatever the change itself raised; it then changed nothing.
            Unavailable: it could not be written; it then counts as not done.
        """
        waiting: _Waiting = (change, Future())
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

    def check(self, data: bytes) -> Document:
        """Return what a users.json of this content would hold. Raises UsersFileError."""
        return parse(data, self._minimum_cost)

    def edit(self, editor: Callable[[bytes], bytes]) -> bool:
        """Let a person edit users.json under the lock; return whether anything changed.

        Args:
            editor: gets the text and returns the new text; may run for minutes, while
                nothing else is written.

        Raises:
            UsersFileError, OSError: nothing was changed.
        """
        with file_lock(self._file.lock_path, LOCK_SECONDS):
            self._take_in()
            before = self._file.path.read_bytes()
            after = editor(before)
            if after != before:
                users = _ending_sessions(self.check(after).users, self._index.all())
                self._put(Document(self._revision + 1, users), self._seen)
            return after != before

    def _write_waiting(self) -> None:
        with self._queueing:
            waiting, self._queue = self._queue, []
        outcomes: list[Any] = [Unavailable("users.json cannot be written now") for _ in waiting]
        try:
            with file_lock(self._file.lock_path, LOCK_SECONDS):
                outcomes = self._write_together([change for change, _ in waiting])
        except OSError as error:
            log.error("users.json could not be written: %s", error)
        finally:
            for (_, future), outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, AuthServiceError):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    def _write_together(self, changes: list[_Change]) -> list[Any]:
        """Write all changes at once; return what each returned or raised."""
        for _ in range(ATTEMPTS):
            self._take_in()
            draft, outcomes = Draft(self._index), list[Any]()
            for change in changes:
                try:
                    outcomes.append(change(draft))
                except AuthServiceError as error:
                    outcomes.append(error)
            if not draft.changes:
                return outcomes
            revision = self._revision + 1
            try:
                # After a failure the old stamp stays: if the new version stands all the same (a
                # step after the rename failed), its stamp differs, and the next request rereads it.
                pieces = encode_document(revision, self._index.blocks(draft))
                self._seen = self._file.replace(pieces, self._seen, revision)
            except ChangedMeanwhile:
                continue
            self._index.accept(draft)
            self._revision = revision
            return outcomes
        raise ChangedMeanwhile("an editor saves it again and again")

    def refresh(self, seconds: float = READ_SECONDS) -> None:
        """Pick up what another process or an editor has written.

        It waits for whoever writes or rereads, for a moment only: whom another process has just
        stored must be known, and nobody must wait until a person has ended `users edit`.
        """
        if self._file.stamp() == self._seen or not self._refreshing.acquire(timeout=seconds):
            return
        try:
            # Others may have waited, too, for what the first of them has done by now.
            if self._file.stamp() != self._seen:
                with file_lock(self._file.lock_path, seconds):
                    self._take_in()
        except LockTimeout:
            pass  # it is seen at a later request
        except (OSError, UsersFileError) as error:
            log.error("users.json could not be reread, the last good version serves: %s", error)
        finally:
            self._refreshing.release()

    def _take_in(self) -> None:
        """Bring memory up to the file, and a hand-edited file into order. Needs the lock."""
        stamp = self._file.stamp()
        if stamp == self._seen:
            return
        stamp, edit = self._read()
        if isinstance(edit, Document) and self._file.is_ours(stamp):
            self._install(edit, stamp)
            return
        good = self._committed()
        if isinstance(edit, str):
            self._undo_edit(edit, good, stamp)
        elif edit.revision not in (good.revision, self._file.recorded_revision()):
            problem = f"it has revision {edit.revision}, and {good.revision} is current: users have changed"
            self._undo_edit(f"{problem} since it was opened", good, stamp)
        else:
            self._put(Document(edit.revision + 1, _ending_sessions(edit.users, good.users)), stamp)
            log.warning("users.json: a hand edit was taken in; revision %d", self._revision)

    def _undo_edit(self, problem: str, good: Document, stamp: Stamp | None) -> None:
        aside = None if stamp is None else self._file.keep_aside()
        try:
            self._put(Document(good.revision + 1, good.users), stamp)
        except OSError:
            if aside is not None:
                aside.unlink(missing_ok=True)
            raise
        log.error(
            "users.json was not taken in: %s. %sThe last good version is back in place: repeat the edit "
            'on it, or use `make flask ARGS="users edit"`, which keeps others out meanwhile',
            problem,
            f"It now lies at {aside}. " if aside else "",
        )

    def _read(self) -> tuple[Stamp | None, Document | str]:
        """Return the stamp of the file that stands, and its content or what is wrong with it."""
        end = time.monotonic() + self._settle_seconds
        while True:
            stamp = self._file.stamp()
            try:
                return stamp, self.check(self._file.path.read_bytes())
            except FileNotFoundError:
                problem = "the file is gone"
            except UsersFileError as error:
                problem = str(error)
            if time.monotonic() >= end:
                return stamp, problem
            time.sleep(self._settle_seconds / 10)

    def _committed(self) -> Document:
        """Return the newest version known to be good: the copy, unless memory is newer."""
        in_memory = Document(self._revision, self._index.all())
        try:
            copy = self.check(self._file.read_committed() or b"")
        except UsersFileError:
            if in_memory.revision < self._file.recorded_revision():
                raise OSError("the newest version is known to another process only") from None
            return in_memory
        return copy if copy.revision > in_memory.revision else in_memory

    def _put(self, document: Document, expected: Stamp | None) -> None:
        pieces = encode_document(document.revision, map(encode_user, document.users))
        self._install(document, self._file.replace(pieces, expected, document.revision))

    def _install(self, document: Document, stamp: Stamp | None) -> None:
        self._index, self._revision, self._seen = UserIndex(document.users), document.revision, stamp

    def _open(self) -> None:
        """Take in the file at start, when nothing is in memory yet. Needs the lock."""
        stamp, copy = self._file.stamp(), self._file.read_committed()
        if stamp is None and copy is not None:
            raise FileNotFoundError(
                f"it is missing, but {self._file.committed_path.name} shows that there were users: "
                "restore a backup or copy that file; to begin without users, delete both"
            )
        if stamp is None:
            self._put(Document(1, ()), None)
            return
        content = self._file.path.read_bytes()
        mine = good = self.check(content)
        self._install(mine, stamp)
        if content == copy and self._file.is_ours(stamp):
            return
        with suppress(UsersFileError):
            good = mine if self._file.is_ours(stamp) else self.check(copy or b"")
        if good.revision > mine.revision:
            problem = f"it has revision {mine.revision}, but {good.revision} was written here"
            self._undo_edit(f"{problem}; `make restore` goes back to an older state", good, stamp)
        elif good.users == mine.users:
            self._file.adopt(mine.revision)
        else:
            self._put(Document(mine.revision + 1, _ending_sessions(mine.users, good.users)), stamp)


def _ending_sessions(users: Iterable[User], before: Iterable[User]) -> tuple[User, ...]:
    """Raise the generation where a hand edit changed what must end a user's sessions."""
    old = {user.id: user for user in before}

    def raised(user: User) -> User:
        was = old.get(user.id, user)
        changed = (was.password_hash, was.disabled) != (user.password_hash, user.disabled)
        return replace(user, generation=max(user.generation, was.generation + changed))

    return tuple(raised(user) for user in users)

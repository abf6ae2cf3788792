"""All users in memory, in step with users.json: what is written there, and what others write into it."""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from auth_service.errors import AuthServiceError, UsersFileError
from auth_service.models import User
from auth_service.storage.users_json.codec import (
    Document,
    encode_document,
    encode_user,
)
from auth_service.storage.users_json.durable_file import ChangedMeanwhile, DurableFile
from auth_service.storage.users_json.user_index import Draft, UserIndex
from session_contract.credentials import Stamp

ATTEMPTS = 5

log = logging.getLogger(__name__)


class SyncedUsers:
    """Everything but `index` and `is_current` needs the file's lock, and may raise OSError."""

    def __init__(
        self, file: DurableFile, parse: Callable[[bytes], Document], settle_seconds: float
    ) -> None:
        self._file, self._parse, self._settle_seconds = file, parse, settle_seconds
        self.index = UserIndex()
        self._revision = 0
        self._seen: Stamp = ()

    def is_current(self) -> bool:
        """Whether the file is the very version that is in memory."""
        return self._file.stamp() == self._seen

    def open(self) -> None:
        """Take in the file at start, when nothing is in memory yet. Raises UsersFileError."""
        self._take_in_at_start()
        self.index.compact()

    def take_in(self) -> None:
        """Bring memory up to the file, and a hand-edited file into order."""
        if self.is_current():
            return
        stamp, edit = self._read()
        if isinstance(edit, Document) and self._file.is_ours(stamp):
            self._install(edit, stamp)
            return
        good = self._committed()
        if isinstance(edit, str):
            self._undo_edit(edit, good, stamp)
        elif edit.revision not in (good.revision, self._file.recorded_revision()):
            problem = f"revision {edit.revision}, not {good.revision}: edited, or outdated by other changes"
            self._undo_edit(str(UsersFileError(problem, *edit.place)), good, stamp)
        else:
            self._put(Document(edit.revision + 1, _ending_sessions(edit.users, good.users)), stamp)
            log.warning("users.json: a hand edit was taken in; revision %d", self._revision)

    def commit(self, changes: Iterable[Callable[[Draft], Any]]) -> list[Any]:
        """Write all changes at once; return what each returned, or the AuthServiceError that it raised."""
        for _ in range(ATTEMPTS):
            self.take_in()
            draft, outcomes = Draft(self.index), list[Any]()
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
                pieces = encode_document(revision, self.index.blocks(draft))
                self._seen = self._file.replace(pieces, self._seen, revision)
            except ChangedMeanwhile:
                continue
            self.index.accept(draft)
            self._revision = revision
            return outcomes
        raise ChangedMeanwhile("an editor saves it again and again")

    def rewrite(self, edited: Document) -> None:
        """Put what a person has made of the current version in its place."""
        users = _ending_sessions(edited.users, self.index.all())
        self._put(Document(self._revision + 1, users), self._seen)

    def _undo_edit(self, problem: str, good: Document, stamp: Stamp) -> None:
        aside = self._file.keep_aside() if stamp else None
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
            f"The edit lies at {aside}. " if aside else "",
        )

    def _read(self) -> tuple[Stamp, Document | str]:
        """Return the stamp of the file that stands, and its content or what is wrong with it."""
        end = time.monotonic() + self._settle_seconds
        while True:
            stamp = self._file.stamp()
            try:
                return stamp, self._parse(self._file.path.read_bytes())
            except FileNotFoundError:
                problem = "the file is gone"
            except UsersFileError as error:
                problem = str(error)
            if time.monotonic() >= end:
                return stamp, problem
            time.sleep(self._settle_seconds / 10)

    def _committed(self) -> Document:
        """Return the newest version known to be good: the copy, unless memory is newer."""
        in_memory = Document(self._revision, self.index.all())
        try:
            copy = self._parse(self._file.read_committed() or b"")
        except UsersFileError:
            if in_memory.revision < self._file.recorded_revision():
                raise OSError("the newest version is known to another process only") from None
            return in_memory
        return copy if copy.revision > in_memory.revision else in_memory

    def _put(self, document: Document, expected: Stamp) -> None:
        pieces = encode_document(document.revision, map(encode_user, document.users))
        self._install(document, self._file.replace(pieces, expected, document.revision))

    def _install(self, document: Document, stamp: Stamp) -> None:
        self.index, self._revision, self._seen = UserIndex(document.users), document.revision, stamp

    def _take_in_at_start(self) -> None:
        stamp, copy = self._file.stamp(), self._file.read_committed()
        if not stamp and copy is not None:
            raise FileNotFoundError(
                f"it is missing, but {self._file.committed_path.name} shows that there were users: "
                "restore a backup or copy that file; to begin without users, delete both"
            )
        if not stamp:
            self._put(Document(1, ()), ())
            return
        content = self._file.path.read_bytes()
        mine = good = self._parse(content)
        self._install(mine, stamp)
        if content == copy and self._file.is_ours(stamp):
            return
        with suppress(UsersFileError):
            good = mine if self._file.is_ours(stamp) else self._parse(copy or b"")
        if good.revision > mine.revision:
            problem = f"revision {mine.revision}, not {good.revision}; for an older state use `make restore`"
            self._undo_edit(str(UsersFileError(problem, *mine.place)), good, stamp)
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

"""Keeps all users in memory in step with users.json and all its writers, editors included."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from auth_service.errors import Unavailable, UsersFileError
from auth_service.models import User
from auth_service.storage.ports import Sessions
from auth_service.storage.users_json.changes import Change
from auth_service.storage.users_json.codec import (
    SCHEMA,
    Document,
    check_headroom,
    encode_document,
    encode_user,
)
from auth_service.storage.users_json.hand_edits import HandEdit
from auth_service.storage.users_json.reading import Broken, FileReader, Found, Sound
from auth_service.storage.users_json.user_index import UserIndex
from auth_service.storage.users_json.users_file import ChangedMeanwhile, UsersFile
from auth_service.storage.users_json.versions import Version, digest_of

ATTEMPTS = 5

log = logging.getLogger(__name__)


class SyncedUsers:
    """The users in memory, which are always an acknowledged version.

    Only `index`, `is_current` and `catch_up` may be used without the file's lock. Methods may raise
    OSError.
    """

    def __init__(
        self, file: UsersFile, reader: FileReader, sessions: Sessions, clock: Callable[[], float]
    ) -> None:
        self._file = file
        self._reader = reader
        self._sessions = sessions
        self._clock = clock
        self.index = UserIndex()
        self._revision = 0
        self._digest = b""
        self._seen: Version | None = None

    def is_current(self, *, closely: bool = False) -> bool:
        """Whether the version in memory is that of the file."""
        # Another thread may change `_seen` at any moment.
        seen = self._seen
        if seen is not None:
            seen = self._file.look_again(seen, closely=closely)
            self._seen = seen
        return seen is not None

    def catch_up(self) -> None:
        """Read what another process has written, without waiting for its lock."""
        self._install_newer(self._file.read_committed())
        version, _ = self._file.read()
        if version is not None and version.digest == self._digest:
            self._seen = version

    def take_in(self) -> None:
        """Update memory from the file; accept or undo a hand edit."""
        if self.is_current(closely=True):
            return
        found = self._reader.settled()
        self._reader.end_interrupted_write(found)
        committed = self._file.read_committed()
        self._install_newer(committed)
        if found.version is not None and found.version.digest == self._digest:
            self._seen = found.version
        elif isinstance(found, Broken):
            self._undo(found, str(found.error))
        elif found.content == committed:
            problem = "a process that had not seen the newest users has put older ones back"
            self._undo(found, found.at_revision(problem))
        elif found.document.revision != self._revision:
            problem = (
                f"revision {found.document.revision}, not {self._revision}: edited, or outdated "
                "by other changes"
            )
            self._undo(found, found.at_revision(problem))
        else:
            self._accept(found)

    def commit(self, change: Change) -> None:
        """Write a change. Raises what the change itself raises, and then nothing was changed."""
        for _ in range(ATTEMPTS):
            self.take_in()
            changes = change.changes(self.index)
            removed_ids = [user_id for user_id, user in changes.items() if user is None]
            self._end_sessions(removed_ids)
            pieces = list(encode_document(self._revision + 1, self.index.blocks_with(changes)))
            try:
                version = self._file.replace(pieces, self._seen)
            except ChangedMeanwhile:
                continue
            self.index.accept(changes)
            self._now_is(self._revision + 1, digest_of(pieces), version)
            self._end_late_sessions(removed_ids)
            return
        raise ChangedMeanwhile("an editor saves users.json again and again")

    def check(self, edited: Document, text: bytes) -> None:
        """Raise UsersFileError if an edit of the current version would be refused."""
        HandEdit(edited, self.index.all(), self._clock).users(text)

    def rewrite(self, edited: Document, text: bytes) -> None:
        """Replace the current version with an edit of it."""
        edit = HandEdit(edited, self.index.all(), self._clock)
        users = edit.users(text)
        self._end_sessions(edit.removed_ids())
        self._put(self._revision + 1, users, self._seen)
        self._end_late_sessions(edit.removed_ids())

    def open(self) -> None:
        """Read the file at the start, when memory is empty. Raises UsersFileError."""
        self._file.sweep()
        found = self._reader.once()
        if found.version is None:
            self._begin()
            return
        self._reader.end_interrupted_write(found)
        if isinstance(found, Broken):
            raise found.error
        document = found.document
        committed = self._file.read_committed()
        with suppress(UsersFileError):
            self._install(
                document if committed == found.content else self._reader.parse(committed), committed
            )
        if self._revision == 0:
            self._open_without_copy(found)
        elif found.version.digest == self._digest and document.schema == SCHEMA:
            self._seen = found.version
        elif document.revision < self._revision:
            problem = (
                f"revision {document.revision}, not {self._revision}; for an older state use "
                "`make restore`"
            )
            self._undo(found, found.at_revision(problem))
        else:
            if document.revision > self._revision:
                check_headroom(found.content, document)
            self._accept(found)

    def _begin(self) -> None:
        if self._file.link is not None:
            raise FileNotFoundError(
                f"it is missing, and {self._file.link} is a link to it: mount its disk, or restore "
                "a backup; to begin without users, delete the link"
            )
        if self._file.committed_path.exists():
            raise FileNotFoundError(
                f"it is missing, but {self._file.committed_path.name} shows that there were users: "
                "restore a backup or copy that file; to begin without users, delete both"
            )
        self._put(1, (), None)

    def _open_without_copy(self, found: Sound) -> None:
        """Accept a file without a copy: it comes from a backup, or the copy was lost."""
        document = found.document
        check_headroom(found.content, document)
        usual = encode_document(document.revision, map(encode_user, document.users))
        self._install(document, found.content)
        if digest_of(usual) == found.version.digest:
            self._file.adopt(found.content)
        else:
            self._accept(found)

    def _install_newer(self, committed: bytes) -> None:
        """Read an acknowledged version that another process has written."""
        digest = digest_of([committed])
        if digest == self._digest:
            return
        with suppress(UsersFileError):
            revision, index = self._reader.acknowledged(committed, self.index)
            if revision > self._revision:
                self.index = index
                self._now_is(revision, digest, None)

    def _accept(self, found: Sound) -> None:
        document = found.document
        edit = HandEdit(document, self.index.all(), self._clock)
        try:
            users = edit.users(found.content)
        except UsersFileError as error:
            self._undo(found, str(error))
            return
        self._end_sessions(edit.removed_ids())
        if document.schema < SCHEMA:
            self._file.keep_schema(found.content, document.schema)
        self._put(max(document.revision, self._revision) + 1, users, found.version)
        self._end_late_sessions(edit.removed_ids())
        log.warning("users.json: a hand edit was taken in; revision %d", self._revision)

    def _undo(self, found: Found, problem: str) -> None:
        aside = self._file.keep_aside() if found.version is not None else None
        pieces = list(encode_document(self._revision + 1, self.index.blocks_with({})))
        try:
            version = self._file.replace(pieces, found.version, aside)
        except OSError:
            if aside is not None and not self._file.take_back(aside):
                _log_undone(problem, aside)
            raise
        self._now_is(self._revision + 1, digest_of(pieces), version)
        _log_undone(problem, aside)

    def _put(self, revision: int, users: Iterable[User], expected: Version | None) -> None:
        index = UserIndex(users)
        pieces = list(encode_document(revision, index.blocks_with({})))
        version = self._file.replace(pieces, expected)
        self.index = index
        self._now_is(revision, digest_of(pieces), version)

    def _install(self, document: Document, content: bytes) -> None:
        self.index = UserIndex(document.users)
        self._now_is(document.revision, digest_of([content]), None)

    def _now_is(self, revision: int, digest: bytes, seen: Version | None) -> None:
        self._revision = revision
        self._digest = digest
        self._seen = seen

    def _end_sessions(self, user_ids: Iterable[str]) -> None:
        """End sessions before their users are removed, so that a crash in between leaves none."""
        for user_id in user_ids:
            self._sessions.forget(user_id)

    def _end_late_sessions(self, user_ids: Iterable[str]) -> None:
        """End sessions that sign-ins stored while their users were being removed."""
        try:
            self._end_sessions(user_ids)
        except Unavailable as error:
            log.warning("sessions of a removed user are left, which nobody can use: %s", error)


def _log_undone(problem: str, aside: Path | None) -> None:
    log.error(
        "users.json was not taken in: %s. %sThe last good version is back in place: repeat the "
        'edit on it, or use `make flask ARGS="users edit"`, which keeps others out meanwhile',
        problem,
        f"The edit lies at {aside}. " if aside is not None else "",
    )

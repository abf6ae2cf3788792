"""Reads users.json and settles interrupted writes."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from auth_service.errors import UsersFileError
from auth_service.storage.users_json.codec import Document, encode_document, split_document
from auth_service.storage.users_json.user_index import UserIndex
from auth_service.storage.users_json.users_file import UsersFile
from auth_service.storage.users_json.versions import Version


@dataclass(frozen=True)
class Sound:
    """The file as it was found, with the document in it."""

    version: Version
    content: bytes
    document: Document

    def at_revision(self, problem: str) -> str:
        """Return a problem with the revision, with line and column."""
        return str(UsersFileError(problem, *self.document.place))


@dataclass(frozen=True)
class Broken:
    """The file as it was found: it has no version if it is gone, and no document in any case."""

    version: Version | None
    content: bytes
    error: UsersFileError | FileNotFoundError


Found = Sound | Broken


@dataclass(frozen=True)
class FileReader:
    """Reads the file; it waits up to `settle_seconds` for a broken one to become whole."""

    file: UsersFile
    parse: Callable[[bytes], Document]
    settle_seconds: float

    def once(self) -> Found:
        """Return the present content of the file."""
        version, content = self.file.read()
        if version is None:
            return Broken(None, b"", FileNotFoundError("the file is gone"))
        try:
            return Sound(version, content, self.parse(content))
        except UsersFileError as error:
            return Broken(version, content, error)

    def settled(self) -> Found:
        """Return the content of the file, after an editor has had time to finish saving."""
        end = time.monotonic() + self.settle_seconds
        while True:
            found = self.once()
            if isinstance(found, Sound) or time.monotonic() >= end:
                return found
            time.sleep(self.settle_seconds / 10)

    def acknowledged(self, committed: bytes, index: UserIndex) -> tuple[int, UserIndex]:
        """Return revision and users of an acknowledged version.

        If Doorward wrote it, only the users that `index` does not have are decoded. Raises
        UsersFileError.
        """
        split = split_document(committed)
        if split is None:
            document = self.parse(committed)
            return document.revision, UserIndex(document.users)
        revision, blocks = split
        unknown = index.unknown(blocks)
        document = self.parse(b"".join(encode_document(revision, unknown)))
        changed = dict(zip(unknown, document.users, strict=True))
        return revision, index.following(blocks, changed)

    def end_interrupted_write(self, found: Found) -> None:
        """Finish or discard the write of a process that died meanwhile."""
        following = self.file.read_next()
        if not following:
            return
        committed = self.file.read_committed()
        if found.content != committed and self._follows(following, committed, found):
            self.file.finish()
        else:
            self.file.discard_next()

    def _follows(self, following: bytes, committed: bytes, found: Found) -> bool:
        """Whether the next version was in the file already, as far as can be known."""
        try:
            revision = self.parse(following).revision
        except UsersFileError:
            return False
        if isinstance(found, Sound):
            return found.document.revision == revision
        with suppress(UsersFileError):
            return revision > self.parse(committed).revision
        return True

"""A file that is always replaced whole and never half-written, whoever else writes it.

Beside `users.json` stand `users.json.lock`, the permanent lock, which also records the last
versions that we wrote; `users.json.committed`, a copy of the last of them, from which a broken
edit is undone; and, for moments, temporary files.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from auth_service.file_locks import rename_synced, write_new
from session_contract.credentials import Stamp, file_stamp

log = logging.getLogger(__name__)


class ChangedMeanwhile(OSError):
    """Somebody who takes no lock, an editor, saved the file while a new version was written."""


class DurableFile:
    """Reads and replaces one file; what writes needs `file_lock` on `lock_path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock_path = path.with_name(path.name + ".lock")
        self.committed_path = path.with_name(path.name + ".committed")

    def stamp(self) -> Stamp:
        """Return the stamp of the file as it stands, or () where there is none."""
        return file_stamp(self.path)

    def is_ours(self, stamp: Stamp) -> bool:
        """Whether the version with this stamp was written by `replace`, in any process."""
        return list(stamp) in self._recorded()[1]

    def recorded_revision(self) -> int:
        """Return the newest revision that `replace` put in place or was about to; 0 if unknown."""
        return self._recorded()[0]

    def read_committed(self) -> bytes | None:
        """Return the last version that `replace` wrote or was about to, or None."""
        try:
            return self.committed_path.read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, pieces: Iterable[bytes], expected: Stamp, revision: int) -> Stamp:
        """Put a new version in the place of that with the stamp `expected` ((): no file).

        It is on disk before this returns, all of it or nothing. The order matters. The record
        comes before the rename, so that whoever sees the new version first knows it as ours. The
        copy comes last, so that it is never ahead of the file. Neither is synced: they serve
        running processes; after a power cut the file decides.

        Raises:
            ChangedMeanwhile: nothing was replaced.
            OSError: from any step; the new version may stand, but must not be acknowledged.
        """
        temporary = self.path.with_name(self.path.name + ".tmp")
        try:
            # A new inode every time: an in-place rewrite could repeat the stamp of an old version.
            temporary.unlink(missing_ok=True)
            stamp = write_new(temporary, pieces, 0o600)
            self._record(revision, stamp, *([expected] if self.is_ours(expected) else []))
            if self.stamp() != expected:
                raise ChangedMeanwhile(f"{self.path} was changed by somebody else just now")
            rename_synced(temporary, self.path)
        finally:
            with suppress(OSError):
                temporary.unlink()
        try:
            self._copy_committed()
        except OSError as error:
            # The new version stands, and is on disk: whoever asked for it must not be told
            # otherwise.
            log.error("%s is behind: %s", self.committed_path, error)
        return stamp

    def adopt(self, revision: int) -> None:
        """Take the version that stands as one of our own."""
        self._copy_committed()
        self._record(revision, self.stamp())

    def keep_aside(self) -> Path:
        """Give the version that stands a second name, `users.json.rejected-<UTC time>`."""
        target = self._name_aside()
        target.hardlink_to(self.path)
        target.chmod(0o600)
        return target

    def put_aside(self, content: bytes) -> Path:
        """Keep what could not take the file's place, under a name of that kind."""
        target = self._name_aside()
        write_new(target, [content], 0o600)
        return target

    def _name_aside(self) -> Path:
        # To the microsecond: who asks holds the lock, so that no two come within one.
        return self.path.with_name(
            f"{self.path.name}.rejected-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        )

    def _copy_committed(self) -> None:
        temporary = self.committed_path.with_name(self.committed_path.name + ".tmp")
        # Made by itself first, because a copy would be readable by others for a moment.
        temporary.touch(0o600)
        shutil.copyfile(self.path, temporary)
        temporary.rename(self.committed_path)

    def _recorded(self) -> tuple[int, list[list[int]]]:
        try:
            record = json.loads(self.lock_path.read_text())
            return int(record["revision"]), list(record["versions"])
        except (ValueError, TypeError, KeyError, OSError, RecursionError):
            return 0, []

    def _record(self, revision: int, *versions: Stamp) -> None:
        """Note the next version, and the one before: a crash may leave either in place."""
        descriptor = os.open(self.lock_path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            record = json.dumps({"revision": revision, "versions": versions}).encode()
            os.ftruncate(descriptor, os.pwrite(descriptor, record, 0))
        finally:
            os.close(descriptor)

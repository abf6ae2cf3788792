"""users.json as a file that is always replaced whole, also while editors write it.

Beside `users.json` stand `users.json.lock`, the permanent lock, and `users.json.committed`, the
last version that was acknowledged, from which a broken edit is undone. For moments there are
`users.json.tmp` and `users.json.committed.tmp`, the next version of both.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from auth_service.file_locks import rename_synced, write_new
from auth_service.storage.users_json.replaced_files import ReplacedFiles
from auth_service.storage.users_json.versions import (
    TICK_NANOSECONDS,
    Version,
    content_stamp,
    digest_of,
    stamp_at,
    stamp_of,
)
from session_contract.file_stamps import Stamp


class ChangedMeanwhile(OSError):
    """An editor, which takes no lock, saved the file while a new version was written."""


class UsersFile:
    """Reads and replaces one file. Methods that write need `file_lock` on `lock_path`.

    If the path is a symbolic link, all files are beside its target.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.link = path if path.is_symlink() else None
        self.path = Path(os.path.realpath(path))
        self.lock_path = self._beside("lock")
        self.committed_path = self._beside("committed")
        self.next_path = self._beside("committed.tmp")
        self._temporary = self._beside("tmp")
        self._replaced = ReplacedFiles(self.path, clock)

    def look_again(self, version: Version, *, closely: bool) -> Version | None:
        """Return the version if the file still is that version, else None.

        Args:
            version: the version that was seen before.
            closely: read the file if its times do not prove that it is unchanged. Otherwise it is
                read only after the file system's clock has moved on.
        """
        if stamp_at(self.path) != version.stamp:
            return None
        now = time.time_ns()
        if version.is_settled or (now <= version.changed_at + TICK_NANOSECONDS and not closely):
            return version
        found, _ = self.read()
        return found if found is not None and found.digest == version.digest else None

    def read(self) -> tuple[Version | None, bytes]:
        """Return version and content of the file, or None and b"" if there is no file."""
        try:
            with self.path.open("rb") as file:
                # The status from before reading: a write meanwhile makes another version.
                status = os.fstat(file.fileno())
                looked_at = time.time_ns()
                content = file.read()
        except FileNotFoundError:
            return None, b""
        return Version(stamp_of(status), digest_of([content]), looked_at), content

    def size(self) -> int:
        """Return the size of the file in bytes, or 0 if there is no file."""
        stamp = stamp_at(self.path)
        return stamp[-1] if stamp else 0

    def read_committed(self) -> bytes:
        """Return the last acknowledged version, or b"" if there is none."""
        return _content(self.committed_path)

    def read_next(self) -> bytes:
        """Return the version that a process was about to acknowledge when it died, or b""."""
        return _content(self.next_path)

    def replace(
        self, pieces: Sequence[bytes], expected: Version | None, aside: Path | None = None
    ) -> Version | None:
        """Replace the expected version (None: no file) by a new one.

        It is on disk when this returns, as a whole or not at all. First the file and its copy are
        written and synced, then the file is renamed, then the copy. If a process dies in between,
        the file equals `users.json.committed.tmp`, and `finish` completes the work.

        Args:
            pieces: the new content.
            expected: the version that is there now.
            aside: a second name that the replaced file has already.

        Returns:
            The new version, or None if somebody has changed it again.

        Raises:
            ChangedMeanwhile: nothing was replaced.
            OSError: a step failed. The new version may be in place but must not be acknowledged.
        """
        replaced: Path | None = None
        try:
            made = self._write_both(pieces)
            replaced = self._name_for(expected, aside)
            rename_synced(self._temporary, self.path)
        except OSError:
            if self._is_in_place():
                raise
            self._remove(self._temporary, self.next_path)
            if replaced is not None and replaced != aside:
                self._remove(replaced)
            raise
        self.finish()
        if replaced is not None and expected is not None and replaced != aside:
            self._replaced.let_go(replaced, expected)
        stamp = stamp_at(self.path)
        is_untouched = content_stamp(stamp) == made
        return Version(stamp, digest_of(pieces), time.time_ns()) if is_untouched else None

    def finish(self) -> None:
        """Make the next version the acknowledged one, on disk when this returns."""
        rename_synced(self.next_path, self.committed_path)

    def discard_next(self) -> None:
        """Forget a version that never took its place."""
        self.next_path.unlink()

    def adopt(self, content: bytes) -> None:
        """Acknowledge the present version, which has this content."""
        self.next_path.unlink(missing_ok=True)
        write_new(self.next_path, [content], 0o600)
        self.finish()

    def keep_schema(self, content: bytes, schema: int) -> None:
        """Keep a copy of a file with an older schema."""
        self._temporary.unlink(missing_ok=True)
        write_new(self._temporary, [content], 0o600)
        rename_synced(self._temporary, self._beside(f"schema-{schema}"))

    def keep_aside(self) -> Path:
        """Give the present version a second name, `users.json.rejected-<UTC time>`.

        It is the same file, so what an editor still writes to it is kept too.
        """
        target = self._replaced.name_aside()
        os.link(self.path, target)
        os.chmod(target, 0o600)  # noqa: PTH101 - tests replace calls of os
        return target

    def take_back(self, aside: Path) -> bool:
        """Remove a name that `keep_aside` gave, unless it is the last; return whether it did."""
        if not self.path.exists() or not aside.samefile(self.path):
            return False
        aside.unlink()
        return True

    def put_aside(self, content: bytes) -> Path:
        """Keep a text that could not replace the file, under such a name."""
        target = self._replaced.name_aside()
        write_new(target, [content], 0o600)
        return target

    def sweep(self) -> None:
        """Clean up replaced files after their time."""
        self._replaced.sweep()

    def _write_both(self, pieces: Sequence[bytes]) -> Stamp:
        """Write and sync the next version and its copy; return the stamp of the first."""
        self._temporary.unlink(missing_ok=True)
        self.next_path.unlink(missing_ok=True)
        made = write_new(self._temporary, pieces, 0o600)
        write_new(self.next_path, pieces, 0o600)
        return made

    def _name_for(self, expected: Version | None, aside: Path | None) -> Path | None:
        """Keep a name for the file that is about to be replaced."""
        if expected is None:
            if self.path.exists():
                raise ChangedMeanwhile(f"{self.path} was made by somebody else just now")
            return None
        if aside is not None:
            return aside
        if stamp_at(self.path) != expected.stamp:
            raise ChangedMeanwhile(f"{self.path} was changed by somebody else just now")
        kept = self._replaced.keep_a_name(expected)
        if content_stamp(stamp_at(kept)) != content_stamp(expected.stamp):
            kept.unlink()
            raise ChangedMeanwhile(f"{self.path} was changed by somebody else just now")
        return kept

    def _remove(self, *paths: Path) -> None:
        for path in paths:
            with suppress(OSError):
                path.unlink()

    def _is_in_place(self) -> bool:
        """Whether the file was renamed, so that only `finish` is missing."""
        return self.next_path.exists() and not self._temporary.exists()

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""

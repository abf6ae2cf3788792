"""A file that is always replaced whole and never half-written, whoever else writes it.

Beside `users.json` stand `users.json.lock`, the permanent lock, and `users.json.committed`, the last
version that was acknowledged, from which a broken edit is undone. For moments there are
`users.json.tmp` and `users.json.committed.tmp`, the next version of both.
"""

import fcntl
import hashlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from session_contract.credentials import Stamp, file_stamp

POLL_SECONDS = 0.005
OVERLAP_SECONDS = 10
"""How long a replaced file keeps a name while another program has it open."""
TICK_NANOSECONDS = 20_000_000
"""Two writes within one tick of the file system's clock (at most 10 ms) may get the same times."""

log = logging.getLogger(__name__)


class LockTimeout(OSError):
    """Another process holds the lock for longer than we wait."""


class ChangedMeanwhile(OSError):
    """Somebody who takes no lock, an editor, saved the file while a new version was written."""


@contextmanager
def file_lock(path: Path, timeout: float) -> Iterator[None]:
    """Hold an inter-process lock on a file that is made for it and stays for ever.

    Raises LockTimeout when another process holds it for longer than `timeout` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise LockTimeout(
                        f"{path} is held by another process, such as `users edit`"
                    ) from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def write_new(path: Path, pieces: Iterable[bytes], mode: int) -> Stamp:
    """Make a file, on disk when this returns. Raises OSError, also where the name exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        # The umask may have taken the group's right to read.
        os.fchmod(descriptor, mode)
        file.writelines(pieces)
        file.flush()
        os.fsync(descriptor)
    return file_stamp(path)


def rename_synced(source: Path, target: Path) -> None:
    """Give a file its final name, on disk when this returns.

    Raises:
        OSError: it may have the name already.
    """
    source.rename(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@dataclass(frozen=True)
class Version:
    """What stood in the file: its stamp, the digest of its bytes, and when it was looked at."""

    stamp: Stamp
    digest: bytes
    looked_at: int

    @property
    def is_settled(self) -> bool:
        """Whether any later change must show in the stamp."""
        return self.looked_at > self.changed_at + TICK_NANOSECONDS

    @property
    def changed_at(self) -> int:
        """When the kernel last saw a change, in nanoseconds; nobody can set it."""
        return self.stamp[2]


class DurableFile:
    """Reads and replaces one file; what writes needs `file_lock` on `lock_path`.

    A symbolic link is followed once: everything lies beside the file that it leads to.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path.resolve()
        self.lock_path = self._beside("lock")
        self.committed_path = self._beside("committed")
        self.next_path = self._beside("committed.tmp")
        self._temporary = self._beside("tmp")
        self._clock = clock

    def look_again(self, version: Version, *, closely: bool) -> Version | None:
        """Return the version if it still stands, else None.

        Args:
            version: what was seen before.
            closely: read the file where its times alone cannot tell that it is unchanged;
                without it, only once the file system's clock has gone on.
        """
        if _stamp(self.path) != version.stamp:
            return None
        now = time.time_ns()
        if version.is_settled or (now <= version.changed_at + TICK_NANOSECONDS and not closely):
            return version
        found, _ = self.read()
        return found if found is not None and found.digest == version.digest else None

    def read(self) -> tuple[Version | None, bytes]:
        """Return what stands in the file, or None and nothing where there is no file."""
        try:
            with self.path.open("rb") as file:
                # Before reading: what is written meanwhile is another version.
                status = os.fstat(file.fileno())
                looked_at = time.time_ns()
                content = file.read()
        except FileNotFoundError:
            return None, b""
        return Version(_stamp_of(status), digest_of([content]), looked_at), content

    def read_committed(self) -> bytes:
        """Return the last acknowledged version, or nothing where there is none."""
        return _content(self.committed_path)

    def read_next(self) -> bytes:
        """Return what was about to be acknowledged when a process died, or nothing."""
        return _content(self.next_path)

    def replace(
        self, pieces: Sequence[bytes], expected: Version | None, aside: Path | None = None
    ) -> Version | None:
        """Put a new version in the place of the expected one (None: no file).

        It is on disk before this returns, all of it or nothing. Both copies are written and
        synced first; then the file gets its name, then the copy. A process that dies in between
        leaves a file that equals `users.json.committed.tmp`, and `finish` ends the work.

        Args:
            pieces: the new content.
            expected: what stands there.
            aside: a name that the replaced file has already.

        Returns:
            The new version, or None if somebody has changed that again.

        Raises:
            ChangedMeanwhile: nothing was replaced.
            OSError: from any step; the new version may stand, but must not be acknowledged.
        """
        replaced: Path | None = None
        try:
            self._temporary.unlink(missing_ok=True)
            self.next_path.unlink(missing_ok=True)
            made = write_new(self._temporary, pieces, 0o600)
            write_new(self.next_path, pieces, 0o600)
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
            self._let_go(replaced, expected)
        stamp = _stamp(self.path)
        inode_times_size = (stamp[0], stamp[1], stamp[3]) if stamp else ()
        if inode_times_size != made:
            return None
        return Version(stamp, digest_of(pieces), time.time_ns())

    def finish(self) -> None:
        """Make the next version the acknowledged one, on disk when this returns."""
        rename_synced(self.next_path, self.committed_path)

    def discard_next(self) -> None:
        """Forget a version that never took its place."""
        self.next_path.unlink(missing_ok=True)

    def adopt(self, content: bytes) -> None:
        """Take the version that stands, of this content, as acknowledged."""
        self.next_path.unlink(missing_ok=True)
        write_new(self.next_path, [content], 0o600)
        self.finish()

    def keep_schema(self, content: bytes, schema: int) -> None:
        """Keep a copy of a file of an older schema."""
        temporary = self._beside("tmp")
        temporary.unlink(missing_ok=True)
        write_new(temporary, [content], 0o600)
        rename_synced(temporary, self._beside(f"schema-{schema}"))

    def keep_aside(self) -> Path:
        """Give the version that stands a second name, `users.json.rejected-<UTC time>`.

        It is the same file: what an editor still writes to it is not lost.
        """
        target = self._name_aside()
        os.link(self.path, target)
        os.chmod(target, 0o600)  # noqa: PTH101 - through os, as every call here that may fail
        return target

    def put_aside(self, content: bytes) -> Path:
        """Keep what could not take the file's place, under a name of that kind."""
        target = self._name_aside()
        write_new(target, [content], 0o600)
        return target

    def sweep(self) -> None:
        """Look at replaced files whose time is over: put aside what was changed since."""
        for kept in self.path.parent.glob(f"{self.path.name}.replaced-*"):
            made_at, _, digest = kept.name.rpartition("replaced-")[2].partition("-")
            if self._clock() < int(made_at) / 1e9 + OVERLAP_SECONDS:
                continue
            with suppress(FileNotFoundError):  # another process was faster
                is_current = self.path.exists() and kept.samefile(self.path)
                if is_current or digest_of([kept.read_bytes()]).hex() == digest:
                    kept.unlink()
                else:
                    self._reject(kept)

    def _remove(self, *paths: Path) -> None:
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _is_in_place(self) -> bool:
        """Whether the rename was done: then only `finish` is missing."""
        return self.next_path.exists() and not self._temporary.exists()

    def _name_for(self, expected: Version | None, aside: Path | None) -> Path | None:
        """Keep a name for the file that is about to be replaced."""
        if expected is None:
            if self.path.exists():
                raise ChangedMeanwhile(f"{self.path} was made by somebody else just now")
            return None
        if aside is not None:
            return aside
        if _stamp(self.path) != expected.stamp:
            raise ChangedMeanwhile(f"{self.path} was changed by somebody else just now")
        moment = int(self._clock() * 1e9)
        target = self._beside(f"replaced-{moment}-{expected.digest.hex()}")
        os.link(self.path, target)
        if _content_stamp(target) != _content_stamp_of(expected.stamp):
            target.unlink()
            raise ChangedMeanwhile(f"{self.path} was changed by somebody else just now")
        return target

    def _let_go(self, replaced: Path, expected: Version) -> None:
        """Remove the replaced file, unless an editor was saving it, or still is."""
        try:
            if _is_open_elsewhere(replaced):
                timer = threading.Timer(OVERLAP_SECONDS + 1, self.sweep)
                timer.daemon = True
                timer.start()
            elif digest_of([replaced.read_bytes()]) != expected.digest:
                self._reject(replaced)
            else:
                replaced.unlink()
        except OSError as error:
            log.warning("%s is left over: %s", replaced, error)

    def _reject(self, kept: Path) -> None:
        aside = self._name_aside()
        kept.chmod(0o600)
        kept.rename(aside)
        log.error(
            "users.json was saved by an editor just while a new version replaced it. "
            "The edit lies at %s: repeat it on the new version",
            aside,
        )

    def _name_aside(self) -> Path:
        # To the microsecond: its maker holds the lock, so that no two come within one.
        return self._beside(f"rejected-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")


def digest_of(pieces: Iterable[bytes]) -> bytes:
    """Return what tells one content from another."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _stamp(path: Path) -> Stamp:
    try:
        return _stamp_of(path.stat())
    except FileNotFoundError:
        return ()


def _stamp_of(status: os.stat_result) -> Stamp:
    # The time of the last change of the inode cannot be set back, as that of the content can.
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def _content_stamp(path: Path) -> Stamp:
    return _content_stamp_of(_stamp(path))


def _content_stamp_of(stamp: Stamp) -> Stamp:
    """Return the part of a stamp that another name for the file does not change."""
    return (stamp[0], stamp[1], stamp[3])


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another program has the file open, or it cannot be told.

    The kernel grants a write lease only where nobody else has the file open (fcntl(2)).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # An opener during the lease would otherwise end this process with SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False

"""Locks between processes, and durable writes of files."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from session_contract.file_stamps import Stamp, file_stamp

POLL_SECONDS = 0.005


class LockTimeout(OSError):
    """Another process held the lock for too long."""


@contextmanager
def file_lock(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock between processes, on a file that is made for it and never removed.

    Raises LockTimeout if another process holds it for longer than `timeout` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for_lock(descriptor, path, timeout)
        yield
    finally:
        os.close(descriptor)


def write_new(path: Path, pieces: Iterable[bytes], mode: int) -> Stamp:
    """Make a file that is on disk when this returns. Raises OSError, also if the name exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        # The umask may have taken rights away.
        os.fchmod(descriptor, mode)
        file.writelines(pieces)
        file.flush()
        os.fsync(descriptor)
    return file_stamp(path)


def rename_synced(source: Path, target: Path) -> None:
    """Rename a file; the new name is on disk when this returns.

    Raises:
        OSError: the file may have its new name already.
    """
    source.rename(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _wait_for_lock(descriptor: int, path: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                problem = f"{path} is held by another process, such as `users edit`"
                raise LockTimeout(problem) from None
            time.sleep(POLL_SECONDS)
        else:
            return

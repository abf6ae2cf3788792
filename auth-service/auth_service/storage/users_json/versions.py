"""Versions of a file, distinguished by stamps and digests."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from session_contract.file_stamps import Stamp

TICK_NANOSECONDS = 20_000_000
"""Two writes within one tick of the file system's clock (at most 10 ms) may get the same times."""


@dataclass(frozen=True)
class Version:
    """A version of the file: its stamp, the digest of its bytes, and when it was read."""

    stamp: Stamp
    digest: bytes
    looked_at: int

    @property
    def is_settled(self) -> bool:
        """Whether every later change changes the stamp."""
        return self.looked_at > self.changed_at + TICK_NANOSECONDS

    @property
    def changed_at(self) -> int:
        """The time of the last change in nanoseconds; only the kernel sets it."""
        return self.stamp[2]


def digest_of(pieces: Iterable[bytes]) -> bytes:
    """Return the digest of a content."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def stamp_at(path: Path) -> Stamp:
    """Return the stamp of the file at a path, or () if there is none."""
    try:
        return stamp_of(path.stat())
    except FileNotFoundError:
        return ()
    except OSError:
        return (0, 0, 0, 0)  # no file has this stamp; reading will give the reason


def stamp_of(status: os.stat_result) -> Stamp:
    """Return a value that changes with each version of a file."""
    # A program can set the time of the content back, but not that of the inode's change.
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def content_stamp(stamp: Stamp) -> Stamp:
    """Return the part of a stamp that another name for the file does not change."""
    return (stamp[0], stamp[1], stamp[3]) if stamp else ()

"""Replaced versions of users.json that an editor may still be saving.

A replaced file keeps the name `users.json.replaced-<time>-<digest>` while another program has it
open, for ten seconds at most. If it was changed, it is put aside.
"""

import fcntl
import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from auth_service.storage.users_json.versions import Version, digest_of

OVERLAP_SECONDS = 10
_ENDING = re.compile(r"replaced-(?P<made_at>[0-9]+)-(?P<digest>[0-9a-f]{64})")

log = logging.getLogger(__name__)


class ReplacedFiles:
    """The replaced versions of one file, beside it; `clock` returns Unix seconds."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def keep_a_name(self, version: Version) -> Path:
        """Give the present version, which is about to be replaced, a second name."""
        moment = int(self._clock() * 1e9)
        kept = self._beside(f"replaced-{moment}-{version.digest.hex()}")
        os.link(self._path, kept)
        return kept

    def let_go(self, kept: Path, version: Version) -> None:
        """Remove the replaced file, unless an editor changed it or has it open."""
        try:
            if _is_open_elsewhere(kept):
                self._sweep_later()
            elif digest_of([kept.read_bytes()]) != version.digest:
                self._reject(kept)
            else:
                kept.unlink()
        except OSError as error:
            log.warning("%s is left over: %s", kept, error)

    def sweep(self) -> None:
        """Remove replaced files after their ten seconds, or put them aside if they were changed.

        Later this looks again at those that are younger.
        """
        is_any_young = False
        for kept, made_at, digest in self._kept_files():
            if self._clock() < made_at + OVERLAP_SECONDS:
                is_any_young = True
                continue
            with suppress(FileNotFoundError):  # another process was faster
                is_current = self._path.exists() and kept.samefile(self._path)
                if is_current or digest_of([kept.read_bytes()]).hex() == digest:
                    kept.unlink()
                else:
                    self._reject(kept)
        if is_any_young:
            self._sweep_later()

    def _kept_files(self) -> Iterator[tuple[Path, float, str]]:
        """Yield each replaced file, the time when it was replaced, and its digest then."""
        for path in self._path.parent.glob(f"{self._path.name}.replaced-*"):
            ending = _ENDING.fullmatch(path.name.removeprefix(f"{self._path.name}."))
            if ending is not None:
                yield path, int(ending["made_at"]) / 1e9, ending["digest"]

    def _sweep_later(self) -> None:
        timer = threading.Timer(OVERLAP_SECONDS + 1, self.sweep)
        timer.daemon = True
        timer.start()

    def name_aside(self) -> Path:
        """Return a new name for a file to put aside, `users.json.rejected-<UTC time>`."""
        # Microseconds are enough, because the caller holds the lock.
        return self._beside(f"rejected-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    def _reject(self, kept: Path) -> None:
        aside = self.name_aside()
        kept.chmod(0o600)
        kept.rename(aside)
        log.error(
            "users.json was saved by an editor just while a new version replaced it. "
            "The edit lies at %s: repeat it on the new version",
            aside,
        )

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{ending}")


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another program has the file open; True if that cannot be known.

    The kernel grants a write lease only where nobody else has the file open (fcntl(2)).
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # If somebody opens the file during the lease, SIGIO would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False

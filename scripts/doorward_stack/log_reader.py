"""`make logs` in local mode: the logs of all programs as one, in order of time."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from .supervisor import NAMES

PAUSE_SECONDS = 0.3
LINES = 100
# More than so many lines of one file.
_END_BYTES = 400_000
# All programs write UTC; what has no time of its own belongs to the line before it.
_TIME = re.compile(r'\{"time": ?"([^"]{19})([^"]*)|(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) ')


class LogFile:
    """A file that is appended to, and that a new one takes the place of when it is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._program = path.name.partition(".")[0]
        self._handle = path.open("rb")
        self._begun, self._time = b"", ""
        if os.fstat(self._handle.fileno()).st_size > _END_BYTES:
            self._handle.seek(-_END_BYTES, os.SEEK_END)
            self._handle.readline()

    def close(self) -> None:
        """Read no more of it."""
        self._handle.close()

    def new_lines(self) -> list[tuple[str, str]]:
        """Return the whole lines that came since the last call, each with its time in front."""
        text = self._begun + self._handle.read()
        if self._was_replaced():
            self._handle.close()
            self._handle = self._path.open("rb")
            text += self._handle.read()
        *lines, self._begun = text.split(b"\n")
        return [self._timed(line.decode("utf-8", "replace")) for line in lines]

    def _was_replaced(self) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._handle.fileno()))
        except FileNotFoundError:
            return False

    def _timed(self, line: str) -> tuple[str, str]:
        found = _TIME.match(line)
        if found and found[1]:
            self._time = found[1] + (found[2] if found[2].startswith(".") else "")
        elif found:
            self._time = f"{found[3]}-{found[4]}-{found[5]}T{found[6]}"
        return self._time, f"{self._program:12} | {line}"


def read(folder: Path, *, follow: bool) -> Iterator[str]:
    """Yield the last lines of every program, in order of time, and new lines if asked.

    The supervisor's own log holds nothing that people need.
    """
    files: dict[Path, LogFile] = {}
    most = LINES
    try:
        while True:
            for path in (found for name in NAMES for found in folder.glob(f"{name}.*log")):
                if path not in files:
                    files[path] = LogFile(path)
            new = [line for file in files.values() for line in file.new_lines()[-most:]]
            yield from (text for _, text in sorted(new, key=lambda line: line[0]))
            most = 0  # from now on all
            if not follow:
                return
            time.sleep(PAUSE_SECONDS)
    finally:
        for file in files.values():
            file.close()

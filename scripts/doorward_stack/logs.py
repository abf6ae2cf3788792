"""`make logs`: the end of every log in order of time, then the lines that are added."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from subprocess import PIPE
from typing import NamedTuple

from .engine import Engine
from .log_words import in_words, visible

LAST_LINES = 100
# A line of ours has at most 4,096 bytes, so the last hundred are in these.
ENOUGH_BYTES = 1_000_000
LOOK_SECONDS = 0.25
# The containers are read one after the other, so one may have written while another was read.
OVERLAP = timedelta(seconds=1)
LONG_AGO = datetime.fromtimestamp(0, UTC)


class Line(NamedTuple):
    """A line, and the time by which it is put in order."""

    time: datetime
    text: str


def show(batches: Iterable[Sequence[Line]], *, raw: bool) -> None:
    """Print lines, those of each batch in order of time: as they were logged, or in words."""
    try:
        for batch in batches:
            for line in sorted(batch, key=attrgetter("time")):
                print(visible(line.text if raw else in_words(line.text)), flush=True)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python would complain when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_files(paths: Iterable[Path], *, follow: bool) -> Iterator[list[Line]]:
    """Return the last lines of files and, if asked, what is added to them, without an end."""
    with ExitStack() as opened:
        files = [opened.enter_context(closing(LogFile(path))) for path in paths]
        yield [line for file in files for line in file.last_lines()]
        while follow:
            time.sleep(LOOK_SECONDS)
            yield [line for file in files for line in file.new_lines()]


def of_containers(engine: Engine, *, follow: bool) -> Iterator[list[Line]]:
    """Return the last lines of the containers and, if asked, what they add until they stop."""
    command = ("logs", "--no-color", "--no-log-prefix", "--timestamps")
    output = engine.popen(*command, "--tail", str(LAST_LINES), stdout=PIPE).communicate()[0]
    lines = [_stamped(line) for line in output.split(b"\n") if line]
    yield lines
    if not follow or not lines:
        return
    shown = set(lines)
    since = (max(line.time for line in lines) - OVERLAP).isoformat()
    with engine.popen(*command, "--follow", "--since", since, stdout=PIPE) as process:
        for text in process.stdout or ():
            line = _stamped(text.rstrip(b"\n"))
            if line not in shown:
                yield [line]


def _stamped(line: bytes) -> Line:
    """Take the engine's time off a line; a line by Compose itself has none."""
    whole = line.decode("utf-8", "backslashreplace")
    stamp, _, text = whole.partition(" ")
    try:
        return Line(datetime.fromisoformat(stamp).astimezone(UTC), text)
    except ValueError:
        return Line(LONG_AGO, whole)


class LogFile:
    """A log file that is read while others write to it, and replace it when it is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._unfinished = b""
        self._time = LONG_AGO

    def last_lines(self) -> list[Line]:
        """Return the last hundred lines; to be called first."""
        size = os.fstat(self._file.fileno()).st_size
        self._file.seek(max(0, size - ENOUGH_BYTES))
        return self.new_lines()[-LAST_LINES:]

    def new_lines(self) -> list[Line]:
        """Return the lines that were added since the last call."""
        content = self._file.read()
        if self._was_replaced():
            content += self._file.read()
            self._file.close()
            self._file = self._path.open("rb")
            content += self._file.read()
        *finished, self._unfinished = (self._unfinished + content).split(b"\n")
        return [self._dated(line.decode("utf-8", "backslashreplace")) for line in finished]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _was_replaced(self) -> bool:
        ours = os.fstat(self._file.fileno())
        try:
            current = self._path.stat()
        except FileNotFoundError:
            return False  # The new file is about to come.
        return current.st_ino != ours.st_ino or current.st_size < self._file.tell()

    def _dated(self, text: str) -> Line:
        """Add the line's time; a line without one belongs to the line before it."""
        self._time = _time_of(text) or self._time
        return Line(self._time, text)


def _time_of(text: str) -> datetime | None:
    try:
        if text.startswith("{"):
            return datetime.fromisoformat(json.loads(text)["time"]).astimezone()
        begin = text[:19]
        moment = datetime.fromisoformat(begin.replace("/", "-"))
        # nginx writes its errors with slashes, and in UTC; the supervisor writes local time.
        return moment.replace(tzinfo=UTC) if "/" in begin else moment.astimezone()
    except (LookupError, OverflowError, RecursionError, TypeError, ValueError):
        return None

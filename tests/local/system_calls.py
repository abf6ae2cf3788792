"""System calls of running processes: strace lets them fail, kills at them, or writes them down."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from running_stack import eventually
from scripts.doorward_stack import system_packages
from scripts.doorward_stack.errors import StackError

OF_A_WRITE = (
    "openat", "unlink", "write", "fchmod", "fsync", "link", "rename", "close",
)  # fmt: skip
"""What replacing users.json asks of the system."""
THAT_CHANGE_FILES = (
    "open", "openat", "creat", "write", "writev", "pwrite64", "pwritev", "ftruncate", "truncate",
    "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat",
    "sendfile", "copy_file_range", "fsync", "fdatasync",
)  # fmt: skip
THAT_ANSWER = ("sendto", "sendmsg")


@pytest.fixture(scope="session")
def strace() -> None:
    """Make sure that processes can be traced; skip where they cannot."""
    try:
        system_packages.need({"strace": "strace"}, "This experiment")
    except StackError as error:
        pytest.skip(str(error))
    tried = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True
    )
    if tried.returncode != 0:
        pytest.skip(f"processes cannot be traced here: {tried.stderr.decode().strip()}")


@contextmanager
def injected(
    pids: Iterable[int], calls: Iterable[str], fault: str, paths: Iterable[Path] = ()
) -> Iterator[None]:
    """Inject a fault into calls of processes, their threads and children while the block runs.

    Args:
        pids: the processes.
        calls: names of calls to the system.
        fault: as strace has it: "error=EIO", or "signal=SIGKILL:when=3" (of one name, one thread).
        paths: only calls that have to do with one of these files; none given: all calls.
    """
    names, pids = ",".join(calls), list(pids)
    options = ["-f", "-o", "/dev/null", "-e", f"trace={names}", "-e", f"inject={names}:{fault}"]
    files = [option for path in paths for option in ("-P", str(path))]
    attached = [option for pid in pids for option in ("-p", str(pid))]
    with tempfile.TemporaryFile("w+") as words:
        tracer = subprocess.Popen(["strace", *options, *files, *attached], stderr=words)

        def said() -> str:
            return os.pread(words.fileno(), 100_000, 0).decode()

        try:
            eventually(
                lambda: all(f"Process {pid} attached" in said() for pid in pids),
                "strace is not there",
            )
            yield
        finally:
            tracer.terminate()
            try:
                tracer.wait(timeout=10)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()


def writing_down(file: Path) -> list[str]:
    """Return a command that runs a program and writes its file changes and answers to a file.

    One line a call, texts in hexadecimal, the path behind every descriptor.
    """
    calls = ",".join(THAT_CHANGE_FILES + THAT_ANSWER)
    options = [
        "-f", "-qq", "-y", "-xx", "-s", "10000000", "-e", f"trace={calls}", "-e", "signal=none",
    ]  # fmt: skip
    return ["strace", *options, "-o", str(file)]


def files_of_users(data: Path) -> list[Path]:
    """Return every path that writing users.json touches."""
    names = ("users.json", "users.json.tmp", "users.json.lock", "users.json.committed")
    return [data, *(data / name for name in names), data / "users.json.committed.tmp"]

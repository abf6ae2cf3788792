"""Finds a stack's processes by what the kernel says of them, and signals only those.

The supervisor is started as the leader of a session of its own, and everything below it stays in
that session even when the supervisor is gone. Process numbers are used again by the kernel, so
number, start time and boot must all fit before anything is signalled.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A line of /proc/PID/stat."""

    pid: int
    state: str
    session: int
    started: int


@dataclass(frozen=True)
class Session:
    """What is remembered of a supervisor, to find it and its descendants again."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Session | None":
        """Describe a process that runs now."""
        process = read(pid)
        return None if process is None else cls(pid, process.started, boot_id())

    @classmethod
    def from_json(cls, data: Any) -> "Session | None":
        """Take a description out of the state file; None if it is not one."""
        if not isinstance(data, dict):
            return None
        try:
            return cls(int(data["pid"]), int(data["started"]), str(data["boot"]))
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def leader_lives(self) -> bool:
        """Whether the supervisor itself still runs."""
        process = read(self.pid) if self.boot == boot_id() else None
        return process is not None and process.started == self.started and process.state != "Z"

    def members(self, root: Path) -> list[int]:
        """Return the processes of this session that still run and work in this checkout."""
        if self.boot != boot_id():
            return []
        leader = read(self.pid)
        if leader is not None and leader.started != self.started:
            return []
        return [
            process.pid
            for process in everything()
            if process.session == self.pid
            and process.started >= self.started
            and process.state != "Z"
            and _works_in(process.pid, root)
        ]


def boot_id() -> str:
    """Return the kernel's name for this run of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def read(pid: int) -> Process | None:
    """Return what the kernel says of a process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name may hold spaces and brackets: everything after the last bracket is plain.
    fields = text.rpartition(")")[2].split()
    return Process(pid, state=fields[0], session=int(fields[3]), started=int(fields[19]))


def everything() -> list[Process]:
    """Return all processes of the machine."""
    found = (read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [process for process in found if process is not None]


def stop(session: Session, root: Path, patience: float = 45) -> None:
    """End a stack in order, and what does not end by itself after that by force."""
    if session.leader_lives:
        _signal([session.pid], signal.SIGTERM)
    else:
        _signal(session.members(root), signal.SIGTERM)
    if not _gone(session, root, patience):
        # Again and again: what is being killed may just have started another one.
        deadline = time.monotonic() + 10
        while session.members(root) and time.monotonic() < deadline:
            _signal(session.members(root), signal.SIGKILL)
            time.sleep(0.05)


def _gone(session: Session, root: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    orphaned = not session.leader_lives
    while session.members(root):
        if time.monotonic() > deadline:
            return False
        if not orphaned and not session.leader_lives:
            # The supervisor waits for its children, so these have lost it on the way.
            orphaned = True
            _signal(session.members(root), signal.SIGTERM)
        time.sleep(0.05)
    return True


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _works_in(pid: int, root: Path) -> bool:
    try:
        return (PROC / str(pid) / "cwd").readlink() == root
    except FileNotFoundError:
        return False
    except PermissionError:
        # A program that changed its user hides this, even from root in some containers.
        return os.geteuid() == 0

"""The processes of local mode, as psutil sees them.

The supervisor leads a session of its own, and everything below it stays in that session even when
the supervisor is gone.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

# In the supervisor's environment, with the state folder as value: process numbers are used again.
MARK = "STACK_STATE"
PATIENCE_SECONDS = 45


def boot_id() -> str:
    """Return the kernel's name for this run of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def supervisor(remembered: Mapping[str, Any], state: Path) -> psutil.Process | None:
    """Return the supervisor of the stack in this state folder if it lives."""
    try:
        process = psutil.Process(int(remembered["supervisor"]))
        is_ours = _environment(process).get(MARK) == str(state)
    except (psutil.Error, KeyError):
        return None
    return process if is_ours else None


def members(remembered: Mapping[str, Any], root: Path) -> list[psutil.Process]:
    """Return the processes of the stack that live, be it without their supervisor."""
    if remembered.get("boot") != boot_id():
        return []
    session = remembered.get("supervisor")
    return [
        process
        for process in psutil.process_iter()
        if _session(process.pid) == session and _works_in(process, root)
    ]


def stop(leader: psutil.Process | None, remembered: Mapping[str, Any], root: Path) -> None:
    """End a stack in order; kill the processes that have not ended by then."""
    everything = members(remembered, root)
    for process in [leader] if leader else everything:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(everything, timeout=PATIENCE_SECONDS)
    # Again and again: a process that is being killed may just have started another one.
    deadline = time.monotonic() + 10
    while (left := members(remembered, root)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def listener(port: int) -> str:
    """Return who listens on a port, such as " by nginx (process 12)", or "" if that is hidden."""
    for connection in psutil.net_connections("tcp"):
        is_there = connection.laddr and connection.laddr.port == port
        if is_there and connection.status == psutil.CONN_LISTEN and connection.pid:
            return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def listening_ports(process: psutil.Process) -> set[int]:
    """Return the ports that a process listens on."""
    try:
        connections = process.net_connections("tcp")
    except psutil.Error:
        return set()
    listeners = (each for each in connections if each.status == psutil.CONN_LISTEN)
    return {each.laddr.port for each in listeners if each.laddr}


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment of a process; for a moment after its start the kernel shows none."""
    deadline = time.monotonic() + 1
    while not (environment := process.environ()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return environment


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _works_in(process: psutil.Process, root: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(root)
    except psutil.AccessDenied:
        # A program that changed its user hides this, even from root in some containers.
        return os.geteuid() == 0
    except psutil.NoSuchProcess:
        return False

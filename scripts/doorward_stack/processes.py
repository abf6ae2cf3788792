"""The processes of local mode.

The supervisor leads a session of its own, and what it starts stays in that session, even when the
supervisor is gone.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

# In the supervisor's environment, with the state folder as value: process ids are used again.
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


def members(remembered: Mapping[str, Any]) -> list[psutil.Process]:
    """Return the processes of the stack that live, be it without their supervisor."""
    session = remembered.get("supervisor")
    if session is None or remembered.get("boot") != boot_id():
        return []
    return [process for process in psutil.process_iter() if _lives_in(process, session)]


def stop(leader: psutil.Process | None, remembered: Mapping[str, Any]) -> None:
    """End a stack in order; kill the processes that have not ended by then."""
    everything = members(remembered)
    for process in [leader] if leader else everything:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(everything, timeout=PATIENCE_SECONDS)
    # Again and again: a process that is being killed may just have started another one.
    deadline = time.monotonic() + 10
    while (left := members(remembered)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def listener(port: int) -> psutil.Process | None:
    """Return the process that listens on a port, if the system shows it."""
    for connection in psutil.net_connections("tcp"):
        is_there = connection.laddr and connection.laddr.port == port
        if is_there and connection.status == psutil.CONN_LISTEN and connection.pid:
            return psutil.Process(connection.pid)
    return None


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment of a process; for a moment after its start the kernel shows none."""
    deadline = time.monotonic() + 1
    while not (environment := process.environ()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return environment


def _lives_in(process: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False

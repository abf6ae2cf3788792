"""Describes the machine of a run, without its name or paths."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from doorward_stack.system_packages import find


def described() -> list[tuple[str, str]]:
    """Return names and values."""
    return [
        ("cores", f"{len(os.sched_getaffinity(0))}, shared with the load generator"),
        ("processor", _processor()),
        ("memory", f"{_memory() / 2**30:.1f} GB"),
        ("kernel", platform.release()),
        ("Python", platform.python_version()),
        ("nginx", _version("nginx", "-v")),
        ("wrk", _version("wrk", "--version")),
        *((name, metadata.version(name)) for name in ("Flask", "gunicorn", "PyJWT", "bcrypt")),
        ("Flask-JWT-Extended", metadata.version("Flask-JWT-Extended")),
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(program: str, option: str) -> str:
    """Return the first version number that a program says of itself; wrk ends with 1 over it."""
    done = subprocess.run(
        [find(program) or program, option], check=False, capture_output=True, text=True
    )
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"

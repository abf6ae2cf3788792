"""The commit, time and machine of a run: what a reader needs to repeat it."""

import os
import platform
import subprocess
from datetime import UTC, datetime

from doorward_stack.layout import ROOT


def here_and_now() -> str:
    """Return commit, time (UTC), cores and Python, for a sentence."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    cores = len(os.sched_getaffinity(0))
    return f"{_commit()}, {now} UTC, {cores} cores, Python {platform.python_version()}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty=, changed", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "no commit known"
    return f"commit {done.stdout.strip()}"

"""The commit, time and machine of a run, with which a reader can repeat it."""

import os
import platform
import subprocess
from datetime import UTC, datetime

from doorward_stack.layout import ROOT


def here_and_now() -> str:
    """Return commit, time (UTC), cores and Python, for a sentence."""
    describe = ["git", "describe", "--always", "--dirty=, changed", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(describe, cwd=ROOT, check=False, capture_output=True, text=True)
    commit = done.stdout.strip() or "not known"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    cores = len(os.sched_getaffinity(0))
    return f"commit {commit}, {now} UTC, {cores} cores, Python {platform.python_version()}"

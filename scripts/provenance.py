"""Of which commit, when and on what machine a page's results are: what a reader needs to repeat them."""

import os
import platform
import subprocess
from datetime import UTC, datetime

from doorward_stack.layout import ROOT

# What the runs write themselves: one that follows another would call the checkout changed for it.
WRITTEN = (
    "docs/evidence.md",
    "docs/faults.md",
    "docs/performance.md",
    "docs/images/performance.svg",
    "tests/evidence/mutants.json",
)


def here_and_now() -> str:
    """Return commit, whether anything else was changed, time (UTC), cores and Python, for a sentence."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    cores = len(os.sched_getaffinity(0))
    return f"{_commit()}, {now} UTC, {cores} cores, Python {platform.python_version()}"


def _commit() -> str:
    head = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", *(f":(exclude){file}" for file in WRITTEN))
    if head is None or changed is None:
        return "no commit known"
    return f"commit `{head}` ({'with changes' if changed else 'clean'})"


def _git(*arguments: str) -> str | None:
    """Return what git says, or None where there is no git or no repository, as in an unpacked archive."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()

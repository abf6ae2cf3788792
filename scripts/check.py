"""The quick loop of a developer: format, types and the fast tests."""

import subprocess
import sys
import time

import run_tests
from doorward_stack import progress
from doorward_stack.layout import ROOT

TOOLS = ROOT / ".venv" / "bin"
COMMANDS = (
    (TOOLS / "ruff", "format", "--check", "--quiet", "."),
    (TOOLS / "ruff", "check", "--quiet", "."),
    (TOOLS / "mypy",),
)


def main() -> int:
    """Return 0 if everything passes; all of it runs even if one part fails."""
    began = time.monotonic()
    with progress.shown("Format and types"):
        codes = [subprocess.run(command, cwd=ROOT, check=False).returncode for command in COMMANDS]
    codes.append(run_tests.run(run_tests.UNIT, "-m", "not slow", "-q"))
    print(f"make check: {'failed' if any(codes) else 'passed'}, {time.monotonic() - began:.0f} s")
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())

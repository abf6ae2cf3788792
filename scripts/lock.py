"""Pins every requirement, with hashes, so that all parts of the checkout agree on versions."""

import os
import subprocess
import sys
from pathlib import Path

from doorward_stack import progress

ROOT = Path(__file__).resolve().parents[1]
# Each lock keeps to the versions of the locks beside it.
LOCKS = (
    ("auth-service", ()),
    ("web-frontend", ("auth-service",)),
    ("nginx", ("auth-service", "web-frontend")),
    ("scripts", ("auth-service", "nginx")),
    ("tests", ("auth-service", "web-frontend", "nginx", "scripts")),
    ("tests/mutation", ("auth-service", "web-frontend", "nginx", "scripts", "tests")),
    ("benchmarks", ("auth-service", "web-frontend")),
)


def command(part: str, constraints: tuple[str, ...]) -> list[str]:
    """Return the command that makes one lock; its header must name no path of this machine."""
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") == "yes" else []
    held = [word for other in constraints for word in ("-c", f"{other}/requirements.txt")]
    return [
        *(str(ROOT / ".venv/bin/uv"), "pip", "compile", "--quiet"),
        *("--universal", "--generate-hashes", "--python-version", "3.11"),
        *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
        *upgrade,
        *held,
        *("-o", f"{part}/requirements.txt", f"{part}/requirements.in"),
    ]


def main() -> int:
    """Make all of them; stop at the first that has no solution."""
    for part, constraints in LOCKS:
        with progress.shown(part):
            code = subprocess.run(command(part, constraints), cwd=ROOT, check=False).returncode
        if code != 0:
            return code
        print(f"{part}/requirements.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())

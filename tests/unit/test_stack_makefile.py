"""The Makefile: its list of commands, and what it takes from the shell that calls it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts.doorward_stack.layout import ROOT


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with more in its environment."""
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_every_make_target_has_help() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^TARGETS = ((?:.*\\\n)*.*)$", text, re.M)
    assert targets is not None
    documented = set(re.findall(r"^([a-z-]+):.*## \S", text, re.M))
    names = set(targets[1].replace("\\\n", " ").split())
    assert documented == set(re.findall(r"^([a-z-]+):", text, re.M)) == names
    shown = make("-s").stdout
    assert all(f"make {target} " in shown for target in documented)


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME"])
def test_python_settings_of_the_calling_shell_are_ignored(name: str, tmp_path: Path) -> None:
    (tmp_path / "encodings.py").write_text("raise SystemExit('not Python')")
    done = make("flask", "ARGS=--help", "MODE=nonsense", **{name: str(tmp_path)})
    assert "MODE must be compose or local" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("target", "programs"),
    [
        ("check", ["scripts/check.py"]),
        ("test", ["scripts/run_tests.py"]),
        ("test-slow", ["scripts/run_tests.py slow", "scripts/mutants.py"]),
    ],
)
def test_a_target_of_tests_calls_its_programs(target: str, programs: list[str]) -> None:
    planned = make("--dry-run", target).stdout.splitlines()
    assert [line.split(" ", 1)[1] for line in planned if line.startswith(".venv")] == programs

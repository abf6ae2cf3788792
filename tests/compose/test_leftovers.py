"""A run that was killed does not take the engine's networks away from the next one."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

import leftovers

LABEL = "com.docker.compose.project"


def engine(*arguments: str) -> list[str]:
    """Run a docker command; return the words it printed."""
    command = ("docker", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()


def kept(project: str) -> list[str]:
    """Return the networks and volumes of a Compose project."""
    these = ("--quiet", "--filter", f"label={LABEL}={project}")
    return engine("network", "ls", *these) + engine("volume", "ls", *these)


@pytest.fixture
def make() -> Iterator[object]:
    made: list[str] = []

    def begin(project: str) -> str:
        made.append(project)
        engine("network", "create", "--label", f"{LABEL}={project}", f"{project}_inner")
        engine("volume", "create", "--label", f"{LABEL}={project}", f"{project}_data")
        return project

    yield begin
    for project in made:
        leftovers.remove_project(project)


def test_only_what_a_run_that_is_over_has_left_is_removed(make) -> None:
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    name = leftovers.new_project()
    _, _, namespace, process, started, _ = name.split("-")
    left = make(f"doorward-test-{namespace}-{over.pid}-{started}-1")
    # The number was given to another process since.
    before = make(f"doorward-test-{namespace}-{process}-{int(started) - 1}-1")
    ours = make(name)
    elsewhere = make(f"doorward-test-{namespace}1-{over.pid}-{started}-1")
    somebodys = make(f"doorward-testing-{over.pid}")

    assert {left, before} <= set(leftovers.remove_leftovers())

    assert kept(left) == kept(before) == []
    assert [len(kept(project)) for project in (ours, elsewhere, somebodys)] == [2, 2, 2]

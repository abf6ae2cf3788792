"""A run that was killed does not take the engine's networks away from the next one."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import leftovers


def create(kind: str, project: str, name: str) -> None:
    """Make a network or a volume as Compose would make it for a project."""
    label = f"com.docker.compose.project={project}"
    command = ("docker", kind, "create", "--label", label, f"{project}_{name}")
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture
def make() -> Iterator[Callable[[str], str]]:
    """Make what a project keeps in the engine; it is removed after the test."""
    made: list[str] = []

    def begin(project: str) -> str:
        made.append(project)
        create("network", project, "inner")
        create("volume", project, "data")
        return project

    yield begin
    for project in made:
        leftovers.remove_project(project)


def test_only_what_a_run_that_is_over_has_left_is_removed(make: Callable[[str], str]) -> None:
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

    assert leftovers.found(left) == leftovers.found(before) == []
    assert [len(leftovers.found(project)) for project in (ours, elsewhere, somebodys)] == [2, 2, 2]

"""These tests look at processes and files, so they need local mode."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from local.hand_started import environment, provision
from local.system_calls import strace
from running_stack import LocalStack, Stack

__all__ = ["strace"]


@pytest.fixture(scope="session", autouse=True)
def local_mode(request: pytest.FixtureRequest) -> None:
    """Skip where the stack is another's."""
    if request.config.getoption("stack") != "local":
        pytest.skip("tests/local looks at the processes and files of local mode: use --stack local")


@pytest.fixture
def own_stack(start_stack: Callable[..., Stack]) -> LocalStack:
    """A stack that this test may ruin."""
    return cast("LocalStack", start_stack())


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """An environment in which both services start, with a data folder of its own."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    made = environment(data)
    provision(made)
    return made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A file for what a program says; printed for the report of a failed test."""
    path = tmp_path / "program.log"
    path.touch()
    yield path
    print(path.read_text()[-5000:])

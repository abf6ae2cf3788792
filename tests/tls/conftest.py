"""These tests look at what a certificate changes, so they need stacks with one."""

from collections.abc import Callable
from typing import cast

import pytest

from running_stack import Stack, StartedStack

PUBLIC_URL = "https://door.example:8123"


@pytest.fixture(scope="session", autouse=True)
def with_a_certificate(request: pytest.FixtureRequest) -> None:
    """Skip where the stacks have none."""
    if not request.config.getoption("tls") or request.config.getoption("base_url"):
        pytest.skip("tests/tls needs stacks of its own with a certificate: use --tls")


@pytest.fixture
def secure(stack: Stack) -> StartedStack:
    """The shared stack, for https://localhost: these tests leave it running."""
    return cast("StartedStack", stack)


@pytest.fixture(scope="session")
def domain(stack_with: Callable[..., Stack]) -> StartedStack:
    """A stack for a name that is not this machine's, called by the Host header."""
    return cast("StartedStack", stack_with(DOORWARD_PUBLIC_URL=PUBLIC_URL))

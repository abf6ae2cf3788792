"""These tests look at what a certificate changes, so they need stacks with one."""

from collections.abc import Callable

import pytest

from running_stack import Stack

PUBLIC_URL = "https://door.example:8123"


@pytest.fixture(scope="session", autouse=True)
def with_a_certificate(request: pytest.FixtureRequest) -> None:
    """Skip where the stacks have none."""
    if not request.config.getoption("tls"):
        pytest.skip("tests/tls needs stacks of its own with a certificate: use --tls")


@pytest.fixture
def secure(stack: Stack) -> Stack:
    """The shared stack, for https://localhost: these tests leave it running."""
    return stack


@pytest.fixture(scope="session")
def domain(stack_with: Callable[..., Stack]) -> Stack:
    """A stack for a name that is not this machine's, called by the Host header."""
    return stack_with(DOORWARD_PUBLIC_URL=PUBLIC_URL)

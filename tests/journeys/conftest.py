"""Visitors and programs for the journeys."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from journeys.visitor import Api, Visitor, new_name
from running_stack import Stack

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="session")
def dear(stack_with: Callable[..., Stack]) -> Stack:
    """A stack whose hashes cost what they really cost, and which renews tokens after a second."""
    return stack_with(
        DOORWARD_RENEW_SECONDS=1, DOORWARD_BCRYPT_ROUNDS="", DOORWARD_TEST_FAST_HASH=""
    )


@pytest.fixture(scope="session")
def prompt(stack_with: Callable[..., Stack]) -> Stack:
    """A stack that renews tokens after a second, so that pages soon tell of changes."""
    return stack_with(DOORWARD_RENEW_SECONDS=1)


@pytest.fixture(scope="session")
def named_site(stack_with: Callable[..., Stack], pytestconfig: pytest.Config) -> Stack:
    """A stack with a name of its own and a laxer rule for passwords."""
    scheme = "https" if pytestconfig.getoption("tls") else "http"
    return stack_with(
        DOORWARD_PUBLIC_URL=f"{scheme}://door.example:8123",
        DOORWARD_ALLOW_INSECURE_HTTP=1,
        DOORWARD_PASSWORD_MIN_LENGTH=8,
    )


@pytest.fixture
def new_visitor(stack: Stack) -> Iterator[NewVisitor]:
    """Return a person with a fresh browser, at the shared stack or the one that is named."""
    with ExitStack() as browsers:
        yield lambda at=stack: browsers.enter_context(Visitor(at.base_url))


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    """A person with a fresh browser."""
    return new_visitor()


@pytest.fixture
def api(stack: Stack) -> Iterator[Api]:
    """A program that uses the shared stack's API."""
    with Api(stack.base_url) as program:
        yield program


@pytest.fixture
def username(api: Api) -> str:
    """The name of somebody who has an account on the shared stack, with the usual password."""
    name = new_name()
    answer = api.register(name)
    assert answer.status_code == 201, answer.text
    return name

"""Browsers, watched, and people with accounts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    StorageState,
    expect,
    sync_playwright,
)

from browser import portal
from browser.states import STATES
from browser.watch import Watch
from journeys.visitor import PASSWORD, Api, claims, new_name
from running_stack import Stack
from scripts.chromium import LAUNCH

PATIENCE = 10_000
VISITOR = {
    "locale": "en-GB",
    "timezone_id": "Europe/Berlin",
    "viewport": {"width": 1280, "height": 800},
}

if TYPE_CHECKING:
    from conftest import Stacks

NewBrowser = Callable[..., BrowserContext]


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    name: str
    password: str = PASSWORD


def sign_up(stack: Stack, name: str = "") -> Person:
    """Make an account the quick way."""
    person = Person(name or new_name())
    with Api(stack.base_url) as api:
        answer = api.register(person.name)
    assert answer.status_code == 201, answer.text
    return person


FORGET = """
import os, sqlite3, sys
with sqlite3.connect(os.environ["DOORWARD_DATA_DIR"] + "/state.db", timeout=10) as state:
    ended = "UPDATE sessions SET authenticated_at = authenticated_at - 301 WHERE id = ?"
    assert state.execute(ended, sys.argv[1:]).rowcount == 1
"""


def let_the_password_entry_age(stack: Stack, browser: BrowserContext) -> None:
    """Make it more than five minutes since the password was entered in the browser's session."""
    [token] = [cookie["value"] for cookie in browser.cookies() if cookie["name"] == "session"]
    stack.exec("auth-service", "python3", "-c", FORGET, str(claims(token)["sid"]))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The program that all browsers of a run are windows of."""
    with playwright.chromium.launch(**LAUNCH) as program:
        yield program


class Watched:
    """Takes browsers under watch, and closes them in the end."""

    def __init__(self) -> None:
        self._watches: dict[BrowserContext, Watch] = {}

    def begin(self, context: BrowserContext, origin: str) -> BrowserContext:
        """Watch one."""
        context.set_default_timeout(PATIENCE)
        self._watches[context] = Watch(context, origin)
        return context

    def of(self, page: Page) -> Watch:
        """Return what was seen in the browser of a page."""
        return self._watches[page.context]

    def end(self) -> None:
        """Close all, and fail if any page did what none may do."""
        for context in self._watches:
            context.close()
        assert [problem for watch in self._watches.values() for problem in watch.problems] == []


@pytest.fixture
def watched() -> Iterator[Watched]:
    """What keeps an eye on every browser of a test; in the end nothing may have been noticed."""
    watches = Watched()
    yield watches
    watches.end()


@pytest.fixture
def new_browser(chromium: Browser, stack: Stack, watched: Watched) -> NewBrowser:
    """Return a browser that has been nowhere yet, for the shared stack or the one that is named."""

    def begin(at: Stack = stack, **options: object) -> BrowserContext:
        context = chromium.new_context(**{**VISITOR, "base_url": at.base_url, **options})
        return watched.begin(context, at.base_url)

    return begin


@pytest.fixture
def page(new_browser: NewBrowser) -> Page:
    """A tab of such a browser, on the shared stack."""
    return new_browser().new_page()


@pytest.fixture
def person(stack: Stack) -> Person:
    """Somebody with an account on the shared stack."""
    return sign_up(stack)


@pytest.fixture(scope="session")
def closed(stack_with: Callable[..., Stack]) -> Stack:
    """A stack where nobody may register, and where attempts are counted."""
    return stack_with(
        DOORWARD_REGISTRATION="closed",
        DOORWARD_CONTACT="the front desk",
        DOORWARD_CREDENTIAL_RATE="1r/m",
    )


@pytest.fixture(scope="session")
def renaming(stack_with: Callable[..., Stack]) -> Stack:
    """A stack where people may change their user names."""
    return stack_with(DOORWARD_RENAME="on")


@pytest.fixture(scope="session")
def exhaust() -> Callable[[Stack], None]:
    """Try to sign in so often that nginx refuses the next one for that."""

    def try_on(stack: Stack) -> None:
        with Api(stack.base_url) as api:
            kind = "urn:doorward:problem:too-many-requests"
            while api.sign_in(new_name(), "").json()["type"] != kind:
                pass

    return try_on


@dataclass(frozen=True)
class Failing:
    """A stack whose auth-service is gone, and what a browser that is signed in there keeps."""

    stack: Stack
    cookies: StorageState


@pytest.fixture(scope="session")
def failing(stacks: "Stacks", chromium: Browser) -> Iterator[Failing]:
    """Such a stack. Its sessions go on for reading, as they do for the first five minutes."""
    stack = stacks.start({"DOORWARD_RENEW_SECONDS": 0})
    person = sign_up(stack)
    context = chromium.new_context(**VISITOR, base_url=stack.base_url)
    page = context.new_page()
    portal.sign_in(page, person.name)
    cookies = context.storage_state()
    context.close()
    stack.stop("auth-service")
    yield Failing(stack, cookies)
    stacks.remove(stack)


@dataclass(frozen=True)
class Shown:
    """A page in one of the states of `STATES`."""

    page: Page
    watch: Watch


@pytest.fixture(scope="session")
def resident(stack: Stack) -> Person:
    """Somebody whose account on the shared stack several tests use, signed in elsewhere too."""
    person = sign_up(stack)
    with Api(stack.base_url) as api:
        assert api.sign_in(person.name).status_code == 201
    return person


@pytest.fixture
def state(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Shown]:
    """Show the state that the test names."""
    wanted = STATES[request.param]
    # Only the stack that this state needs is started, and not before.
    given = request.getfixturevalue("stack" if wanted.stack == "usual" else wanted.stack)
    stack = given.stack if isinstance(given, Failing) else given
    if request.param == "nginx: too many attempts":
        request.getfixturevalue("exhaust")(stack)
    who = request.getfixturevalue("resident").name if wanted.stack == "usual" else "mara"
    watched = Watched()
    cookies = given.cookies if wanted.signed_in else None
    context = chromium.new_context(**VISITOR, base_url=stack.base_url, storage_state=cookies)
    page = watched.begin(context, stack.base_url).new_page()
    try:
        if wanted.long_ago:
            portal.sign_in(page, who)
            let_the_password_entry_age(stack, context)
        wanted.way(page, who)
        assert watched.of(page).status == wanted.status
        yield Shown(page, watched.of(page))
    finally:
        watched.end()

"""Stacks for the tests: `stack`, `stack_with` and `start_stack`; and what tests count."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import FrameType
from typing import Any

import pytest

from leftovers import remove_leftovers
from running_stack import Stack, start
from secrets_in_logs import leaked_by

Reports = list[str]
_LIVE = pytest.StashKey[list[Stack]]()
_SUMMARY = pytest.StashKey[Reports]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("doorward")
    group.addoption(
        "--stack",
        choices=("local", "compose"),
        default="local",
        help="how the tests' own stacks are run",
    )
    group.addoption(
        "--tls", action="store_true", help="start the tests' own stacks with a certificate"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Whoever ends the run early, such as a time limit of CI's, must not leave stacks behind.
    signal.signal(signal.SIGTERM, _interrupt)
    config.stash[_LIVE] = []
    config.stash[_SUMMARY] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("stack") == "compose":
        try:
            removed = remove_leftovers()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.exit(
                "--stack compose needs a Docker engine "
                f"(.ci/engine brings one up on Debian): {error}",
                returncode=1,
            )
        for project in removed:
            config.stash[_SUMMARY].append(
                f"removed what an earlier run had left in the engine: {project}"
            )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "long_run" in getattr(item, "fixturenames", ()):
            item.add_marker("prolonged")
        # For the JUnit report that `make evidence` and `make faults` read.
        item.user_properties.append(("test", item.nodeid.partition("[")[0]))
        for name in ("proves", "fault"):
            for marker in item.iter_markers(name):
                item.user_properties += [(name, argument) for argument in marker.args]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        for stack in item.config.stash[_LIVE]:
            report.sections.append(
                (f"log of the {stack.mode} stack at {stack.base_url}", stack.tail())
            )
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [*config.stash[_SUMMARY], *measured_in(reports)]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


def measured_in(reports: list[Any]) -> list[str]:
    """Return what tests measured. Their reports have it, which may come from other processes."""
    properties = [
        each
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for each in report.user_properties
    ]
    return [line for name, line in properties if name == "measured"]


class Stacks:
    """Starts stacks, and removes every one of them whatever happens."""

    def __init__(self, config: pytest.Config, folders: pytest.TempPathFactory) -> None:
        self._config = config
        self._folders = folders
        self._shared: dict[tuple[tuple[str, str], ...], Stack] = {}

    def start(self, settings: Mapping[str, object]) -> Stack:
        """Start one more."""
        folder = self._folders.mktemp("stack")
        texts = {name: str(value) for name, value in settings.items()}
        tls = self._config.getoption("tls")
        stack = start(self._config.getoption("stack"), folder, texts, tls=tls)
        self._config.stash[_LIVE].append(stack)
        return stack

    def shared(self, settings: Mapping[str, object]) -> Stack:
        """Return the one with these settings, starting it if it is the first time."""
        key = tuple(sorted((name, str(value)) for name, value in settings.items()))
        if key not in self._shared:
            self._shared[key] = self.start(settings)
        return self._shared[key]

    def remove(self, stack: Stack) -> None:
        """Remove one."""
        live = self._config.stash[_LIVE]
        if stack in live:
            live.remove(stack)
        try:
            found = leaked_by(stack)
        finally:
            stack.remove()
        assert found == [], "a secret stands in the log, whatever the test was"

    def remove_shared(self) -> None:
        """Remove all that are left, also when removing one of them fails."""
        with ThreadPoolExecutor() as pool:
            removals = [pool.submit(self.remove, stack) for stack in self._shared.values()]
        self._shared.clear()
        errors = [
            error for removal in removals if isinstance(error := removal.exception(), Exception)
        ]
        if errors:
            raise ExceptionGroup("stacks could not be removed", errors)


@pytest.fixture(scope="session")
def stacks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stacks]:
    """What starts and removes stacks; tests ask for one of the fixtures below."""
    made = Stacks(request.config, tmp_path_factory)
    yield made
    made.remove_shared()


@pytest.fixture(scope="session")
def stack(stacks: Stacks) -> Stack:
    """The stack that most tests share: leave it running, and its other users alone."""
    return stacks.shared({})


@pytest.fixture(scope="session")
def stack_with(stacks: Stacks) -> Callable[..., Stack]:
    """Return the shared stack with other settings: `stack_with(DOORWARD_RENEW_SECONDS=1)`."""
    return lambda **settings: stacks.shared(settings)


@pytest.fixture
def start_stack(stacks: Stacks) -> Iterator[Callable[..., Stack]]:
    """Start a stack for this test alone, with settings; it is removed when the test ends."""
    own: list[Stack] = []

    def begin(**settings: object) -> Stack:
        own.append(stacks.start(settings))
        return own[-1]

    yield begin
    for stack in own:
        stacks.remove(stack)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Iterator[Reports]:
    """Lines appended to it are printed at the end of the run."""
    lines: Reports = []
    yield lines
    request.node.user_properties += [("measured", line) for line in lines]


@dataclass(frozen=True)
class Promise:
    """The most seconds that `what` takes, and that a test allows, because machines are shared."""

    what: str
    seconds: float
    allowed: float


SIGN_IN = Promise("signing in", 5, 5 + 4)
PROGRAMS_SIGN_IN = Promise("signing in by the API", 5, 5 + 4)
DASHBOARD = Promise("the dashboard", 2, 2 + 4)


@dataclass
class Tally:
    """What an experiment counts: what was tried, what was acknowledged, and what of that is lost.

    `unit` names in the plural what was tried, as "kills". `times` are the slowest of what was
    timed, each with what was promised and what the test allows, or None.
    """

    unit: str = "cases"
    tried: int = 0
    acknowledged: int = 0
    lost: int = 0
    times: dict[str, tuple[float, float | None, float | None]] = field(default_factory=dict)

    def took(self, what: str, seconds: float) -> None:
        """Keep how long something took of which nothing is promised."""
        self._keep(what, seconds, None, None)

    def kept(self, promise: Promise, seconds: float) -> None:
        """Keep how long it took; fail if that is more than the test allows."""
        self._keep(promise.what, seconds, promise.seconds, promise.allowed)
        assert seconds < promise.allowed, promise.what

    @contextmanager
    def timing(self, promise: Promise) -> Iterator[None]:
        """Time what is done inside, and keep it."""
        began = time.monotonic()
        yield
        self.kept(promise, time.monotonic() - began)

    def _keep(
        self, what: str, seconds: float, promised: float | None, allowed: float | None
    ) -> None:
        slowest = max(seconds, self.times[what][0]) if what in self.times else seconds
        self.times[what] = (slowest, promised, allowed)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """What `make faults` prints of this test, which fails if anything acknowledged was lost."""
    made = Tally()
    yield made
    request.node.user_properties.append(("tally", json.dumps(asdict(made))))
    assert made.lost == 0, "something acknowledged was lost"


@pytest.fixture(scope="session")
def long_run() -> bool:
    """Whether experiments have hours: `make faults LONG=1`."""
    return os.environ.get("LONG", "0") not in ("", "0")

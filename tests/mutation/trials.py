"""Tries mutants: runs the tests that concern each in a process of its own until one fails.

A mutant that differs within functions is tried in a fork of a process that has collected all tests:
the functions there get the mutant's code, which takes milliseconds. One that differs in what a
module does when it is imported is tried in a fork of a process that has not imported the product
yet. Programs that a test starts, such as gunicorn, run without the fault.
"""

import gc
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest
from codes import Change, changed_functions
from generate import Mutant
from targets import ROOT

KILLED, SURVIVED, ENDLESS = "killed", "survived", "timed out"
# Seconds for a test that waits for ever, however busy the machine is.
_LONGEST_WAIT = 90
_OPTIONS = [
    *("-q", "-x", "-p", "no:cacheprovider", "--tb=native", "-o", f"timeout={_LONGEST_WAIT}"),
    *("-m", "not slow"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]
# Where there is one, a disk in memory: the tests sync what they write.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# What takes long to import, and holds nothing of the product.
_LIBRARIES = (
    "coverage", "flask.testing", "flask_bcrypt", "flask_wtf", "gunicorn.app.base",
    "hypothesis.stateful", "jwt", "pydantic_settings", "pytest_socket", "requests",
    "sqlalchemy.dialects.sqlite", "yaml",
)  # fmt: skip


@dataclass
class Baseline:
    """How long each test kept the processor (seconds), and by file and line which tests ran it."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A mutant, and the tests to run, in order, with the processor seconds that each takes."""

    number: int
    mutant: Mutant
    tests: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and which test killed it."""

    number: int
    result: str
    killer: str = ""


class _Watch:
    """Measures the tests: pytest's hooks switch what coverage notes lines under."""

    def __init__(self, measure: coverage.Coverage, baseline: Baseline) -> None:
        self._measure, self._baseline = measure, baseline
        self.passed = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measure.switch_context(item.nodeid)
        begun = time.process_time()
        result = yield
        self._baseline.seconds[item.nodeid] = time.process_time() - begun
        self._measure.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed &= not report.failed


def baseline(modules: Iterable[str], tests: Sequence[str]) -> Baseline:
    """Run all tests unmutated; SystemExit if one fails. Call it in a process of its own."""
    measured = Baseline()
    files = [str(ROOT / module) for module in modules]
    measure = coverage.Coverage(data_file=None, include=files, config_file=False)
    measure.start()
    watch = _Watch(measure, measured)
    code = pytest.main([*_OPTIONS, *tests], plugins=[watch])
    measure.stop()
    if code != pytest.ExitCode.OK or not watch.passed:
        raise SystemExit("The tests fail without any fault: mend that first.")
    data = measure.get_data()
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        measured.lines[str(Path(file).relative_to(ROOT))] = {
            line: [name for name in names if name] for line, names in by_line.items()
        }
    return measured


# --- forks
# -------------------------------------------------------------------------------------------


class _Children:
    """Runs trials in forks, a few at a time, and reports what became of them."""

    def __init__(self, workers: int, report: Callable[[Outcome], None]) -> None:
        self._workers, self._report = workers, report
        self._running: dict[int, tuple[Trial, float, Path]] = {}
        self._killers: dict[str, list[str]] = {}

    def run(self, trials: Iterable[Trial], attempt: Callable[[Trial, Path], int]) -> None:
        for planned in trials:
            while len(self._running) >= self._workers:
                self._reap()
            folder = Path(tempfile.mkdtemp(prefix="doorward-mutant-", dir=_MEMORY))
            # What noticed the last fault of a function notices most of the others.
            recent = self._killers.get(planned.mutant.function, [])
            first = [name for name in [*list(planned.tests)[:1], *recent] if name in planned.tests]
            trial = replace(
                planned, tests={name: planned.tests[name] for name in [*first, *planned.tests]}
            )
            if not (child := os.fork()):
                self._begin(trial, folder, attempt)
            self._running[child] = (
                trial,
                time.monotonic() + 60 + 20 * sum(trial.tests.values()),
                folder,
            )
        while self._running:
            self._reap()

    @staticmethod
    def _begin(trial: Trial, folder: Path, attempt: Callable[[Trial, Path], int]) -> None:
        """Be the child."""
        os.setpgid(0, 0)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = 1
        try:
            code = attempt(trial, folder)
        finally:
            os._exit(code)

    def _reap(self) -> None:
        for child, (trial, until, folder) in list(self._running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() < until:
                continue
            _end_group(child)
            if not done:
                os.waitpid(child, 0)
            del self._running[child]
            killer = _read(folder / "killer")
            shutil.rmtree(folder, ignore_errors=True)
            if killer:
                known = self._killers.setdefault(trial.mutant.function, [])
                self._killers[trial.mutant.function] = [
                    killer,
                    *(name for name in known if name != killer),
                ]
            self._report(_outcome(trial, status if done else None, killer))
        time.sleep(0.01)


def _end_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _outcome(trial: Trial, status: int | None, killer: str) -> Outcome:
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return Outcome(trial.number, ENDLESS)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        raise SystemExit("A trial was ended from outside: run again, and it goes on where it was.")
    return Outcome(
        trial.number, SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED, killer
    )


class _Guard:
    """A plugin that notes the first test that failed, and ends one that loops for ever."""

    def __init__(self, trial: Trial, folder: Path) -> None:
        self._trial = trial
        self._file = folder / "killer"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        # In seconds of the processor: other programs may keep the machine busy.
        limit = time.process_time() + 10 + 10 * self._trial.tests[item.nodeid]
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), resource.RLIM_INFINITY))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._file.exists():
            self._file.write_text(report.nodeid)


# --- mutants of functions
# ----------------------------------------------------------------------------


def _functions() -> dict[CodeType, list[FunctionType]]:
    """Return the functions that exist, by their code."""
    found: dict[CodeType, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(str(ROOT)):
            found.setdefault(thing.__code__, []).append(thing)
    return found


class _Collected:
    """A plugin that tries mutants where pytest would run what it has collected."""

    def __init__(
        self, trials: Sequence[Trial], changes: Mapping[int, list[Change]], children: _Children
    ) -> None:
        self._trials, self._changes, self._children = trials, changes, children

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        functions = _functions()
        # What is there already stays shared with the forks.
        gc.freeze()
        items = {item.nodeid: item for item in session.items}

        def attempt(trial: Trial, folder: Path) -> int:
            for old, new in self._changes[trial.number]:
                for function in functions[old]:
                    function.__code__ = new
            session.config.pluginmanager.register(_Guard(trial, folder))
            chosen = [items[name] for name in trial.tests]
            for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return 1
            return 0

        self._children.run(self._trials, attempt)
        return True


# --- mutants of what is done at import
# ---------------------------------------------------------------


class _Chosen:
    """A plugin that leaves only some tests, in an order of its own."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[name] for name in self._tests if name in by_name]


def _attempt_import(trial: Trial, folder: Path) -> int:
    path = str(ROOT / trial.mutant.module)
    get_code = SourceFileLoader.get_code

    def with_the_fault(loader: SourceFileLoader, name: str) -> CodeType | None:
        if loader.path == path:
            return compile(trial.mutant.text, path, "exec")
        return get_code(loader, name)

    SourceFileLoader.get_code = with_the_fault  # type: ignore[method-assign]
    files = sorted({name.partition("::")[0] for name in trial.tests})
    return int(
        pytest.main([*_OPTIONS, *files], plugins=[_Chosen(trial.tests), _Guard(trial, folder)])
    )


# --- all of them
# -------------------------------------------------------------------------------------


def run(trials: Sequence[Trial], workers: int, report: Callable[[Outcome], None]) -> None:
    """Try all. `report` is called here and in a forked process, so it must write to a file."""
    changes: dict[int, list[Change]] = {}
    at_import = []
    for trial in trials:
        path = ROOT / trial.mutant.module
        texts = (path.read_text("utf-8"), trial.mutant.text)
        changed = changed_functions(*(compile(text, str(path), "exec") for text in texts))
        if not trial.tests:
            report(Outcome(trial.number, SURVIVED))
        elif changed is None:
            at_import.append(trial)
        else:
            changes[trial.number] = changed
    if in_functions := [trial for trial in trials if trial.number in changes]:
        files = sorted({name.partition("::")[0] for trial in in_functions for name in trial.tests})
        plugin = _Collected(in_functions, changes, _Children(workers, report))
        in_fork(lambda: pytest.main([*_OPTIONS, "-s", *files], plugins=[plugin]))
    for name in _LIBRARIES if at_import else ():
        importlib.import_module(name)
    gc.freeze()
    _Children(workers, report).run(at_import, _attempt_import)


def in_fork(work: Callable[[], object]) -> None:
    """Do something in a process that leaves nothing in this one. Raises SystemExit if it fails."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = int(work() or 0)  # type: ignore[call-overload]
        except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as the parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit(1)

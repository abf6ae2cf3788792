"""pytest plugin of `make evidence` and `make faults`: notes the result of each marked test.

`pytest -p marked_tests_plugin --marked proves --cases FILE` runs those alone, and writes a JSON
list of `{"test": "tests/file.py::test_name", "arguments": […], "outcome": "passed" | "failed" |
"skipped", "tally": {…} or null}`, one for each case of a test. The tally is what the fixture of
that name counted and timed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

WORSE = ("passed", "skipped", "failed")


class Cases:
    """Collects and writes."""

    def __init__(self, marker: str, file: Path) -> None:
        self._marker = marker
        self._file = file
        self._arguments: dict[str, list[Any]] = {}
        self._outcomes: dict[str, str] = {}
        self._tallies: dict[str, object] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which cases will run, and what each answers for."""
        for item in session.items:
            arguments = [
                argument for marker in item.iter_markers(self._marker) for argument in marker.args
            ]
            self._arguments[item.nodeid] = arguments

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, test and tear-down, and what was counted."""
        so_far = self._outcomes.get(report.nodeid, "passed")
        self._outcomes[report.nodeid] = max(so_far, report.outcome, key=WORSE.index)
        self._tallies[report.nodeid] = dict(report.user_properties).get("tally")

    def pytest_sessionfinish(self) -> None:
        """Write all; a case that never ran counts as skipped."""
        rows = [
            {
                "test": nodeid.partition("[")[0],
                "arguments": arguments,
                "outcome": self._outcomes.get(nodeid, "skipped"),
                "tally": self._tallies.get(nodeid),
            }
            for nodeid, arguments in self._arguments.items()
        ]
        self._file.write_text(json.dumps(rows))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--marked", help="run the tests with this marker alone")
    parser.addoption("--cases", type=Path, help="where their results are written")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tests, and begin to collect."""
    if marker := config.getoption("marked"):
        config.option.markexpr = marker
        config.pluginmanager.register(Cases(marker, config.getoption("cases")))

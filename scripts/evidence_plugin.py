"""pytest plugin of `make evidence`: notes what became of every test that names requirements.

`pytest -p evidence_plugin --evidence FILE -m proves` writes a JSON list of
`{"test": "tests/file.py::test_name", "ids": […], "outcome": "passed" | "failed" | "skipped"}`,
one for each case of a test.
"""

import json
from pathlib import Path

import pytest

WORSE = ("passed", "skipped", "failed")


class Evidence:
    """Collects and writes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ids: dict[str, list[str]] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which cases will run, and what each proves."""
        for item in session.items:
            ids = [str(id_) for marker in item.iter_markers("proves") for id_ in marker.args]
            self._ids[item.nodeid] = ids

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, test and tear-down."""
        so_far = self._outcomes.get(report.nodeid, "passed")
        self._outcomes[report.nodeid] = max(so_far, report.outcome, key=WORSE.index)

    def pytest_sessionfinish(self) -> None:
        """Write all; a case that never ran counts as skipped."""
        rows = [
            {"test": nodeid.partition("[")[0], "ids": ids, "outcome": self._outcomes.get(nodeid, "skipped")}
            for nodeid, ids in self._ids.items()
        ]
        self._file.write_text(json.dumps(rows))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --evidence."""
    parser.addoption("--evidence", type=Path, help="where the results of marked tests are written")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect where a file was named."""
    if file := config.getoption("evidence"):
        config.pluginmanager.register(Evidence(file))

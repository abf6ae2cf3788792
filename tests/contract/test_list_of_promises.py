"""The list of promises, tests/promises.toml: every test that it names exists."""

import ast
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# These run by hand and only in part in CI, so a promise needs another test beside them.
SLOW = (
    "tests/soak/",
    "tests/unit/test_fuzzing.py",
    "tests/unit/auth_service/test_timing.py",
    "tests/local/test_power_cuts.py",
)


def content() -> dict[str, Any]:
    return tomllib.loads((ROOT / "tests/promises.toml").read_text("utf-8"))


def promises() -> list[dict[str, Any]]:
    return [entry for group in content().values() if isinstance(group, list) for entry in group]


@cache
def names_in(name: str) -> frozenset[str]:
    """Return the names of the tests of a file, read from its source."""
    file = ROOT / name
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    return name in names_in(file)


def test_every_test_in_the_list_of_promises_exists() -> None:
    missing = [test for entry in promises() for test in entry["tests"] if not exists(test)]
    assert missing == []


def test_every_promise_has_a_test_that_is_not_slow_or_a_reason() -> None:
    without = [
        entry["promise"]
        for entry in promises()
        if all(test.startswith(SLOW) for test in entry["tests"]) and not entry.get("why")
    ]
    assert without == []


def test_each_promise_stands_once_and_has_no_other_fields() -> None:
    counts = Counter(entry["promise"] for entry in promises())
    assert [promise for promise, count in counts.items() if count > 1] == []
    for entry in promises():
        assert {"promise", "tests"} <= entry.keys() <= {"promise", "tests", "why"}, entry
        assert len(set(entry["tests"])) == len(entry["tests"]), entry


def test_what_moved_is_where_the_list_of_promises_says() -> None:
    moved = content()["moved"]
    assert [old for old in moved if exists(old)] == []
    assert [new for new in moved.values() if not exists(new)] == []


def test_a_deleted_test_has_a_keeper_or_made_no_promise() -> None:
    deleted = content()["deleted"]
    assert [test for test in deleted if exists(test)] == []
    keepers = [text for text in deleted.values() if not text.startswith("no promise: ")]
    assert [keeper for keeper in keepers if not exists(keeper)] == []

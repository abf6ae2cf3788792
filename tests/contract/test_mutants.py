"""Most small faults in the core are noticed, and of each other one somebody said why it may stand."""

import pytest

import ledger
import mutation_results
from mutants import TARGETS
from mutation.codes import changed_functions
from mutation_results import HEADING, Results, Survivors, merged

MODULE = "core.py"
BEFORE = """
LIMIT = 3

class Counter:
    def allows(self, number, most=LIMIT):
        return number < most
"""


def outcome(line: str, result: str = "survived") -> dict[str, str]:
    return {
        "module": MODULE,
        "function": "f",
        "line": line,
        "becomes": f"not {line}",
        "result": result,
    }


def test_enough_mutants_are_noticed_and_every_survivor_has_a_reason() -> None:
    results = Results.read()
    assert tuple(results.targets) == TARGETS
    assert results.faults() == []


def test_all_of_the_session_contract_is_mutated_but_its_docstring() -> None:
    modules = Results.read().targets["session_contract"]
    found = {
        f"session_contract/{file.name}" for file in (ledger.ROOT / "session_contract").glob("*.py")
    }
    assert modules.keys() == found - {"session_contract/__init__.py"}


def test_no_reason_is_given_for_a_line_that_is_no_more() -> None:
    texts = {
        module: " ".join((ledger.ROOT / module).read_text("utf-8").split())
        for modules in Results.read().targets.values()
        for module in modules
    }
    for entry in Results.read().survivors:
        assert " ".join(entry.line.split()) in texts[entry.module], entry


def test_the_page_shows_what_was_found() -> None:
    page = ledger.PAGE.read_text("utf-8")
    assert (
        page.partition(HEADING)[1:]
        == mutation_results.section(Results.read()).partition(HEADING)[1:]
    )


def test_a_reason_stays_with_its_line_and_is_called_stale_when_the_mutant_dies() -> None:
    kept = Survivors(MODULE, "f", "one", ("not one",), "equivalent")
    gone = Survivors(MODULE, "f", "two", ("not two",), "not promised")
    before = Results(
        "", {"core": {MODULE: {"mutants": 2, "killed": 0, "timed out": 0}}}, [gone, kept]
    )
    results, stale = merged(
        before, "", "core", [outcome("two", "killed"), outcome("three"), outcome("one")]
    )
    assert results.survivors == [Survivors(MODULE, "f", "three", ("not three",), ""), kept]
    assert stale == ["core.py: f: two -> not two"]


@pytest.mark.parametrize(
    ("killed", "timed_out", "why", "faults"),
    [
        (90, 0, "equivalent", 0),
        (80, 10, "equivalent", 0),
        (89, 0, "equivalent", 1),
        (90, 0, "", 1),
        (0, 0, "", 2),
    ],
)
def test_too_few_deaths_and_a_missing_reason_are_faults(
    killed: int, timed_out: int, why: str, faults: int
) -> None:
    counts = {"mutants": 100, "killed": killed, "timed out": timed_out}
    results = Results(
        "", {"core": {MODULE: counts}}, [Survivors(MODULE, "f", "one", ("two",), why)]
    )
    assert len(results.faults()) == faults


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("number < most", "number <= most", ["allows"]),
        ("LIMIT = 3", "LIMIT = 4", None),
        ("most=LIMIT", "most=None", None),
        ("number < most", "(number < most)", []),
    ],
)
def test_a_fault_is_tried_where_it_takes_effect(
    old: str, new: str, names: list[str] | None
) -> None:
    """In the functions that exist, or by importing the module anew; what changes nothing is no fault."""
    before, after = (compile(text, MODULE, "exec") for text in (BEFORE, BEFORE.replace(old, new)))
    changes = changed_functions(before, after)
    assert (None if changes is None else [change[0].co_name for change in changes]) == names

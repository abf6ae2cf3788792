"""Causes every fault that the stack must survive, and writes build/faults.md.

LONG=1 lets the experiments take as long as they like: hundreds of kills instead of ten.
DOORWARD_TEST_REQUIRE=compose makes it a failure that there is no engine.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import marked_tests
import pages
import provenance
import run_tests
from doorward_stack.layout import ROOT
from marked_tests import Case

LIST = ROOT / "tests" / "faults" / "faults.json"
LAYERS = (
    run_tests.UNIT,
    run_tests.LOCAL,
    run_tests.LOAD,
    run_tests.TLS,
    run_tests.COMPOSE,
)


@dataclass(frozen=True)
class Fault:
    """A fault, and the promise that must hold all the same."""

    number: int
    fault: str
    holds: str

    @property
    def tests(self) -> list[str]:
        """The tests that bring it about."""
        uses = marked_tests.uses("fault")
        return sorted({test for test, number in uses if number == self.number})


@dataclass(frozen=True)
class Time:
    """The slowest, the promised and the allowed time of a step, in seconds."""

    seconds: float
    promised: float | None
    allowed: float | None

    def __str__(self) -> str:
        """Return the time, in bold if it is more than was promised, and the limits."""
        text = f"{self.seconds:.2f} s"
        if self.promised is None:
            return text
        measured = f"**{text}**" if self.seconds > self.promised else text
        return f"{measured} ({self.promised:g} s promised, {self.allowed:g} s allowed)"


@dataclass
class Row:
    """What became of a fault on all layers."""

    fault: Fault
    outcomes: dict[str, set[str]] = field(default_factory=dict)
    """How the cases of each test ended."""
    tried: Counter[str] = field(default_factory=Counter)
    times: dict[str, Time] = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0

    def add(self, case: Case) -> None:
        """Count a case of a test."""
        self.outcomes.setdefault(case.test, set()).add(case.outcome)
        tally: Mapping[str, Any] = case.tally
        self.tried[f"{case.layer}: {tally.get('unit', 'cases')}"] += tally.get("tried", 1)
        self.acknowledged += tally.get("acknowledged", 0)
        self.lost += tally.get("lost", 0)
        for step, timed in tally.get("times", {}).items():
            self._keep(f"{case.layer}: {step}", Time(*timed))

    def _keep(self, step: str, time: Time) -> None:
        if step not in self.times or time.seconds > self.times[step].seconds:
            self.times[step] = time

    @property
    def links(self) -> list[str]:
        """Links to its tests."""
        return [marked_tests.link(test) for test in self.fault.tests]

    @property
    def result(self) -> str:
        """Whether it holds; a test that did not run proves nothing."""
        results = {
            marked_tests.verdict(self.outcomes.get(test, set())) for test in self.fault.tests
        }
        if self.lost or not results or marked_tests.FAILED in results:
            return marked_tests.FAILED
        return marked_tests.NOT_RUN if marked_tests.NOT_RUN in results else "holds"


def faults() -> list[Fault]:
    """Return all faults in the order of their numbers."""
    return [Fault(**fault) for fault in json.loads(LIST.read_text("utf-8"))]


def summary(rows: Sequence[Row], lacking: Sequence[str]) -> str:
    """Return how many faults were survived or not run, and how much was lost."""
    held = sum(row.result == "holds" for row in rows)
    lost = sum(row.lost for row in rows)
    not_run = "".join(f" Not run: {reason}." for reason in lacking)
    return f"{held} of {len(rows)} hold; {lost} acknowledged lost.{not_run}"


def main() -> int:
    """Return 0 only if nothing failed, nothing was lost, and every fault has a test."""
    run_tests.required()
    ran_at = provenance.here_and_now()
    rows = {str(fault.number): Row(fault) for fault in faults()}
    lacking: list[str] = []
    problems: list[str] = []
    for layer in LAYERS:
        if reason := run_tests.why_not(layer):
            lacking.append(f"the {layer.name} layer: {reason}")
            if layer.name in run_tests.required():
                problems.append(f"the {layer.name} layer was not run, though required")
            continue
        cases, wrong = marked_tests.run(layer, "fault")
        problems += wrong
        for case in cases:
            for number in case.arguments:
                rows[number].add(case)
    made = list(rows.values())
    pages.write("faults", ran_at=ran_at, rows=made, summary=summary(made, lacking))
    for number, row in rows.items():
        print(f"{number:>2}  {row.result:8} {row.fault.fault}")
    print(summary(made, lacking))
    failed = [number for number, row in rows.items() if row.result == marked_tests.FAILED]
    problems += [f"fault {number}: {marked_tests.FAILED}" for number in failed]
    if problems:
        print("\nProblems:", *problems, sep="\n  ")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

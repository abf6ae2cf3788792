"""Causes every fault that the stack must survive, and writes build/faults.md: what was lost.

LONG=1 lets the experiments take as long as they like: hundreds of kills instead of ten.
DOORWARD_TEST_REQUIRE=compose makes it a failure that there is no engine.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import marked_tests
import provenance
import run_tests
from doorward_stack.layout import ROOT
from marked_tests import Marker

LIST = ROOT / "tests" / "faults" / "faults.json"
PAGE = ROOT / "build" / "faults.md"
STACKS: Mapping[str, Sequence[str]] = {
    "unit": ("unit",),
    "local": ("local", "journeys", "faults"),
    "tls": ("tls",),
    "compose": ("compose", "journeys", "faults"),
}
"""The layers of tests that are run, each with the folders that its experiments are in."""
MARKER = Marker(
    "fault", tuple(sorted({folder for folders in STACKS.values() for folder in folders}))
)
LAYERS = [layer for layer in run_tests.LAYERS if layer.name in STACKS]
HELD, FAILED, NOT_RUN = "holds", "FAILED", "not run"


@dataclass(frozen=True)
class Fault:
    """A fault, and what must hold all the same."""

    number: int
    fault: str
    holds: str

    @property
    def tests(self) -> list[str]:
        """The tests that bring it about."""
        return sorted({test for test, number in MARKER.uses() if number == self.number})


@dataclass(frozen=True)
class Time:
    """The slowest time of a step, what was promised and what the test allows, in seconds."""

    slowest: float
    promised: float | None
    allowed: float | None

    @property
    def text(self) -> str:
        """The time measured, in bold if it is more than was promised."""
        measured = (
            f"{self.slowest * 1000:.0f} ms"
            if round(self.slowest, 2) < 1
            else f"{self.slowest:.1f} s"
        )
        return (
            f"**{measured}**"
            if self.promised is not None and self.slowest > self.promised
            else measured
        )


@dataclass
class Row:
    """What became of a fault on one stack."""

    fault: Fault
    stack: str
    tests: Sequence[str]
    why_not: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: int = 0
    times: dict[str, Time] = field(default_factory=dict)

    def add(self, case: Mapping[str, Any]) -> None:
        """Count a case of a test."""
        self.outcomes[case["outcome"]] += 1
        tally = case["tally"] or {
            "unit": "cases",
            "tried": 1,
            "acknowledged": 0,
            "lost": 0,
            "times": {},
        }
        self.tried[tally["unit"]] += tally["tried"]
        self.acknowledged += tally["acknowledged"]
        self.lost += tally["lost"]
        for what, timed in tally["times"].items():
            time = Time(*timed)
            if what not in self.times or time.slowest > self.times[what].slowest:
                self.times[what] = time

    @property
    def tries(self) -> str:
        """What was tried, and how often."""
        return ", ".join(f"{number} {unit}" for unit, number in sorted(self.tried.items()))

    @property
    def result(self) -> str:
        """Whether it holds; a test that did not run proves nothing."""
        if self.why_not:
            return NOT_RUN
        if self.outcomes["failed"] or self.lost or not self.outcomes:
            return FAILED
        return NOT_RUN if self.outcomes["skipped"] else HELD


def faults() -> list[Fault]:
    """Return all faults in the order of their numbers."""
    return [Fault(**fault) for fault in json.loads(LIST.read_text("utf-8"))]


def rows(cases: Mapping[str, Sequence[Mapping[str, Any]]], lacking: Mapping[str, str]) -> list[Row]:
    """Return a row for every fault on every stack that a test brings it about on.

    Args:
        cases: what the plugin noted, by layer.
        lacking: why a layer was not run.
    """
    made = []
    for fault in faults():
        for stack, folders in STACKS.items():
            tests = [test for test in fault.tests if test.split("/")[1] in folders]
            row = Row(fault, stack, tests, lacking.get(stack, ""))
            for case in cases.get(stack, ()):
                if fault.number in case["arguments"]:
                    row.add(case)
            if tests:
                made.append(row)
    return made


def result(fault: Fault, made: Iterable[Row]) -> str:
    """Return whether a fault is survived on every stack that it is tried on."""
    results = {row.result for row in made if row.fault == fault} or {FAILED}
    return next(one for one in (FAILED, NOT_RUN, HELD) if one in results)


def page(made: Sequence[Row], ran: str) -> str:
    """Return the page; `ran` says of which commit the results are, when and where."""
    lines = [
        "# Faults",
        "",
        f"The tests ran at {ran}.",
        "",
        "A time under *must hold* is what is promised. Machines are shared, so a test allows more",
        "before it fails: *slowest* is what was measured, in bold if it is more than is promised.",
        "",
        "| # | fault | must hold | tried | slowest | by | acknowledged | lost | result |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for fault in faults():
        its = [row for row in made if row.fault == fault]
        cells = (
            str(fault.number),
            fault.fault,
            fault.holds,
            "<br>".join(f"{row.stack}: {row.tries}" for row in its),
            "<br>".join(_times(its)),
            "<br>".join(_link(test) for test in fault.tests),
            str(sum(row.acknowledged for row in its) or ""),
            str(sum(row.lost for row in its)),
            result(fault, its),
        )
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join([*lines, "", summary(made)]) + "\n"


def summary(made: Sequence[Row]) -> str:
    """Return how many faults are survived, and how much was lost."""
    counts = Counter(result(fault, made) for fault in faults())
    lost = sum(row.lost for row in made)
    not_run = f" ({counts[NOT_RUN]} not run everywhere)" if counts[NOT_RUN] else ""
    return f"{counts[HELD]} of {counts.total()} hold{not_run}; {lost} acknowledged lost."


def _times(its: Sequence[Row]) -> list[str]:
    """Return for all that was timed how long it took on each stack."""
    found: dict[str, list[tuple[str, Time]]] = {}
    for row in its:
        for what, time in row.times.items():
            found.setdefault(what, []).append((row.stack, time))
    lines = []
    for what, times in found.items():
        _, any_of_them = times[0]
        limits = [
            f"{limit:g} s {verb}"
            for limit, verb in (
                (any_of_them.promised, "promised"),
                (any_of_them.allowed, "allowed"),
            )
            if limit is not None
        ]
        line = f"{what}: " + ", ".join(f"{time.text} ({stack})" for stack, time in times)
        lines.append(line + (f"; {', '.join(limits)}" if limits else ""))
    return lines


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"


def main() -> int:
    """Return 0 only if nothing failed, nothing was lost, and every fault has a test."""
    cases: dict[str, Sequence[Mapping[str, Any]]] = {}
    lacking: dict[str, str] = {}
    problems = MARKER.stray()
    ran_at = provenance.here_and_now()
    required = os.environ.get("DOORWARD_TEST_REQUIRE", "").split(",")
    for layer in LAYERS:
        if reason := run_tests.why_not(layer):
            lacking[layer.name] = "no engine" if layer.engine else reason
            print(f"\n=== {layer.name} ===\nnot run: {reason}", flush=True)
            if layer.name in required:
                problems.append(f"the {layer.name} layer, though required: {reason}")
            continue
        ran = marked_tests.run(layer, MARKER.name)
        if ran.code not in (0, run_tests.NO_TESTS):
            problems.append(f"the {layer.name} layer: pytest ended with {ran.code}")
        cases[layer.name] = ran.cases
    made = rows(cases, lacking)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(made, ran_at), "utf-8")
    results = {fault: result(fault, made) for fault in faults()}
    print(
        "", *(f"{fault.number:>2}  {results[fault]:8} {fault.fault}" for fault in results), sep="\n"
    )
    print(f"\n{summary(made)}\nWritten: {os.path.relpath(PAGE)}")
    problems += [f"{fault.number}: {FAILED}" for fault in results if results[fault] == FAILED]
    if problems:
        print("\nProblems:", *(f"  {problem}" for problem in problems), sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

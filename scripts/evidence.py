"""Runs the tests that name requirements, and writes build/evidence.md: the tests behind each."""

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ledger
import marked_tests
import pages
import provenance
import run_tests
from ledger import Requirement
from marked_tests import Case
from run_tests import Layer

TLS = ("tests/tls", "tests/journeys", "--stack", "local", "--tls")
# Other tests of a whole stack run under TLS, and none of them needs an engine.
LAYERS = (
    run_tests.UNIT,
    Layer("local", ("tests/local", "--stack", "local"), run_tests.NGINX),
    Layer("tls", TLS, run_tests.NGINX | run_tests.OPENSSL),
    run_tests.BROWSER,
)
NO_ROW = "NO ROW"
BAD = (marked_tests.FAILED, marked_tests.NOT_RUN, NO_ROW)


@dataclass(frozen=True)
class Row:
    """A requirement with the tests behind it, each with its result."""

    requirement: Requirement
    tests: Mapping[str, str]

    @property
    def result(self) -> str:
        """Return the result of the worst test, or the state without tests."""
        for bad in BAD:
            if bad in self.tests.values():
                return bad
        if self.requirement.state:
            return self.requirement.state
        if self.tests:
            return marked_tests.PASSED
        return "documented" if self.requirement.documents else NO_ROW

    @property
    def groups(self) -> list[str]:
        """Return the rows of the totals that it counts in."""
        source = self.requirement.source
        level = self.requirement.level
        return [source, f"{source}, level {level}"] if level else [source]

    @property
    def behind(self) -> list[str]:
        """Return the tests, documents and reasons of the requirement, as Markdown."""
        tests = [
            marked_tests.link(test) + ("" if result == marked_tests.PASSED else f" **{result}**")
            for test, result in self.tests.items()
        ]
        documents = [_link(document) for document in self.requirement.documents]
        words = [self.requirement.reason, self.requirement.note]
        return [*tests, *documents, *filter(None, words)]


def _link(document: str) -> str:
    name, _, anchor = document.partition("#")
    return f"[{Path(name).stem}: {anchor.replace('-', ' ')}](../{document})"


def rows(cases: Collection[Case]) -> list[Row]:
    """Return a row for every requirement."""
    outcomes: dict[str, set[str]] = {}
    for case in cases:
        outcomes.setdefault(case.test, set()).add(case.outcome)
    tests: dict[str, dict[str, str]] = {}
    # From the source: a test that pytest could not even collect has not passed either.
    for test, id_ in sorted(marked_tests.uses("proves")):
        tests.setdefault(id_, {})[test] = marked_tests.verdict(outcomes.get(test, ()))
    return [
        Row(requirement, tests.get(id_, {})) for id_, requirement in ledger.requirements().items()
    ]


def totals(made: Sequence[Row]) -> dict[str, Counter[str]]:
    """Return how many rows ended how, by source and level."""
    counts: dict[str, Counter[str]] = {}
    for row in made:
        for group in row.groups:
            counts.setdefault(group, Counter())[row.result] += 1
    return dict(sorted(counts.items()))


def main() -> int:
    """Return 0 only if every requirement has a row and every marked test passed."""
    if lacking := [reason for layer in LAYERS if (reason := run_tests.why_not(layer))]:
        print("The evidence needs every layer that runs without an engine:", *lacking, sep="\n")
        return 2
    ran_at = provenance.here_and_now()
    cases: list[Case] = []
    problems: list[str] = []
    for layer in LAYERS:
        found, wrong = marked_tests.run(layer, "proves")
        cases += found
        problems += wrong
    made = rows(cases)
    counts = totals(made)
    pages.write("evidence", ran_at=ran_at, rows=made, totals=counts, sources=ledger.sources())
    for group, results in counts.items():
        print(f"{group}: {', '.join(f'{count} {result}' for result, count in results.items())}")
    problems += [f"{row.requirement.id}: {row.result}" for row in made if row.result in BAD]
    if problems:
        print("\nProblems:", *problems, sep="\n  ")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

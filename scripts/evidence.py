"""Runs the tests that name requirements, and writes build/evidence.md: the tests behind each."""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ledger
import marked_tests
import provenance
import run_tests
from doorward_stack.layout import ROOT
from ledger import Requirement, Source
from run_tests import Layer

PAGE = ROOT / "build" / "evidence.md"
# Other tests of a whole stack run under TLS, and none of them needs an engine.
LAYERS = (
    Layer("unit", ("tests/unit", "tests/contract"), run_tests.NGINX),
    Layer("local", ("tests/local", "--stack", "local"), run_tests.NGINX),
    Layer(
        "tls",
        ("tests/tls", "tests/journeys", "--stack", "local", "--tls"),
        run_tests.NGINX | run_tests.OPENSSL,
    ),
    Layer("browser", ("tests/browser", "--stack", "local"), run_tests.NGINX | run_tests.CHROMIUM),
)
BAD = ("FAILED", "not run", "NO ROW")


@dataclass
class Test:
    """A test that names requirements, with how many of its cases ended how."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def result(self) -> str:
        """Return "passed", "not run" or "FAILED"."""
        if self.outcomes["failed"]:
            return "FAILED"
        return "not run" if self.outcomes["skipped"] or not self.outcomes else "passed"

    @property
    def link(self) -> str:
        """Return the test's name as a link to its file."""
        file, _, name = self.name.partition("::")
        text = name.removeprefix("test_").replace("_", " ")
        failed = "" if self.result == "passed" else f" **{self.result}**"
        return f"[{text}](../{file}){failed}"


@dataclass(frozen=True)
class Row:
    """A requirement with the tests behind it."""

    requirement: Requirement
    tests: Sequence[Test]

    @property
    def result(self) -> str:
        """Return the row's result: that of its worst test, or what stands in for tests."""
        results = {test.result for test in self.tests}
        if found := [bad for bad in BAD if bad in results]:
            return found[0]
        if self.requirement.state:
            return self.requirement.state
        if self.tests:
            return "passed"
        return "documented" if self.requirement.documents else "NO ROW"

    @property
    def line(self) -> str:
        """Return the row of the page's table."""
        requirement = self.requirement
        behind = [test.link for test in self.tests]
        behind += [_link(document) for document in requirement.documents]
        behind += filter(None, [requirement.reason, requirement.note])
        level = str(requirement.level or "")
        cells = (requirement.id, level, requirement.meaning, "<br>".join(behind), self.result)
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _link(document: str) -> str:
    name, _, anchor = document.partition("#")
    return f"[{Path(name).stem}: {anchor.replace('-', ' ')}](../{document})"


def rows(cases: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return a row for every requirement, from the cases that the plugin noted."""
    # A test that pytest could not even collect has not passed either.
    tests = {name: Test(name) for name, _ in ledger.MARKER.uses()}
    proving: defaultdict[str, set[str]] = defaultdict(set)
    for name, id_ in ledger.MARKER.uses():
        proving[id_].add(name)
    for case in cases:
        tests.setdefault(case["test"], Test(case["test"])).outcomes[case["outcome"]] += 1
        for id_ in case["arguments"]:
            proving[id_].add(case["test"])
    return [
        Row(requirement, [tests[name] for name in sorted(proving[id_])])
        for id_, requirement in ledger.requirements().items()
    ]


def totals(made: Sequence[Row]) -> list[str]:
    """Return a table of how many rows ended how, by source and level."""
    counts: dict[str, Counter[str]] = {}
    for row in made:
        requirement = row.requirement
        counts.setdefault(requirement.source, Counter())[row.result] += 1
        if requirement.level:
            level = f"{requirement.source}, level {requirement.level}"
            counts.setdefault(level, Counter())[row.result] += 1
    results = sorted({row.result for row in made}, reverse=True)
    lines = [f"| | all | {' | '.join(results)} |", "|---|" + "---|" * (len(results) + 1)]
    for group, found in sorted(counts.items()):
        cells = " | ".join(str(found[result] or "") for result in results)
        lines.append(f"| {group} | {sum(found.values())} | {cells} |")
    return lines


def page(made: Sequence[Row], ran: str) -> str:
    """Return the page; `ran` says of which commit the results are, when and where."""
    lines = ["# Evidence", "", f"The tests ran at {ran}.", "", "## Totals", "", *totals(made)]
    for source in ledger.sources():
        lines += ["", f"## {source.name}", ""]
        lines += [f"[{source.name}]({source.address}), {source.licence}.", ""]
        lines += ["| id | level | meaning | behind it | result |", "|---|---|---|---|---|"]
        lines += [row.line for row in made if row.requirement.source == source.name]
        lines += left_out(source)
    return "\n".join(lines) + "\n"


def left_out(source: Source) -> list[str]:
    """Return the section on the requirements of a standard that do not apply."""
    if not source.left_out:
        return []
    groups = [
        f"| {group.chapter} | {', '.join(group.ids)} | {group.reason} |"
        for group in source.left_out
    ]
    heading = f"### {source.name}: requirements that do not apply"
    return ["", heading, "", "| chapter | requirements | why |", "|---|---|---|", *groups]


def problems(made: Sequence[Row]) -> list[str]:
    """Return rows without a good result, unknown ids and broken links."""
    found = [f"{row.requirement.id}: {row.result}" for row in made if row.result in BAD]
    known = ledger.requirements()
    found += [
        f"{test} names {id_}, which is not a requirement"
        for test, id_ in ledger.MARKER.uses()
        if id_ not in known
    ]
    found += ledger.MARKER.stray()
    links = {link for requirement in known.values() for link in requirement.documents}
    return found + [problem for link in sorted(links) if (problem := ledger.broken_link(link))]


def main() -> int:
    """Return 0 only if every requirement has a row and every marked test passed."""
    if lacking := [reason for layer in LAYERS if (reason := run_tests.why_not(layer))]:
        print("The evidence needs every layer that runs without an engine:", *lacking, sep="\n")
        return 2
    cases: list[Mapping[str, Any]] = []
    failures = []
    ran_at = provenance.here_and_now()
    for layer in LAYERS:
        ran = marked_tests.run(layer, ledger.MARKER.name)
        if ran.code not in (0, run_tests.NO_TESTS):
            failures.append(f"the {layer.name} layer: pytest ended with {ran.code}")
        cases += ran.cases
    made = rows(cases)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(made, ran_at), "utf-8")
    print("", *totals(made), "", f"Written: {os.path.relpath(PAGE)}", sep="\n")
    failures += problems(made)
    if failures:
        print("\nProblems:", *(f"  {failure}" for failure in failures), sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

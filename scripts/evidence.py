"""Runs the tests that name requirements, prints what stands behind each, and writes docs/evidence.md."""

import os
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ledger
import marked_tests
import mutation_results
import provenance
import run_tests
from doorward_stack import bootstrap
from doorward_stack.layout import ROOT
from ledger import PAGE, Requirement, Source
from mutation_results import Results
from run_tests import Layer

# Where a certificate comes while the stack runs, which is a stack that starts without one.
WITHOUT_TLS = "tests/journeys/test_certificate.py"
# Whatever else talks to a whole stack does so under TLS, and none of it needs an engine.
LAYERS = (
    Layer("unit", ("tests/unit", "tests/contract")),
    Layer("local", ("tests/local", WITHOUT_TLS, "--stack", "local"), run_tests.NGINX),
    Layer(
        "tls",
        ("tests/tls", "tests/journeys", "--ignore", WITHOUT_TLS, "--stack", "local", "--tls"),
        run_tests.NGINX | {"openssl": "openssl"},
    ),
    Layer("browser", ("tests/browser", "--stack", "local"), run_tests.NGINX | run_tests.CHROMIUM),
)
WIDTH = 120


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


@dataclass(frozen=True)
class Row:
    """A requirement with the tests behind it."""

    requirement: Requirement
    tests: Sequence[Test]

    @property
    def result(self) -> str:
        """Return the row's result in a word or three."""
        results = {test.result for test in self.tests}
        for bad in ("FAILED", "not run"):
            if bad in results:
                return bad
        if self.requirement.state:
            return self.requirement.state
        if self.tests:
            return "passed"
        return "documented" if self.requirement.documents else "NO ROW"


def rows(results: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return a row for every requirement, from what the plugin wrote."""
    tests: dict[str, Test] = {}
    proving: defaultdict[str, dict[str, Test]] = defaultdict(dict)
    for result in results:
        name = result["test"]
        test = tests.setdefault(name, Test(name))
        test.outcomes[result["outcome"]] += 1
        for id_ in result["arguments"]:
            proving[id_][name] = test
    # A test that pytest could not even collect has not passed either.
    for name, id_ in ledger.MARKER.uses():
        proving[id_].setdefault(name, tests.setdefault(name, Test(name)))
    return [
        Row(requirement, [proving[id_][name] for name in sorted(proving[id_])])
        for id_, requirement in ledger.requirements().items()
    ]


def totals(made: Sequence[Row]) -> list[tuple[str, Counter[str]]]:
    """Return how many rows ended how, by source and level."""
    counts: dict[str, Counter[str]] = {}
    for row in made:
        requirement = row.requirement
        group = requirement.source + (f", level {requirement.level}" if requirement.level else "")
        counts.setdefault(group, Counter())[row.result] += 1
        if requirement.level:
            counts.setdefault(f"{requirement.source}, all", Counter())[row.result] += 1
    return sorted(counts.items())


def printed(made: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    lines = []
    for row in made:
        requirement = row.requirement
        level = f"L{requirement.level}" if requirement.level else "  "
        meaning = textwrap.shorten(requirement.meaning, WIDTH - 40, placeholder=" …")
        lines.append(f"{requirement.id:24} {level} {row.result:14} {meaning}")
        behind = [f"{test.name.removeprefix('tests/')} ({test.result})" for test in row.tests]
        behind += [*requirement.documents, *filter(None, [requirement.reason, requirement.note])]
        lines += [f"{'':28}{line}" for text in behind for line in textwrap.wrap(text, WIDTH - 28)]
    return "\n".join(lines)


def summary(made: Sequence[Row]) -> list[str]:
    """Return one line for each source and level."""
    return [
        f"{group}: {sum(counts.values())}: "
        + ", ".join(
            f"{number} {result}" for result, number in sorted(counts.items(), key=lambda c: -c[1])
        )
        for group, counts in totals(made)
    ]


def page(made: Sequence[Row], ran: str) -> str:
    """Return docs/evidence.md; `ran` says of which commit the results are, when and where."""
    lines = [
        "# Evidence",
        "",
        f"The tests ran at {ran}. Mutation testing, at the end, is a run of its own.",
        "",
        "What stands behind each requirement. `make evidence` runs the tests named here on your machine,",
        "against stacks of their own, and writes this page; nobody edits it by hand. The requirements are",
        "in `tests/evidence/requirements.json`, and a test names them with `@pytest.mark.proves`.",
        "",
        "| result | means |",
        "|---|---|",
        "| passed | the tests named fail without the thing required, and passed |",
        "| documented | the paragraph named says it; there is nothing to run |",
        "| not met, not applicable | as the reason says |",
        "",
    ]
    lines += ["## Totals", ""]
    results = sorted({row.result for row in made}, key=_column)
    lines += [f"| | all | {' | '.join(results)} |", "|---|" + "---|" * (len(results) + 1)]
    for group, counts in totals(made):
        cells = " | ".join(str(counts[result] or "") for result in results)
        lines.append(f"| {group} | {sum(counts.values())} | {cells} |")
    for source in ledger.sources():
        lines += ["", f"## {source.name}", ""]
        lines += [f"[{source.name}]({source.address}), {source.licence}.", ""]
        lines += ["| id | level | meaning | behind it | result |", "|---|---|---|---|---|"]
        lines += [_line(row) for row in made if row.requirement.source == source.name]
        lines += left_out(source)
    return "\n".join([*lines, "", mutation_results.section(Results.read())])


def left_out(source: Source) -> list[str]:
    """Return the section on the requirements of a standard that concern nothing here."""
    if not source.left_out:
        return []
    number = sum(len(group.ids) for group in source.left_out)
    lines = [
        "",
        f"### {source.name}: what does not apply",
        "",
        f"These {number} requirements of levels 1 and 2 are about things that Doorward does not have, and",
        "are not counted above.",
        "",
        "| chapter | requirements | why |",
        "|---|---|---|",
    ]
    return lines + [
        f"| {group.chapter} | {', '.join(group.ids)} | {group.reason} |"
        for group in source.left_out
    ]


def _column(result: str) -> int:
    known = ("passed", "documented", "not applicable", "not met")
    return known.index(result) if result in known else len(known)


def _line(row: Row) -> str:
    requirement = row.requirement
    behind = []
    for test in row.tests:
        file, _, name = test.name.partition("::")
        cases = sum(test.outcomes.values())
        words = name.removeprefix("test_").replace("_", " ")
        link = f"[{words}](../{file})" + (f" ({cases} cases)" if cases > 1 else "")
        behind.append(link + ("" if test.result == "passed" else f" **{test.result}**"))
    for document in requirement.documents:
        target = (
            document.removeprefix("docs/") if document.startswith("docs/") else f"../{document}"
        )
        name, _, anchor = document.partition("#")
        behind.append(f"[{Path(name).stem}: {anchor.replace('-', ' ')}]({target})")
    behind += filter(None, [requirement.reason, requirement.note])
    cells = (
        requirement.id,
        str(requirement.level or ""),
        requirement.meaning,
        "<br>".join(behind),
        row.result,
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def problems(made: Sequence[Row]) -> list[str]:
    """Return what must not be: rows without anything, failures, unknown ids, broken links."""
    found = [
        f"{row.requirement.id}: {row.result}"
        for row in made
        if row.result in ("NO ROW", "FAILED", "not run")
    ]
    known = ledger.requirements()
    found += [
        f"{test} names {id_}, which is no requirement"
        for test, id_ in ledger.MARKER.uses()
        if id_ not in known
    ]
    found += ledger.MARKER.stray()
    links = {link for requirement in known.values() for link in requirement.documents}
    return found + [problem for link in sorted(links) if (problem := ledger.broken_link(link))]


def main() -> int:
    """Return 0 only if every requirement has a row and every marked test passed."""
    bootstrap.ensure(ROOT, bootstrap.TEST)
    if lacking := [reason for layer in LAYERS if (reason := run_tests.why_not(layer))]:
        print("The evidence needs every layer that runs without an engine:", *lacking, sep="\n")
        return 2
    results: list[Mapping[str, Any]] = []
    faults, ran_at = [], provenance.here_and_now()
    for layer in LAYERS:
        ran = marked_tests.run(layer, ledger.MARKER.name)
        if ran.code not in (0, marked_tests.NO_TEST_MARKED):
            faults.append(f"the {layer.name} layer: pytest ended with {ran.code}")
        results += ran.cases
    made = rows(results)
    print(f"\n{printed(made)}\n", *summary(made), sep="\n")
    PAGE.write_text(page(made, ran_at), "utf-8")
    faults += problems(made)
    print(f"\nWritten: {os.path.relpath(PAGE, Path.cwd())}")
    if faults:
        print("\nWhat is wrong:", *(f"  {fault}" for fault in faults), sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

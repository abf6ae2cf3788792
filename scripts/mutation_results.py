"""What `make mutants` found: scores, survivors with reasons, and the section of docs/evidence.md on them.

Standard library only, and nothing is run here: the contract tests use it as `make mutants` does.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tests" / "evidence" / "mutants.json"
HEADING = "## Mutation testing"
ENOUGH = 90
"""Per cent of the mutants of each target, all its modules together, that the tests have to notice."""


@dataclass(frozen=True)
class Survivors:
    """Mutants of one line that no test noticed, and why none has to, or "".

    The line's own text names the place, so that it is found again wherever it moves.
    """

    module: str
    function: str
    line: str
    becomes: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Results:
    """By target and module how many mutants ended how, and which survived.

    The counts are "mutants", and of these "killed" and "timed out". `operators` says what made
    them.
    """

    operators: str
    targets: dict[str, dict[str, dict[str, int]]]
    survivors: list[Survivors]

    @classmethod
    def read(cls) -> "Results":
        """Return what is in `RESULTS`."""
        content = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
        survivors = [
            Survivors(**{**entry, "becomes": tuple(entry["becomes"])})
            for entry in content.get("survivors", ())
        ]
        return cls(content.get("operators", ""), content.get("targets", {}), survivors)

    def write(self) -> None:
        """Replace `RESULTS`."""
        RESULTS.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")

    def faults(self) -> list[str]:
        """Return the targets with too low a score, and the survivors without a reason."""
        counts = {target: total(modules.values()) for target, modules in self.targets.items()}
        low = [
            f"{target}: {percent(found):.1f} % are noticed, {ENOUGH} are needed"
            for target, found in counts.items()
            if percent(found) < ENOUGH
        ]
        return low + [
            f"no reason is given for {entry.module}: {entry.function}\n    - {entry.line}\n    + {becomes}"
            for entry in self.survivors
            if not entry.why
            for becomes in entry.becomes
        ]


def merged(
    before: Results, operators: str, target: str, outcomes: Iterable[Mapping[str, str]]
) -> tuple[Results, list[str]]:
    """Return the results with one target's outcomes in the place of its last ones, and stale reasons.

    Args:
        before: the results so far, whose reasons are kept.
        operators: what made the mutants.
        target: its name.
        outcomes: of all its mutants: module, function, line, becomes, and the result.
    """
    counts: dict[str, Counter[str]] = {}
    survived: dict[tuple[str, str, str, str], None] = {}
    for outcome in outcomes:
        counts.setdefault(outcome["module"], Counter()).update(["mutants", outcome["result"]])
        if outcome["result"] == "survived":
            survived[
                outcome["module"], outcome["function"], outcome["line"], outcome["becomes"]
            ] = None
    mine = [entry for entry in before.survivors if entry.module in counts]
    reasons = {
        (entry.module, entry.function, entry.line, becomes): entry.why
        for entry in mine
        for becomes in entry.becomes
    }
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for module, function, line, becomes in survived:
        why = reasons.pop((module, function, line, becomes), "")
        together.setdefault((module, function, line, why), []).append(becomes)
    entries = [
        Survivors(module, function, line, tuple(becomes), why)
        for (module, function, line, why), becomes in together.items()
    ]
    stale = [f"{module}: {function}: {line} -> {new}" for (module, function, line, new) in reasons]
    targets = {**before.targets, target: {name: _counted(found) for name, found in counts.items()}}
    order = [module for modules in targets.values() for module in modules]
    survivors = [entry for entry in before.survivors if entry.module not in counts] + entries
    survivors.sort(key=lambda entry: order.index(entry.module))
    return Results(operators, targets, survivors), stale


def _counted(found: Counter[str]) -> dict[str, int]:
    return {name: found[name] for name in ("mutants", "killed", "timed out")}


def total(modules: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Return the sum of the counts of several modules."""
    counts: Counter[str] = Counter()
    for found in modules:
        counts.update(found)
    return counts


def percent(found: Mapping[str, int]) -> float:
    """Return how many of a hundred mutants were noticed."""
    return 100 * (found["killed"] + found["timed out"]) / found["mutants"]


def section(results: Results) -> str:
    """Return the section of docs/evidence.md: scores, then every survivor with the reason."""
    lines = [
        HEADING,
        "",
        "`make mutants` makes one small fault at a time and runs the unit tests that concern the place. A",
        f"mutant that no test notices survives. At least {ENOUGH} of 100 must not in each group of modules",
        "(the rows in bold); in a single module it may be fewer. Each that survives is explained below. The",
        f"faults are those that {results.operators} knows, anywhere in a module but in types, decorators and",
        "the wording of messages.",
        "",
        "| module | mutants | killed | endless | survived | score |",
        "|---|---|---|---|---|---|",
    ]
    for target, modules in results.targets.items():
        lines += [_row(f"`{module}`", found) for module, found in modules.items()]
        lines.append(_row(f"**{target}**", total(modules.values())))
    lines += ["", "| survivor | becomes | why no test has to notice |", "|---|---|---|"]
    for entry in results.survivors:
        place = f"`{Path(entry.module).name}` {entry.function}: {_code(entry.line)}"
        lines.append(f"| {place} | {'<br>'.join(map(_code, entry.becomes))} | {_cell(entry.why)} |")
    return "\n".join(lines) + "\n"


def _row(name: str, found: Mapping[str, int]) -> str:
    survived = found["mutants"] - found["killed"] - found["timed out"]
    counts = f"{found['mutants']} | {found['killed']} | {found['timed out']} | {survived}"
    return f"| {name} | {counts} | {percent(found):.1f} % |"


def _code(text: str) -> str:
    return f"`` {_cell(text)} ``" if "`" in text else f"`{_cell(text)}`"


def _cell(text: str) -> str:
    # In a table a bar ends the cell, also within code, unless it is escaped.
    return text.replace("|", "\\|")

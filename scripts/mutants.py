"""Mutation testing: how many small faults in the core do its unit tests notice?

A line that needs no test says so in place: `# pragma: no mutate: REASON`. Writes build/mutants.md
with the score of each part and all survivors. Fails if a score is below 90.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import provenance
from doorward_stack import bootstrap
from doorward_stack.layout import ROOT

RUN = ROOT / "tests" / "mutation" / "run.py"
FOUND = ROOT / "var" / "mutants"
PAGE = ROOT / "build" / "mutants.md"
# A virtual environment of its own: mutmut's dependencies change how gunicorn starts.
VENV_FOLDER = "var/mutation"
TARGETS = ("session_contract", "store", "throttle", "sessions")
ENOUGH = 90
Outcomes = Sequence[Mapping[str, str]]


def outcomes(target: str) -> Outcomes:
    """Try all mutants of a target; return each with its result."""
    python = ROOT / VENV_FOLDER / ".venv" / "bin" / "python"
    # The settings of a stack that somebody runs must not reach the tests.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")
    }
    command = [str(python), str(RUN), target, str(FOUND)]
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    found: Outcomes = json.loads((FOUND / f"{target}.json").read_text("utf-8"))["outcomes"]
    return found


def score(found: Outcomes) -> float:
    """Return how many of a hundred mutants were noticed."""
    survived = sum(outcome["result"] == "survived" for outcome in found)
    return 100 * (1 - survived / len(found))


def section(target: str, found: Outcomes) -> list[str]:
    """Return a part of the page: the modules' counts, then the survivors."""
    counts: dict[str, Counter[str]] = {}
    for outcome in found:
        counts.setdefault(outcome["module"], Counter())[outcome["result"]] += 1
    lines = ["", f"## {target}: {score(found):.1f} %", "", "| module | mutants | survived |"]
    lines.append("|---|---|---|")
    lines += [
        f"| `{module}` | {results.total()} | {results['survived']} |"
        for module, results in counts.items()
    ]
    for outcome in found:
        if outcome["result"] == "survived":
            lines += ["", f"`{outcome['module']}`, {outcome['function']}:", "", "```diff"]
            lines += [f"- {outcome['line']}", f"+ {outcome['becomes']}", "```"]
    return lines


def main() -> int:
    """Return 0 only if enough mutants of each target were noticed."""
    targets = sys.argv[1:] or TARGETS
    if unknown := set(targets) - set(TARGETS):
        print(f"There are no targets {', '.join(sorted(unknown))}, only {', '.join(TARGETS)}.")
        return 2
    bootstrap.ensure(ROOT, bootstrap.MUTANTS, VENV_FOLDER)
    lines = ["# Mutation testing", "", f"Ran at {provenance.here_and_now()}."]
    scores = {}
    for target in targets:
        found = outcomes(target)
        scores[target] = score(found)
        lines += section(target, found)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")
    for target, percent in scores.items():
        print(f"{target}: {percent:.1f} % of the mutants are noticed, {ENOUGH} are needed")
    print(f"Written: {os.path.relpath(PAGE)}")
    return 1 if min(scores.values()) < ENOUGH else 0


if __name__ == "__main__":
    sys.exit(main())

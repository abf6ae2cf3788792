"""Mutation testing: how many small faults in the core do its unit tests notice?

A line that needs no test says so in place: `# pragma: no mutate: REASON`. Writes build/mutants.md
with the score of each part and all survivors. Fails if a score is below 90.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pages
import provenance
import run_tests
from doorward_stack import bootstrap, make_variables
from doorward_stack.layout import ROOT

RUN = ROOT / "tests" / "mutation" / "run.py"
FOUND = ROOT / "var" / "mutants"
# A separate virtual environment, because mutmut's dependencies change how gunicorn starts.
VENV_FOLDER = "var/mutation"
TARGETS = make_variables.MUTATED
ENOUGH = 90


@dataclass(frozen=True)
class Target:
    """A part of the core, with the result of each of its mutants."""

    name: str
    outcomes: Sequence[Mapping[str, str]]

    @property
    def survivors(self) -> list[Mapping[str, str]]:
        """The mutants that no test noticed."""
        return [outcome for outcome in self.outcomes if outcome["result"] == "survived"]

    @property
    def score(self) -> float:
        """How many of a hundred mutants were noticed."""
        return 100 * (1 - len(self.survivors) / len(self.outcomes))

    @property
    def modules(self) -> Mapping[str, Counter[str]]:
        """How many mutants of each module ended how."""
        counts: dict[str, Counter[str]] = {}
        for outcome in self.outcomes:
            counts.setdefault(outcome["module"], Counter())[outcome["result"]] += 1
        return counts


def tried(name: str) -> Target:
    """Try all mutants of a target."""
    python = ROOT / VENV_FOLDER / ".venv" / "bin" / "python"
    command = [str(python), str(RUN), name, str(FOUND)]
    subprocess.run(command, cwd=ROOT, check=True, env=run_tests.environment())
    return Target(name, json.loads((FOUND / f"{name}.json").read_text("utf-8"))["outcomes"])


def main() -> int:
    """Return 0 only if enough mutants of each target were noticed."""
    names = sys.argv[1:] or TARGETS
    if unknown := set(names) - set(TARGETS):
        print(f"There are no targets {', '.join(sorted(unknown))}, only {', '.join(TARGETS)}.")
        return 2
    bootstrap.ensure(ROOT, bootstrap.MUTANTS, VENV_FOLDER)
    targets = [tried(name) for name in names]
    for target in targets:
        print(
            f"{target.name}: {target.score:.1f} % of the mutants are noticed, {ENOUGH} are needed"
        )
    pages.write("mutants", ran_at=provenance.here_and_now(), targets=targets)
    return 1 if any(target.score < ENOUGH for target in targets) else 0


if __name__ == "__main__":
    sys.exit(main())

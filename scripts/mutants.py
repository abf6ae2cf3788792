"""`make mutants`: how many small faults in the core of the product do its unit tests notice?

Writes tests/evidence/mutants.json and the section of docs/evidence.md that shows it. Fails when too
few mutants are killed or one that survived has no reason in that file.
"""

import json
import os
import subprocess
import sys

import mutation_results
from doorward_stack import bootstrap
from doorward_stack.layout import ROOT
from ledger import PAGE
from mutation_results import HEADING, Results

RUN = ROOT / "tests" / "mutation" / "run.py"
FOUND = ROOT / "var" / "mutants"
# Of its own: what mutmut brings along makes gunicorn overwrite the environment that it was started
# with.
VENV_FOLDER = "var/mutation"
TARGETS = ("session_contract", "store", "throttle", "sessions")


def main() -> int:
    """Return 0 only if enough mutants were killed and every other one has a reason."""
    bootstrap.ensure(ROOT, bootstrap.MUTANTS, VENV_FOLDER)
    targets = sys.argv[1:] or TARGETS
    if unknown := set(targets) - set(TARGETS):
        print(f"There are no targets {', '.join(sorted(unknown))}, only {', '.join(TARGETS)}")
        return 2
    results, stale = Results.read(), list[str]()
    for target in targets:
        command = [
            str(ROOT / VENV_FOLDER / ".venv" / "bin" / "python"),
            str(RUN),
            target,
            str(FOUND),
        ]
        # A setting of somebody's own is none of the tests' business.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")
        }
        if subprocess.run(command, cwd=ROOT, check=False, env=environment).returncode != 0:
            return 1
        found = json.loads((FOUND / f"{target}.json").read_text("utf-8"))
        results, gone = mutation_results.merged(
            results, found["operators"], target, found["outcomes"]
        )
        stale += gone
        results.write()
    text = PAGE.read_text("utf-8").partition(HEADING)[0].rstrip("\n")
    PAGE.write_text(f"{text}\n\n{mutation_results.section(results)}", "utf-8")
    for target in targets:
        score = mutation_results.percent(mutation_results.total(results.targets[target].values()))
        print(f"{target}: {score:.1f} % of the mutants are noticed")
    if stale:
        print(
            "\nReasons that hold for no survivor any more, and were taken out:", *stale, sep="\n  "
        )
    if faults := results.faults():
        print("\nWhat is wrong:", *faults, sep="\n  ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Tries all mutants of a target: `run.py TARGET FOLDER`; what was interrupted goes on where it was.

Writes FOLDER/TARGET.json, and beside it what makes the next run short: how long each test takes and
what it runs, and which test noticed which mutant, because it is tried first.
"""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import trials
from generate import Mutant, mutants
from targets import ROOT, TARGETS, Target
from trials import SURVIVED, Baseline, Outcome, Trial

BUDGET = 5.0
"""Processor seconds for one mutant's tests; what only slower tests notice counts as survived."""
WORKERS = 2 * (os.cpu_count() or 1)


def fingerprint(target: Target) -> str:
    """Return what stands for everything that a target's outcomes depend on."""
    folders = ("auth-service", "web-frontend", "session_contract", "tests/unit", "tests/mutation")
    files = [ROOT / "pyproject.toml", ROOT / "tests" / "conftest.py"]
    files += [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    digest = hashlib.sha256(target.name.encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def identity(mutant: Mutant) -> str:
    """Return a name that outlives changes elsewhere in the module."""
    return f"{mutant.module}\n{mutant.function}\n{mutant.line}\n{mutant.becomes}"


class Progress:
    """The outcomes of one target, in a file that outlives this process."""

    def __init__(self, file: Path, stamp: str) -> None:
        self._file = file
        self._begun, self._seen = time.monotonic(), 0
        self.expected = 0
        lines = self._lines()
        self.killers: dict[str, str] = {
            line["identity"]: line["killer"] for line in lines if "killer" in line
        }
        if not lines or lines[0].get("fingerprint") != stamp:
            kept = [{"identity": name, "killer": killer} for name, killer in self.killers.items()]
            content = [{"fingerprint": stamp}, *kept]
            self._file.write_text("".join(f"{json.dumps(line)}\n" for line in content), "utf-8")

    def _lines(self) -> list[dict[str, str]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text("utf-8").splitlines()]

    def outcomes(self) -> dict[int, str]:
        """Return what is known so far, by the mutants' numbers."""
        return {int(line["number"]): line["result"] for line in self._lines() if "result" in line}

    def note(self, mutant: Mutant, outcome: Outcome) -> None:
        """Write an outcome down; called in several processes, one at a time."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"identity": identity(mutant), **asdict(outcome)}) + "\n")
        self._seen += 1
        if self._seen % 50 == 0:
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = f"{children.ru_utime + children.ru_stime:.0f} s of the processor"
            passed = f"{time.monotonic() - self._begun:.0f} s"
            print(f"  {self._seen} of {self.expected} in {passed}, {used}", flush=True)
        if outcome.result == SURVIVED:
            print(f"  survived: {mutant.module}: {mutant.function}", flush=True)
            print(f"    - {mutant.line}\n    + {mutant.becomes}", flush=True)


def measured(target: Target, file: Path, stamp: str) -> Baseline:
    """Return how the tests run without any fault; kept until anything changes."""
    content = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if content.get("fingerprint") != stamp:
        print(f"{target.name}: the tests without any fault", flush=True)

        def work() -> None:
            found = trials.baseline(target.modules, target.tests)
            file.write_text(json.dumps({"fingerprint": stamp, **asdict(found)}), "utf-8")

        trials.in_fork(work)
        content = json.loads(file.read_text("utf-8"))
    lines = {
        name: {int(n): tests for n, tests in found.items()}
        for name, found in content["lines"].items()
    }
    return Baseline(content["seconds"], lines)


def chosen(mutant: Mutant, baseline: Baseline, killer: str) -> Mapping[str, float]:
    """Return the tests that can notice a mutant, as long as the budget lasts.

    First the one that did so last time, then those named after the module, then the fastest.
    """
    lines = baseline.lines.get(mutant.module, {})
    names = {name for line in range(mutant.first, mutant.last + 1) for name in lines.get(line, [])}
    if not names:
        # What runs at import concerns every test that runs anything of the module, and those that
        # run nothing of any: they may look at its constants.
        busy = {
            name for found in baseline.lines.values() for tests in found.values() for name in tests
        }
        names = {name for tests in lines.values() for name in tests} | (
            baseline.seconds.keys() - busy
        )
    own = f"test_{Path(mutant.module).stem}"
    order = sorted(
        names, key=lambda name: (name != killer, own not in name, baseline.seconds[name])
    )
    tests: dict[str, float] = {}
    for name in order:
        if sum(tests.values()) + baseline.seconds[name] <= BUDGET:
            tests[name] = baseline.seconds[name]
    return tests


def main(name: str, folder: Path) -> None:
    """Try what has not been tried yet, and write the outcomes of all."""
    target = next(target for target in TARGETS if target.name == name)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = fingerprint(target)
    baseline = measured(target, folder / f"{name}-tests.json", stamp)
    progress = Progress(folder / f"{name}.jsonl", stamp)
    made = [mutant for module in target.modules for mutant in mutants(ROOT, module)]
    done = progress.outcomes()
    to_try = [
        Trial(number, mutant, chosen(mutant, baseline, progress.killers.get(identity(mutant), "")))
        for number, mutant in enumerate(made)
        if number not in done
    ]
    progress.expected = len(to_try)
    print(f"{name}: {len(made)} mutants, {len(to_try)} to try", flush=True)
    trials.run(to_try, WORKERS, lambda outcome: progress.note(made[outcome.number], outcome))
    done = progress.outcomes()
    outcomes = [
        {
            **{
                field: getattr(mutant, field) for field in ("module", "function", "line", "becomes")
            },
            "result": done[number],
        }
        for number, mutant in enumerate(made)
    ]
    content = {"operators": f"mutmut {version('mutmut')}", "outcomes": outcomes}
    (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

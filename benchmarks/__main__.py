"""`make bench`: runs every experiment, prints the table, writes docs/performance.md and its plot.

Exits with 1 if a required row is not reached. BENCH=quick takes four minutes, and writes nothing.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import provenance
from benchmarks import machine, plot, report
from benchmarks.bench import Bench, Results
from benchmarks.footprint import images, rest
from benchmarks.growth import growth
from benchmarks.pages import pages, static_files
from benchmarks.plan import FULL, QUICK
from benchmarks.sign_ins import sign_ins
from benchmarks.stacks import ROOT, NotStarted
from benchmarks.traffic import WrongAnswer
from doorward_stack import system_packages
from doorward_stack.errors import StackError


def main() -> int:
    """Return 0 if every required row is reached."""
    plan = QUICK if os.environ.get("BENCH") == "quick" else FULL
    began = time.monotonic()
    ran_at = provenance.here_and_now()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)

    # Whatever is started is stopped on the way out, also at somebody's `kill`.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    (ROOT / "var").mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))
    results = Results()
    bench = Bench(folder, plan, say, results)
    try:
        system_packages.need({"nginx": "nginx", "wrk": "wrk"}, "The benchmark")
        for experiment in (pages, static_files, sign_ins, growth, rest, images):
            experiment(bench)
    except (StackError, NotStarted, WrongAnswer) as error:
        print(f"The benchmark could not go on: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    about = machine.described()
    print(f"\n{report.tables(about, results)}\n", flush=True)
    missed = [row.name for row in results.required if not row.holds]
    if plan is FULL:
        (ROOT / "docs" / "performance.md").write_text(
            report.document(about, results, ran_at), "utf-8"
        )
        plot.write(results.sizes, ROOT / "docs" / "images" / "performance.svg")
        print("Written: docs/performance.md, docs/images/performance.svg")
    print(f"Not reached: {'; '.join(missed)}" if missed else "Every required row is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

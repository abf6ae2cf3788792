"""The fuzzers of tests/fuzz, from their own seeds: some runs here, half an hour with LONG=1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join(str(ROOT / folder) for folder in ("auth-service", "."))
LONG = os.environ.get("LONG") == "1"


@pytest.mark.prolonged
@pytest.mark.timeout(2400 if LONG else 900)
@pytest.mark.parametrize(("target", "runs"), [("tokens", 20_000), ("users_file", 10_000)])
def test_nothing_that_a_fuzzer_finds_is_accepted_wrongly_or_breaks_it(
    tmp_path: Path, target: str, runs: int
) -> None:
    pytest.importorskip("atheris", reason="Atheris has wheels for x86-64 Linux alone")
    script = ROOT / "tests" / "fuzz" / f"{target}.py"
    corpus, found = tmp_path / "corpus", tmp_path / "found"
    corpus.mkdir()
    found.mkdir()
    environment = {**os.environ, "PYTHONPATH": PATHS}
    budget = "-max_total_time=1800" if LONG else f"-runs={runs}"
    options = [
        budget,
        "-seed=1",
        "-max_len=8192",
        "-timeout=20",
        # The kernel counts the memory of the process that began this one, too (getrusage(2)).
        "-rss_limit_mb=8192",
        "-print_final_stats=1",
    ]
    command = [sys.executable, str(script), str(corpus), f"-artifact_prefix={found}/", *options]
    result = subprocess.run(command, capture_output=True, check=False, env=environment, text=True)
    told = result.stdout + result.stderr
    inputs = [path.read_bytes() for path in found.iterdir()]
    assert (result.returncode, inputs) == (0, []), told[-6000:]
    print(*(line for line in told.splitlines() if "DONE" in line or "stat::" in line), sep="\n")

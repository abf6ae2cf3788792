"""Runs the layers of tests and says at the end what became of each.

DOORWARD_TEST_REQUIRE names layers, with commas, that must not be skipped.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from doorward_stack import bootstrap, system_packages
from doorward_stack.engine import Engine, choose
from doorward_stack.errors import StackError
from doorward_stack.layout import ROOT, Layout

NO_TESTS = 5
"""pytest's exit status when it selected no test."""


@dataclass(frozen=True)
class Layer:
    """Some tests, and what they need of the machine."""

    name: str
    arguments: Sequence[str]
    programs: Mapping[str, str] = field(default_factory=dict)
    engine: bool = False


# Each program with the Debian package that has it.
NGINX = {"nginx": "nginx"}
OPENSSL = {"openssl": "openssl"}
CHROMIUM = {"chromium": "chromium"}


def journeys(*names: str) -> tuple[str, ...]:
    """Return the files of some journeys; all of them run in the local layer."""
    return tuple(f"tests/journeys/test_{name}.py" for name in names)


# What TLS changes: cookies, and everything once. The rest can be run with --tls by hand.
UNDER_TLS = journeys("whole_journey", "cookies")
# What containers change: logs, commands of operators, outages, and everything once.
IN_CONTAINERS = journeys("whole_journey", "logs", "operations", "outages", "rotation")
LAYERS = (
    # Some unit tests use nginx.
    Layer("unit", ("tests/unit", "tests/contract", "-n", "auto"), NGINX),
    Layer(
        "local",
        ("tests/journeys", "tests/local", "tests/faults", "--stack", "local"),
        NGINX | OPENSSL,
    ),
    Layer("tls", ("tests/tls", *UNDER_TLS, "--stack", "local", "--tls"), NGINX | OPENSSL),
    Layer("browser", ("tests/browser", "--stack", "local"), NGINX | CHROMIUM),
    Layer(
        "compose",
        (
            *IN_CONTAINERS,
            "tests/compose",
            "tests/faults",
            "tests/browser/test_journeys.py",
            "--stack",
            "compose",
        ),
        CHROMIUM,
        engine=True,
    ),
)


def why_not(layer: Layer) -> str | None:
    """Return what a layer lacks here, after trying to get it."""
    try:
        system_packages.need(layer.programs, f"The {layer.name} layer")
        if layer.engine:
            choose(Engine(Layout(ROOT, ROOT / "var")), "compose")
    except StackError as error:
        return str(error)
    return None


def environment() -> dict[str, str]:
    """Return the environment without the settings of a stack that somebody runs."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DOORWARD_") or name.startswith("DOORWARD_TEST_")
    }


def run(layer: Layer, *more: str, **settings: str) -> int:
    """Run the tests of one layer; return pytest's exit status."""
    print(f"\n=== {layer.name} ===", flush=True)
    command = [sys.executable, "-m", "pytest", *layer.arguments, *more]
    return subprocess.run(command, cwd=ROOT, check=False, env=environment() | settings).returncode


def outcome(layer: Layer, *, slow: bool) -> str:
    """Run one layer if this machine has what it needs; return what became of it."""
    if reason := why_not(layer):
        return f"skipped: {reason}"
    if slow:
        code = run(layer, "-m", "slow or prolonged", LONG="1")
        return "passed" if code in (0, NO_TESTS) else f"failed (pytest ended with {code})"
    code = run(layer, "-m", "not slow")
    # A layer that tests nothing has not passed.
    return "passed" if code == 0 else f"failed (pytest ended with {code})"


def main() -> int:
    """Run all layers; return 0 only if none failed and no required one was skipped.

    The only argument may be `slow`: the tests that take long, instead of all others.
    """
    bootstrap.ensure(ROOT, bootstrap.TEST)
    required = {name for name in os.environ.get("DOORWARD_TEST_REQUIRE", "").split(",") if name}
    unknown = required - {layer.name for layer in LAYERS}
    if unknown:
        print(f"DOORWARD_TEST_REQUIRE names no layer of tests: {', '.join(sorted(unknown))}")
        return 2
    slow = sys.argv[1:] == ["slow"]
    results = {layer.name: outcome(layer, slow=slow) for layer in LAYERS}
    print("\nLayers")
    failed = False
    for name, result in results.items():
        missing = name in required and result.startswith("skipped")
        failed = failed or missing or result.startswith("failed")
        print(f"  {name:8} {result}{' (but required)' if missing else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

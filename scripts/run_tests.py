"""Runs the layers of tests and prints the result of each at the end.

DOORWARD_TEST_REQUIRE names layers, with commas, that must not be skipped.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from doorward_stack import system_packages
from doorward_stack.engine import Engine, choose
from doorward_stack.errors import StackError
from doorward_stack.layout import ROOT, Layout

NO_TESTS = 5
"""pytest's exit status when it selected no test."""


@dataclass(frozen=True)
class Layer:
    """A group of tests, and the programs that they need."""

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


# TLS changes cookies; one journey covers the rest. You can run the others with --tls by hand.
UNDER_TLS = journeys("whole_journey", "cookies")
# Containers change logs, commands of operators and outages; one journey covers the rest.
IN_CONTAINERS = journeys("whole_journey", "logs", "operations", "outages", "rotation")
FLOODS = journeys("sign_in_flood")
# Some unit tests use nginx.
UNIT = Layer("unit", ("tests/unit", "tests/contract", "-n", "auto"), NGINX)
# Most of the time they wait, so two processes run them; a file's tests stay together.
LOCAL = Layer(
    "local",
    (
        *("tests/journeys", "tests/local", "--stack", "local"),
        *("-n", "2", "--dist", "loadfile"),
        *(f"--ignore={file}" for file in FLOODS),
    ),
    NGINX | OPENSSL,
)
# These measure answers under load, so nothing runs beside them.
LOAD = Layer("load", ("tests/faults", *FLOODS, "--stack", "local"), NGINX)
TLS = Layer("tls", ("tests/tls", *UNDER_TLS, "--stack", "local", "--tls"), NGINX | OPENSSL)
BROWSER = Layer(
    "browser",
    ("tests/browser", "--stack", "local", "-n", "2", "--dist", "loadfile"),
    NGINX | CHROMIUM,
)
COMPOSE = Layer(
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
)
LAYERS = (UNIT, LOCAL, LOAD, TLS, BROWSER, COMPOSE)


def why_not(layer: Layer) -> str | None:
    """Return why a layer cannot run here, after trying to install what it needs."""
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


def required() -> set[str]:
    """Return the layers that must not be skipped.

    Raises:
        SystemExit: one of them does not exist.
    """
    names = {name for name in os.environ.get("DOORWARD_TEST_REQUIRE", "").split(",") if name}
    if unknown := names - {layer.name for layer in LAYERS}:
        layers = ", ".join(layer.name for layer in LAYERS)
        sys.exit(f"DOORWARD_TEST_REQUIRE: {', '.join(sorted(unknown))} is not one of {layers}.")
    return names


def outcome(layer: Layer, *, slow: bool) -> str:
    """Run one layer, if that is possible on this machine; return the result."""
    if reason := why_not(layer):
        needed = ", but required" if layer.name in required() else ""
        return f"skipped{needed}: {reason}"
    selection = "slow or prolonged" if slow else "not slow"
    settings = {"LONG": "1"} if slow else {}
    code = run(layer, "-m", selection, **settings)
    # A layer that tests nothing has not passed, but not each has slow tests.
    passed = code == 0 or (slow and code == NO_TESTS)
    return "passed" if passed else f"failed (pytest ended with {code})"


def main() -> int:
    """Run all layers; return 0 only if none failed and no required one was skipped.

    The only argument may be `slow`: the tests that take long, instead of all others.
    """
    required()
    slow = sys.argv[1:] == ["slow"]
    results = {layer.name: outcome(layer, slow=slow) for layer in LAYERS}
    print("\nLayers")
    for name, result in results.items():
        print(f"  {name:8} {result}")
    bad = ("failed", "skipped, but required")
    return 1 if any(result.startswith(bad) for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Tests that carry a marker, `@pytest.mark.proves("V1.2")` or `@pytest.mark.fault(4)`.

Finds them in the source without running anything, and runs those of a layer.
"""

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import run_tests
from doorward_stack.layout import ROOT
from run_tests import Layer


@cache
def _nodes(file: Path) -> list[ast.AST]:
    """Return what may carry a marker in a file: every function, and every call."""
    tree = ast.parse(file.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Call)]


@dataclass(frozen=True)
class Marker:
    """A marker's name, and the folders under tests/ where it counts."""

    name: str
    folders: tuple[str, ...]

    # Each fault and each row asks for them.
    @cache  # noqa: B019 - there are two markers, for as long as the program runs
    def uses(self) -> Sequence[tuple[str, Any]]:
        """Return (`tests/file.py::test_name`, argument) for every argument of every use."""
        return [
            (f"{file.relative_to(ROOT)}::{node.name}", argument)
            for folder in self.folders
            for file in sorted((ROOT / "tests" / folder).rglob("test_*.py"))
            for node in _nodes(file)
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            for decorator in node.decorator_list
            for argument in self._arguments(decorator)
        ]

    def stray(self) -> list[str]:
        """Return where the marker stands that `uses` does not see: it would count for nothing there."""
        seen = len(self.uses())
        used = 0
        places = []
        for file in sorted((ROOT / "tests").rglob("*.py")):
            count = sum(1 for node in _nodes(file) for _ in self._arguments(node))
            used += count
            if count and file.relative_to(ROOT / "tests").parts[0] not in self.folders:
                places.append(str(file.relative_to(ROOT)))
        return places or ([] if used == seen else ["a marker that decorates no test function"])

    def _arguments(self, node: ast.AST) -> Iterator[Any]:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{self.name}":
            yield from (ast.literal_eval(argument) for argument in node.args)


@dataclass(frozen=True)
class Ran:
    """pytest's exit status for a layer, and what `marked_tests_plugin` noted of each case."""

    code: int
    cases: Sequence[dict[str, Any]]


def run(layer: Layer, marker: str) -> Ran:
    """Run the tests of a layer that have the marker."""
    print(f"\n=== {layer.name} ===", flush=True)
    with tempfile.TemporaryDirectory(prefix="doorward-marked-") as folder:
        file = Path(folder) / "cases.json"
        options = ["-p", "marked_tests_plugin", "--marked", marker, "--cases", str(file), "-q"]
        command = [sys.executable, "-m", "pytest", *options, *layer.arguments]
        environment = run_tests.environment() | {"PYTHONPATH": str(ROOT / "scripts")}
        code = subprocess.run(command, cwd=ROOT, check=False, env=environment).returncode
        return Ran(code, json.loads(file.read_text()) if file.exists() else [])

"""Tests that carry a marker, `@pytest.mark.proves("V1.2")` or `@pytest.mark.fault(4)`."""

import ast
import json
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import run_tests
from doorward_stack.layout import ROOT
from run_tests import Layer

FAILED = "FAILED"
NOT_RUN = "not run"
PASSED = "passed"


@dataclass(frozen=True)
class Case:
    """One case of a marked test in pytest's report."""

    layer: str
    test: str
    outcome: str
    arguments: Sequence[str]
    tally: dict[str, Any] = field(default_factory=dict)
    """What the fixture of this name counted and timed."""


@cache
def uses(marker: str) -> Sequence[tuple[str, Any]]:
    """Return (`tests/file.py::test_name`, argument) for every argument of a marker."""
    return [
        (f"{file.relative_to(ROOT)}::{function.name}", argument)
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for function in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        for argument in _arguments(decorator, marker)
    ]


def _arguments(decorator: ast.expr, marker: str) -> Iterator[Any]:
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{marker}":
        yield from map(ast.literal_eval, decorator.args)


def folders(layers: Collection[Layer]) -> set[str]:
    """Return the folders of `tests` that layers run tests of."""
    paths = [Path(argument) for layer in layers for argument in layer.arguments]
    return {path.parts[1] for path in paths if path.parts[0] == "tests"}


def run(layer: Layer, marker: str) -> tuple[list[Case], list[str]]:
    """Run the marked tests of a layer; return their cases and the problems."""
    with tempfile.TemporaryDirectory(prefix="doorward-marked-") as folder:
        file = Path(folder) / "report.xml"
        code = run_tests.run(layer, "-m", marker, "-q", f"--junitxml={file}")
        cases = list(_cases(layer.name, marker, file)) if file.exists() else []
    if code in (0, run_tests.NO_TESTS):
        return cases, []
    return cases, [f"the {layer.name} layer: pytest ended with {code}"]


def _cases(layer: str, marker: str, file: Path) -> Iterator[Case]:
    for element in ET.parse(file).iter("testcase"):  # noqa: S314 - pytest wrote it
        found = [(each.get("name"), each.get("value", "")) for each in element.iter("property")]
        properties = dict(found)
        tags = {child.tag for child in element}
        outcome = "failed" if tags & {"failure", "error"} else "passed"
        yield Case(
            layer,
            properties.get("test", ""),
            "skipped" if "skipped" in tags else outcome,
            [value for name, value in found if name == marker],
            json.loads(properties.get("tally", "{}")),
        )


def verdict(outcomes: Collection[str]) -> str:
    """Return the result of some cases: none of them may be missing, skipped or failed."""
    if "failed" in outcomes:
        return FAILED
    return NOT_RUN if "skipped" in outcomes or not outcomes else PASSED


def link(test: str) -> str:
    """Return a test's name as a link from `build` to its file."""
    file, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"

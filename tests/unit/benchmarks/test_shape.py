"""What is compared in the benchmark is served alike."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def constants(file: str) -> dict[str, object]:
    """Return the settings that a configuration of gunicorn's gives as plain values."""
    found = {}
    for node in ast.parse((ROOT / file).read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found[ast.unparse(node.targets[0])] = node.value.value
    return found


def test_what_is_compared_is_served_in_the_frontends_shape() -> None:
    assert constants("benchmarks/gunicorn.conf.py") == constants("web-frontend/gunicorn.conf.py")

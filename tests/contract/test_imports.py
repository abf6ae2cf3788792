"""The layers of each package: imports go one way, read from the source."""

import ast
import itertools
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AUTH, WEB, CONTRACT = (
    ROOT / "auth-service/auth_service",
    ROOT / "web-frontend/web_frontend",
    ROOT / "session_contract",
)

# From the ground up; a module may import from lower rows only.
AUTH_LAYERS = [
    {"models", "errors", "passwords", "durable_file"},
    {"userfile", "database"},
    {"settings", "json_body", "key_files", "callers", "tokens", "session_records", "guess_records"},
    {"user_index", "hashing", "provision", "audit", "devices"},
    {"synced_users"},
    {"store"},
    {"throttle"},
    {"accounts", "sessions", "reauthentication"},
    {"administration"},
    {"views", "http_errors", "cli"},
    {"account_views"},
    {"app"},
    {"__init__"},
]
WEB_LAYERS = [
    {"settings", "callers", "deadline", "csrf", "static_files", "browsers", "auth_answers"},
    {"auth_client"},
    {"session"},
    {"pages"},
    {"forms", "http_errors"},
    {"views", "account"},
    {"app"},
    {"__init__"},
]
CONTRACT_LAYERS = [
    {"audit_events"},
    {"cookies", "credentials", "__init__"},
    {"keyset", "log_lines", "callers"},
    {"tokens", "startup"},
]


def imports(file: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inner(file: Path, package: str) -> set[str]:
    """Return the package's own modules that a file imports."""
    return {name.split(".")[1] for name in imports(file) if name.startswith(f"{package}.")}


@pytest.mark.parametrize(
    ("folder", "layers"),
    [(AUTH, AUTH_LAYERS), (WEB, WEB_LAYERS), (CONTRACT, CONTRACT_LAYERS)],
    ids=["auth_service", "web_frontend", "session_contract"],
)
def test_modules_import_only_from_the_layers_below_them(
    folder: Path, layers: list[set[str]]
) -> None:
    known = set().union(*layers)
    assert {file.stem for file in folder.glob("*.py")} == known, "a module without a layer"
    for height, layer in enumerate(layers):
        below = set().union(*layers[:height])
        for name in layer:
            upwards = (inner(folder / f"{name}.py", folder.name) & known) - below
            assert not upwards, f"{folder.name}.{name} imports {sorted(upwards)}"


def test_the_services_know_nothing_of_each_other() -> None:
    for folder, other in ((AUTH, "web_frontend"), (WEB, "auth_service")):
        for file in folder.glob("*.py"):
            assert not {name for name in imports(file) if name.split(".")[0] == other}, file


def test_the_session_contract_needs_pyjwt_and_the_standard_library_only() -> None:
    for file in CONTRACT.glob("*.py"):
        top = {name.split(".")[0] for name in imports(file)}
        assert top <= sys.stdlib_module_names | {"jwt", "session_contract"}, file


def test_only_the_composition_roots_read_the_clock_of_the_system_or_build_services() -> None:
    for folder in (AUTH, WEB):
        for file in folder.glob("*.py"):
            assert ("Flask(__name__" in file.read_text()) == (file.stem == "app"), file


@pytest.mark.proves("V13.2.2", "V15.2.3")
def test_tokens_are_issued_in_one_module_that_is_not_in_the_frontends_image() -> None:
    issuing = [
        file
        for folder in (AUTH, WEB, CONTRACT)
        for file in folder.glob("*.py")
        if "jwt.encode" in file.read_text()
    ]
    assert issuing == [AUTH / "tokens.py"]
    copied = [
        line.split()[1:-1]
        for line in (ROOT / "web-frontend/Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    assert sorted(itertools.chain(*copied)) == [
        "session_contract",
        "web-frontend/gunicorn.conf.py",
        "web-frontend/requirements.txt",
        "web-frontend/web_frontend",
    ]


@pytest.mark.proves("V15.2.3")
def test_nothing_of_the_tests_is_imported_by_the_product() -> None:
    for folder in (AUTH, WEB, CONTRACT):
        for file in folder.glob("*.py"):
            assert not {
                name for name in imports(file) if name.split(".")[0] in ("tests", "pytest")
            }, file

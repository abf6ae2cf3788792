"""Imports go one way, read from the source: each room may import from the rooms named for it."""

import ast
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AUTH, WEB, CONTRACT = (
    ROOT / "auth-service/auth_service",
    ROOT / "web-frontend/web_frontend",
    ROOT / "session_contract",
)

AUTH_GROUND = {"models", "errors", "storage.users_json.durable_file", "storage.users_json.codec"}
AUTH_ADAPTERS = {"storage.users_json", "storage.sql"}
AUTH_MAY_IMPORT: dict[str, set[str]] = {
    "models": set(),
    "errors": set(),
    "storage.ports": {"models", "errors"},
    "storage.users_json": AUTH_GROUND | {"storage.ports"},
    "storage.sql": AUTH_GROUND,
    "sessions": AUTH_GROUND | AUTH_ADAPTERS,
    "guessing": AUTH_GROUND | AUTH_ADAPTERS,
    "accounts": AUTH_GROUND | AUTH_ADAPTERS | {"guessing"},
    "usecases": AUTH_GROUND | AUTH_ADAPTERS | {"accounts", "sessions", "guessing"},
    "key_files": AUTH_GROUND,
    "provision": {"key_files"},
    "settings": set(),
    "audit": AUTH_GROUND | {"api.bodies"},
    "api": AUTH_GROUND | {"accounts", "sessions", "guessing", "usecases", "audit"},
    "cli": AUTH_GROUND | AUTH_ADAPTERS | {"accounts", "audit", "settings", "key_files"},
    "app": AUTH_GROUND
    | AUTH_ADAPTERS
    | {"api", "cli", "usecases", "accounts", "sessions", "guessing", "audit", "settings"},
    "__init__": {"app"},
}
"""Every room of auth-service, and what it may import besides itself."""

# From the ground up; a module may import from lower rows only.
WEB_LAYERS = [
    {"settings", "hosts", "browsers", "static_files", "refusals", "csrf", "browser_cookies"},
    {"auth_service.answers", "auth_service.deadline", "forms", "form_bodies"},
    {"auth_service.transport"},
    {"auth_service.client"},
    {"visitors"},
    {"services", "request_state", "rendering"},
    {"browser_session", "log_context"},
    {"errors", "hooks"},
    {"views.notices", "views.sign_in", "views.health", "views.robots"},
    {"views.registration", "views.dashboard", "views.account"},
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


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Return every module of a package by its dotted name inside of it, with its file."""
    for file in package.rglob("*.py"):
        parts = file.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        yield name, file


def inner(file: Path, package: str) -> set[str]:
    """Return the package's own modules that a file imports, by their names inside of it."""
    prefix = f"{package}."
    return {name.removeprefix(prefix) for name in imports(file) if name.startswith(prefix)}


def room(module: str) -> str:
    """Return the room of auth-service that a module is in."""
    fitting = (name for name in AUTH_MAY_IMPORT if f"{module}.".startswith(f"{name}."))
    return max(fitting, key=len, default="")


def is_within(module: str, places: set[str]) -> bool:
    """Whether a module, or a name in it, lies in one of the places."""
    return any(f"{module}.".startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("module", sorted(name for name, _ in modules(AUTH)))
def test_a_module_of_auth_service_imports_what_its_room_may(module: str) -> None:
    if module in ("storage", "storage.users_json", "storage.sql"):
        return
    assert room(module), "a module without a room"
    file = dict(modules(AUTH))[module]
    own = room(module)
    allowed = AUTH_MAY_IMPORT[own] | {own}
    known = {name for name, _ in modules(AUTH)}
    wrong = {name for name in inner(file, "auth_service") if name in known and name not in allowed}
    assert {name for name in wrong if not is_within(name, allowed)} == set()


@pytest.mark.parametrize(
    ("folder", "layers"),
    [(WEB, WEB_LAYERS), (CONTRACT, CONTRACT_LAYERS)],
    ids=["web_frontend", "session_contract"],
)
def test_modules_import_only_from_the_layers_below_them(
    folder: Path, layers: list[set[str]]
) -> None:
    known = set().union(*layers)
    files = dict(modules(folder))
    rooms = {"auth_service", "views"}  # their __init__ is a docstring
    assert files.keys() - rooms == known, "a module without a layer"
    for height, layer in enumerate(layers):
        below = set().union(*layers[:height])
        for name in layer:
            found = inner(files[name], folder.name) & known
            upwards = found - below
            assert not upwards, f"{folder.name}.{name} imports {sorted(upwards)}"


def test_the_services_know_nothing_of_each_other() -> None:
    for folder, other in ((AUTH, "web_frontend"), (WEB, "auth_service")):
        for file in folder.rglob("*.py"):
            assert not {name for name in imports(file) if name.split(".")[0] == other}, file


def test_the_session_contract_needs_pyjwt_and_the_standard_library_only() -> None:
    for file in CONTRACT.glob("*.py"):
        top = {name.split(".")[0] for name in imports(file)}
        assert top <= sys.stdlib_module_names | {"jwt", "session_contract"}, file


def test_only_the_composition_roots_build_an_application() -> None:
    for folder in (AUTH, WEB):
        for file in folder.rglob("*.py"):
            assert ("Flask(__name__" in file.read_text()) == (file.stem == "app"), file


@pytest.mark.proves("V13.2.2", "V15.2.3")
def test_tokens_are_issued_in_one_module_that_is_not_in_the_frontends_image() -> None:
    issuing = [
        file
        for folder in (AUTH, WEB, CONTRACT)
        for file in folder.rglob("*.py")
        if "jwt.encode" in file.read_text()
    ]
    assert issuing == [AUTH / "sessions/tokens.py"]
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
        for file in folder.rglob("*.py"):
            assert not {
                name for name in imports(file) if name.split(".")[0] in ("tests", "pytest")
            }, file

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

AUTH_GROUND = {"models", "errors", "display_names", "usernames", "strict_json", "file_locks"}
"""What every room of auth-service may import."""
AUTH_MAY_IMPORT: dict[str, set[str]] = {
    "models": set(),
    "errors": set(),
    "usernames": set(),
    "display_names": set(),
    "strict_json": set(),
    "file_locks": set(),
    "storage.ports": {"models", "errors"},
    "storage.users_json": AUTH_GROUND | {"storage.ports"},
    "storage.sql": AUTH_GROUND | {"storage.ports"},
    "audit": AUTH_GROUND | {"storage.ports"},
    "key_files": AUTH_GROUND,
    "sessions": AUTH_GROUND | {"storage.ports"},
    "guessing": AUTH_GROUND | {"storage.ports"},
    "accounts": AUTH_GROUND | {"storage.ports"},
    "usecases": AUTH_GROUND | {"storage.ports", "accounts", "sessions", "guessing"},
    "api": AUTH_GROUND | {"accounts", "sessions", "guessing", "usecases", "audit"},
    "cli": AUTH_GROUND
    | {"storage.ports", "accounts", "sessions", "guessing", "usecases", "audit", "key_files"},
    "__init__": {"app"},
}
"""Every room of auth-service but `app`, which builds, and what it may import besides itself."""

# From the ground up; a module may import from lower rows only.
WEB_LAYERS = [
    {"browsers", "static_files", "refusals", "browser_cookies"},
    {"languages"},
    {"auth_service.answers", "auth_service.deadline", "csrf", "forms", "form_bodies"},
    {"auth_service.transport"},
    {"auth_service.client"},
    {"visitors"},
    {"services"},
    {"request_state"},
    {"notices", "log_context"},
    {"rendering"},
    {"browser_session", "field_errors"},
    {"refused_forms"},
    {"errors", "hooks"},
    {"views.health", "views.robots"},
    {"views.sign_in"},
    {"views.registration", "views.dashboard", "views.account", "views.username", "views.own_data"},
    {"app"},
    {"__init__"},
]
SETTINGS, INIT = ROOT / "doorward_settings", ROOT / "doorward_init"
CONTRACT_LAYERS = [
    {"audit_events", "guessable", "file_stamps"},
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


def test_a_module_of_auth_service_imports_what_its_room_may() -> None:
    files = dict(modules(AUTH))
    for module, file in files.items():
        if module in {"app", "storage"}:
            continue
        own = room(module)
        assert own, f"{module} has no room"
        allowed = AUTH_MAY_IMPORT[own] | {own}
        found = inner(file, "auth_service") & files.keys()
        wrong = {name for name in found if not is_within(name, allowed)}
        assert not wrong, f"{module} imports {sorted(wrong)}"


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


def test_nothing_but_the_composition_root_imports_an_adapter() -> None:
    for module, file in modules(AUTH):
        adapters = {"storage.users_json", "storage.sql"}
        if module != "app" and not is_within(module, adapters):
            found = {name for name in inner(file, "auth_service") if is_within(name, adapters)}
            assert not found, f"{module} imports {sorted(found)}"


def test_accounts_sessions_and_guessing_do_not_import_each_other() -> None:
    siblings = {"accounts", "sessions", "guessing"}
    for module, file in modules(AUTH):
        if is_within(module, siblings):
            others = siblings - {room(module)}
            assert not {name for name in inner(file, "auth_service") if is_within(name, others)}


def test_the_services_know_nothing_of_each_other() -> None:
    for folder, other in ((AUTH, "web_frontend"), (WEB, "auth_service")):
        for file in folder.rglob("*.py"):
            assert not {name for name in imports(file) if name.split(".")[0] == other}, file


def test_the_session_contract_needs_pyjwt_and_the_standard_library_only() -> None:
    for file in CONTRACT.glob("*.py"):
        top = {name.split(".")[0] for name in imports(file)}
        assert top <= sys.stdlib_module_names | {"jwt", "session_contract"}, file


def test_settings_know_the_contract_and_init_knows_the_settings() -> None:
    may_import = {
        CONTRACT: {"session_contract"},
        SETTINGS: {"session_contract", "doorward_settings"},
        INIT: {"session_contract", "doorward_settings", "doorward_init"},
        AUTH: {"session_contract", "doorward_settings", "auth_service"},
        WEB: {"session_contract", "doorward_settings", "web_frontend"},
    }
    ours = set().union(*may_import.values())
    for folder, allowed in may_import.items():
        for file in folder.rglob("*.py"):
            top = {name.split(".")[0] for name in imports(file)}
            assert top & ours <= allowed, file


@pytest.mark.proves("V13.2.2", "V15.2.3")
def test_nginx_image_carries_no_code_of_a_service() -> None:
    text = (ROOT / "nginx/Dockerfile").read_text()
    copied = [line for line in text.splitlines() if line.startswith("COPY ")]
    assert not [line for line in copied if "auth" in line or "web" in line]


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
        "doorward_settings",
        "session_contract",
        "web-frontend/gunicorn.conf.py",
        "web-frontend/requirements.txt",
        "web-frontend/web_frontend",
    ]


@pytest.mark.proves("V15.2.3")
def test_nothing_of_the_tests_is_imported_by_the_product() -> None:
    for folder in (AUTH, WEB, CONTRACT, SETTINGS, INIT):
        for file in folder.rglob("*.py"):
            assert not {
                name for name in imports(file) if name.split(".")[0] in ("tests", "pytest")
            }, file

"""What unit tests share: no network, a clock set by hand, auth-service, a checkout."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from pytest_socket import disable_socket, enable_socket
from sqlalchemy import event
from sqlalchemy.pool import Pool

from auth_service.app import create_app
from auth_service.guessing.throttle import Throttle
from auth_service.storage.ports import Users
from auth_service.storage.sql.guesses import GuessRecords
from doorward_settings.auth_service import Settings, read_settings
from scripts.doorward_stack.layout import ROOT, Layout
from session_contract.keyset import Key, KeySet

# The same examples every time, and no limit of time each: other programs share the machine.
hypothesis_settings.register_profile("unit", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("unit")

MakeKey = Callable[..., Key]
MakeSettings = Callable[..., Settings]
MakeApp = Callable[..., Flask]
MakeThrottle = Callable[..., Throttle]


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no unit test reach the network, unless its marker says that it needs a loopback port."""
    if request.node.get_closest_marker("enable_socket"):
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def close_databases() -> Iterator[Callable[[], None]]:
    """Close what a test opened, as the end of a process does; return what does so earlier."""
    opened: list[sqlite3.Connection] = []

    def remember(connection: sqlite3.Connection, _record: object) -> None:
        opened.append(connection)

    def close() -> None:
        while opened:
            opened.pop().close()

    event.listen(Pool, "connect", remember)
    yield close
    event.remove(Pool, "connect", remember)
    close()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Return an empty folder, in memory where possible: most tests would wait for the disk."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with TemporaryDirectory(dir=place) as folder:
        yield Path(folder).resolve()


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that shows 2027-01-15 08:00:00 UTC."""
    return Clock(1_800_000_000.0)


@pytest.fixture
def make_key() -> MakeKey:
    """Return a function that makes the same key for the same name every time."""

    def make(kid: str = "first", retires_at: int | None = None) -> Key:
        return Key(kid, hashlib.sha256(kid.encode()).digest(), retires_at)

    return make


@pytest.fixture
def key_file(tmp_path: Path, make_key: MakeKey) -> Path:
    """Return a file with a key set of one key, named "first"."""
    path = tmp_path / "keys" / "keys.json"
    path.parent.mkdir()
    path.write_text(KeySet((make_key(),)).to_json())
    return path


@pytest.fixture
def make_throttle(tmp_path: Path, clock: Clock) -> MakeThrottle:
    """Return a function that builds the throttle for a store of users, as each process does."""

    def make(store: Users, wait_seconds: float = 30) -> Throttle:
        records = GuessRecords(tmp_path / "throttle.db", clock)
        return Throttle(records, store, clock, wait_seconds)

    return make


@pytest.fixture
def environment(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Set the environment that auth-service needs, and nothing else; return its patcher."""
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    (tmp_path / "data").mkdir()
    values = {
        "DATA_DIR": tmp_path / "data",
        "KEY_SET_FILE": key_file,
        "EDGE_CREDENTIAL": "ocsQD1fpccrPJp58JuRjCiWo6dS9014y3xqAtmuJYlQ",
        "SERVICE_CREDENTIAL": "nfawJqjGwm48Os0jcKFuk__9wAFf9b2Hkhh4gCXbAoA",
        "BCRYPT_ROUNDS": 4,
        "TEST_FAST_HASH": 1,
        "COMMAND_LOG_FILE": tmp_path / "commands.log",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"DOORWARD_{name}", str(value))
    return monkeypatch


@pytest.fixture
def make_settings(environment: pytest.MonkeyPatch) -> MakeSettings:
    """Return a function that reads the settings with changes such as `registration="closed"`."""

    def make(**changes: object) -> Settings:
        for name, value in changes.items():
            environment.setenv(f"DOORWARD_{name.upper()}", str(value))
        return read_settings()

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Return settings for tests: data in `tmp_path`, hashes of the lowest cost."""
    return make_settings()


@pytest.fixture
def make_app(make_settings: MakeSettings, clock: Clock) -> MakeApp:
    """Return a function that builds auth-service with some settings changed."""

    def make(**changes: object) -> Flask:
        return create_app(make_settings(**changes), clock)

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return auth-service as it stands after its first start."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client of auth-service's API."""
    return app.test_client()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A checkout with nothing in it but the list of settings."""
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text("utf-8"), "utf-8")
    made = Layout(tmp_path, tmp_path / "var")
    made.make_folders()
    return made

"""Commands for operators work on the stack that runs, whatever the calling shell has set."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.visitor import Api, new_name
from running_stack import FAST, ROOT
from scripts.doorward_stack.ports import free_port


class Elsewhere:
    """A stack with its data in a folder of its own, started from a shell that is gone."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.data = folder / "data"
        self.port = free_port(None, set())
        self.url = f"http://localhost:{self.port}"
        self.settings = {
            **FAST,
            "DOORWARD_DATA_DIR": str(self.data),
            "DOORWARD_PORT": str(self.port),
        }

    def script(self, *words: str, code: int = 0, **settings: str) -> str:
        """Run stack.py in a shell with these settings; return its output."""
        shell = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DOORWARD_", "COMPOSE_", "MODE", "FILE", "CONFIRM"))
        }
        command = [sys.executable, "-B", "scripts/stack.py", "--state", str(self.state), *words]
        done = subprocess.run(
            command,
            env=shell | settings,
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    try:
        made.script("up", MODE="local", **made.settings)
        yield made
    finally:
        made.script("down")


def test_a_backup_holds_the_users_and_a_restore_ends_the_sessions(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar.gz"
    before = new_name()
    later = new_name()
    with Api(elsewhere.url) as api:
        token = api.register(before, sign_in=True).json()["session"]["token"]
        elsewhere.script("backup", "--file", str(file))
        assert api.register(later).status_code == 201
    said = elsewhere.script("restore", "--file", str(file), "--yes")
    assert "All sessions have ended" in said
    with Api(elsewhere.url) as api:
        assert api.current(token).status_code == 401
        assert api.sign_in(before).status_code == 201
        assert api.sign_in(later).status_code == 401


def test_commands_of_auth_service_see_the_users_of_the_stack_that_runs(
    elsewhere: Elsewhere,
) -> None:
    name = new_name()
    with Api(elsewhere.url) as api:
        assert api.register(name).status_code == 201
    assert name in elsewhere.script("flask", "users", "list")


def test_rotating_replaces_the_credentials_of_the_stack_that_runs(elsewhere: Elsewhere) -> None:
    credential = elsewhere.data / "secrets/edge/credential"
    before = credential.read_text()
    elsewhere.script("rotate-credentials")
    assert credential.read_text() != before


def test_commands_of_auth_service_need_a_stack_that_runs(tmp_path: Path) -> None:
    said = Elsewhere(tmp_path).script("flask", "users", "list", MODE="local", code=1)
    assert "make up" in said

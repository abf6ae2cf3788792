"""Commands for operators work on the stack that runs, whatever the shell is that they are typed in."""

import json
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
    """A stack whose data is not where it is by default, and a fresh shell that knows nothing of that."""

    def __init__(self, folder: Path) -> None:
        self.state, self.data = folder / "state", folder / "data"
        self.port = free_port(None, set())
        self.given = FAST | {
            "DOORWARD_DATA_DIR": str(self.data),
            "DOORWARD_PORT": str(self.port),
            "DOORWARD_IDLE_SECONDS": "40000",
        }

    def script(self, *words: str, mode: str = "", refused: bool = False, **named: str) -> str:
        """Run stack.py in a shell that names these settings; return what it said."""
        shell = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DOORWARD_", "COMPOSE_"))
            and name not in ("MODE", "FILE", "CONFIRM")
        }
        done = subprocess.run(
            [
                sys.executable,
                "-B",
                str(ROOT / "scripts/stack.py"),
                "--state",
                str(self.state),
                *words,
            ],
            env=shell | named | {"MODE": mode},
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode != 0) == refused, done.stdout
        return done.stdout

    def remembered(self) -> dict[str, object]:
        """Return what is remembered of it."""
        found: dict[str, object] = json.loads((self.state / "run" / "stack.json").read_text())
        return found


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    try:
        made.script("up", mode="local", **made.given)
        yield made
    finally:
        made.script("down", mode="local")


@pytest.fixture
def name(elsewhere: Elsewhere) -> str:
    """Somebody who is registered there."""
    made = new_name()
    with Api(f"http://localhost:{elsewhere.port}") as api:
        assert api.register(made).status_code == 201
    return made


def test_a_fresh_shell_sees_the_people_and_the_settings_of_what_runs(
    elsewhere: Elsewhere, name: str
) -> None:
    assert name in elsewhere.script("flask", "users", "list")
    elsewhere.script("flask", "keys", "rotate")
    keys = json.loads((elsewhere.data / "secrets/keys/keys.json").read_text())["keys"]
    assert len(keys) == 2, "of the stack that runs"


def test_a_fresh_shell_replaces_the_credentials_of_what_runs(elsewhere: Elsewhere) -> None:
    credential = elsewhere.data / "secrets/edge/credential"
    before = credential.read_text()
    elsewhere.script("rotate-credentials")
    assert credential.read_text() != before
    assert not (elsewhere.state / "secrets").exists()


def test_a_restore_from_a_fresh_shell_comes_back_as_it_was(
    elsewhere: Elsewhere, name: str, tmp_path: Path
) -> None:
    # As if nobody had asked for this way of running.
    before = elsewhere.remembered() | {"why": "no Docker engine answers"}
    (elsewhere.state / "run" / "stack.json").write_text(json.dumps(before))
    file, later = tmp_path / "backup.tar.gz", new_name()
    said = elsewhere.script("backup", "--file", str(file))
    assert str(elsewhere.data) in said, "it says whose data was saved"
    base_url = f"http://localhost:{elsewhere.port}"
    with Api(base_url) as api:
        assert api.register(later).status_code == 201
    said = elsewhere.script("restore", "--file", str(file), "--yes")
    assert base_url in said
    after = elsewhere.remembered()
    assert {key: after[key] for key in ("why", "settings", "data", "ports")} == {
        key: before[key] for key in ("why", "settings", "data", "ports")
    }
    listed = elsewhere.script("flask", "users", "list")
    assert name in listed
    assert later not in listed


@pytest.mark.parametrize(
    "words", [("flask", "users", "list"), ("backup",), ("rotate-credentials",)]
)
def test_a_shell_that_names_another_folder_is_refused(
    elsewhere: Elsewhere, words: tuple[str, ...], tmp_path: Path
) -> None:
    said = elsewhere.script(*words, refused=True, DOORWARD_DATA_DIR=str(tmp_path))
    assert str(tmp_path) in said
    assert str(elsewhere.data) in said
    assert list(tmp_path.iterdir()) == []


def test_commands_of_auth_service_say_that_they_need_a_running_stack(tmp_path: Path) -> None:
    said = Elsewhere(tmp_path).script("flask", "users", "list", mode="local", refused=True)
    assert "make flask needs a running Doorward" in said
    assert "make up" in said

"""Starting: one clear message and an exit status where it cannot."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import auth_service
from auth_service.app import create_app
from doorward_settings.auth_service import Settings
from session_contract.startup import StartupError

GUNICORN_CONFIGURATION = Path(auth_service.__file__).parents[1] / "gunicorn.conf.py"
Break = Callable[[Settings, pytest.MonkeyPatch], object]


def another_owner(_settings: Settings, patch: pytest.MonkeyPatch) -> None:
    real = os.geteuid()
    patch.setattr(os, "geteuid", lambda: real + 1)


BROKEN: dict[str, tuple[Break, str]] = {
    "a setting": (
        lambda _s, patch: patch.setenv("DOORWARD_IDLE_SECONDS", "soon"),
        "DOORWARD_IDLE_SECONDS",
    ),
    "a secret": (
        lambda _s, patch: patch.delenv("DOORWARD_EDGE_CREDENTIAL"),
        "DOORWARD_EDGE_CREDENTIAL",
    ),
    "no keys": (lambda s, _: s.key_set_file.unlink(), "DOORWARD_KEY_SET_FILE"),
    "broken keys": (lambda s, _: s.key_set_file.write_text("{"), "DOORWARD_KEY_SET_FILE"),
    "no data": (lambda s, _: s.data_dir.rename(s.data_dir.with_name("moved")), "DOORWARD_DATA_DIR"),
    "another owner": (another_owner, "sudo -u"),
    "broken users": (
        lambda s, _: (s.data_dir / "users.json").write_text("{\n  x"),
        "line 2, column 3",
    ),
    "broken sessions": (
        lambda s, _: (s.data_dir / "state.db").write_bytes(b"x" * 5000),
        "state.db",
    ),
    "broken counts": (
        lambda s, _: (s.data_dir / "throttle.db").write_bytes(b"x" * 5000),
        "throttle.db",
    ),
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


@pytest.mark.parametrize(("damage", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_start_says_why_in_one_message_and_leaves_everything_as_it_is(
    settings: Settings,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: Break,
    said: str,
) -> None:
    damage(settings, environment)
    before = files_of(settings.data_dir)
    with pytest.raises(SystemExit) as caught:
        auth_service.create_app()
    message = capsys.readouterr().err
    assert caught.value.code == 3
    assert message.startswith("auth-service cannot start:\n  - ")
    assert said in message
    assert "Traceback" not in message
    assert settings.edge_credential not in message
    assert files_of(settings.data_dir).items() >= before.items()


def test_gunicorn_says_the_same_once_and_exits(
    settings: Settings, environment: pytest.MonkeyPatch
) -> None:
    settings.key_set_file.unlink()
    environment.setenv("DOORWARD_AUTH_LISTEN", f"unix:{settings.data_dir}/socket")
    environment.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    command = [sys.executable, "-m", "gunicorn", "--config", GUNICORN_CONFIGURATION]
    done = subprocess.run(
        [*command, "auth_service:create_app()"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr.count("cannot start") == 1
    assert done.stderr.count("DOORWARD_KEY_SET_FILE") == 1
    assert "Traceback" not in done.stderr


def test_a_second_start_keeps_what_the_first_one_made(settings: Settings) -> None:
    create_app(settings)
    before = files_of(settings.data_dir)
    create_app(settings)
    assert files_of(settings.data_dir) == before


def test_another_owner_is_told_both_ways_to_run_it_and_leaves_no_file(
    settings: Settings, environment: pytest.MonkeyPatch
) -> None:
    another_owner(settings, environment)
    with pytest.raises(StartupError) as caught:
        create_app(settings)
    assert "docker compose exec" in str(caught.value)
    assert f"#{settings.data_dir.stat().st_uid}" in str(caught.value)
    assert list(settings.data_dir.iterdir()) == []

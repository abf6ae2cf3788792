"""scripts/stack.py: what the commands for operators work on is what runs."""

import subprocess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from scripts.doorward_stack import (
    archive,
    cli,
    engine,
    log_reader,
    operating,
    running,
    saving,
    settings,
    state,
)
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import Layout
from scripts.doorward_stack.stack import Stack

SECRET = "k" * 43


def started(layout: Layout, mode: str = "local", **given: str) -> dict[str, Any]:
    """Return what is remembered of a stack that was started with these settings."""
    read = settings.load(layout, given)
    data = str(read.data_dir) if mode == "local" else "the Compose volume x_data"
    state.write(layout.state_file, {"mode": mode, "data": data, **running.record(read)})
    return state.read(layout.state_file)


def taken(layout: Layout, told: dict[str, Any], **named: str) -> settings.Settings:
    """Return the settings that a command takes which is called from a shell that names these."""
    return running.settings_of(told, layout, settings.load(layout, named), named)


def test_settings_are_remembered_in_a_file_that_is_closed_to_others(layout: Layout) -> None:
    layout.state_file.touch(0o644)
    started(layout, DOORWARD_IDLE_SECONDS="40000")
    assert layout.state_file.stat().st_mode & 0o777 == 0o600


def test_commands_take_the_settings_of_what_runs_and_not_those_of_their_shell(
    layout: Layout,
) -> None:
    told = started(
        layout,
        DOORWARD_DATA_DIR="elsewhere",
        DOORWARD_IDLE_SECONDS="40000",
        DOORWARD_PORT="28080",
        DOORWARD_TLS_DIR="pair",
    )
    (layout.root / ".env").write_text("DOORWARD_RENEW_SECONDS=60\nDOORWARD_PORT=9\n")
    read = taken(layout, told)
    assert (read.data_dir, read.port) == (layout.root / "elsewhere", 28080)
    assert read.tls_dir == layout.root / "pair"
    assert read.values["DOORWARD_IDLE_SECONDS"] == "40000"
    assert "DOORWARD_RENEW_SECONDS" not in read.values
    assert engine.Engine(layout, read).environ["DOORWARD_RENEW_SECONDS"] == "", "nor does Compose"


def test_a_folder_that_was_not_named_is_the_one_that_runs(layout: Layout) -> None:
    assert taken(layout, started(layout)).data_dir == layout.state


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"DOORWARD_DATA_DIR": "other"}, ["DOORWARD_DATA_DIR", "/elsewhere", "/other"]),
        ({"DOORWARD_IDLE_SECONDS": "60"}, ["DOORWARD_IDLE_SECONDS", "40000", "60"]),
        ({"DOORWARD_PORT": "9000"}, ["DOORWARD_PORT", "8080", "9000"]),
        ({"DOORWARD_CONTACT": "Ann"}, ["DOORWARD_CONTACT", "nothing", "Ann"]),
    ],
)
def test_a_shell_that_names_another_value_than_what_runs_is_refused_with_both(
    layout: Layout, named: dict[str, str], words: list[str]
) -> None:
    told = started(layout, DOORWARD_DATA_DIR="elsewhere", DOORWARD_IDLE_SECONDS="40000")
    with pytest.raises(StackError) as caught:
        taken(layout, told, **named)
    assert all(word in str(caught.value) for word in words)


def test_a_settings_file_that_names_another_folder_is_refused(layout: Layout) -> None:
    told = started(layout)
    (layout.root / ".env").write_text("DOORWARD_DATA_DIR=other\n")
    with pytest.raises(StackError, match="DOORWARD_DATA_DIR"):
        taken(layout, told)


def test_a_shell_that_names_what_runs_is_taken(layout: Layout) -> None:
    told = started(layout, DOORWARD_DATA_DIR="elsewhere", DOORWARD_IDLE_SECONDS="40000")
    named = {"DOORWARD_DATA_DIR": str(layout.root / "elsewhere"), "DOORWARD_IDLE_SECONDS": "40000"}
    assert taken(layout, told, DOORWARD_PORT="8080", DOORWARD_TEST_REQUIRE="", **named).port == 8080


def test_secrets_given_by_value_are_written_nowhere_and_asked_for_again(layout: Layout) -> None:
    told = started(layout, DOORWARD_CSRF_KEY=SECRET)
    assert SECRET not in layout.state_file.read_text()
    with pytest.raises(StackError, match="DOORWARD_CSRF_KEY"):
        taken(layout, told)
    assert taken(layout, told, DOORWARD_CSRF_KEY=SECRET).values["DOORWARD_CSRF_KEY"] == SECRET


def test_under_compose_a_folder_counts_for_nothing_but_naming_another_is_refused(
    layout: Layout,
) -> None:
    told = started(layout, "compose")
    assert taken(layout, told).port == 8080
    with pytest.raises(StackError, match=r"DOORWARD_DATA_DIR.*the Compose volume x_data.*/other"):
        taken(layout, told, DOORWARD_DATA_DIR="other")


# --- removing
# -----------------------------------------------------------------------------------------


def clean(layout: Layout, data: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Do what `make clean CONFIRM=yes` does with this folder."""
    monkeypatch.setenv("DOORWARD_DATA_DIR", str(data))
    monkeypatch.setattr(engine.Engine, "missing", lambda _self: "no engine in this test")
    return cli.main(["clean", "--state", str(layout.state), "--mode", "local", "--yes"])


def test_removing_takes_only_what_doorward_makes(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = layout.root / "data"
    ours = [
        *archive.SECRETS,
        "users.json",
        "users.json.rejected-20260101T000000Z",
        "state.db",
        "state.db-wal",
    ]
    theirs = [
        "secrets/mine.txt",
        "secrets/keys/mine.pem",
        "users.json.mine",
        "state.db.mine",
        ".users.json.swp",
    ]
    logs = [
        "auth-service.log",
        "auth-service.err.log.1",
        "nginx.access.log",
        "supervisord.log",
        "mine.txt",
    ]
    for path in [
        *(data / name for name in (*ours, *theirs)),
        *(layout.log / name for name in logs),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert clean(layout, data, monkeypatch) == 0
    left = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert left == set(theirs)
    assert [path.name for path in layout.log.iterdir()] == ["mine.txt"]
    assert not (data / "secrets" / "edge").exists()
    assert not layout.run.exists()
    assert "What Doorward has not made is left there" in capsys.readouterr().out


def test_removing_leaves_nothing_where_there_is_nothing_else(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layout.state / "users.json").write_text("{}")
    assert clean(layout, layout.state, monkeypatch) == 0
    assert not layout.state.exists()


@pytest.mark.parametrize("mode", ["local", "compose"])
def test_removing_other_data_than_what_runs_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    told = started(layout, mode)
    other = layout.root / "other"
    other.mkdir()
    (other / "users.json").write_text("{}")
    assert clean(layout, other, monkeypatch) == 1
    said = capsys.readouterr().err
    assert all(text in said for text in (str(told["data"]), str(other), "make down"))
    assert (other / "users.json").exists()


def test_removing_from_a_shell_that_knows_nothing_of_the_folder_is_refused(layout: Layout) -> None:
    told = started(layout, DOORWARD_DATA_DIR="elsewhere")
    with pytest.raises(StackError, match="elsewhere"):
        running.refuse_other_data(told, settings.load(layout, {}), {})
    named = {"DOORWARD_DATA_DIR": "elsewhere"}
    running.refuse_other_data(told, settings.load(layout, named), named)


# --- logs
# ---------------------------------------------------------------------------------------------


def test_logs_are_shown_as_one_in_order_of_time_without_the_supervisors(tmp_path: Path) -> None:
    files = {
        "auth-service.log": '{"time": "2026-01-01T00:00:02.500Z"}\n{"time": "2026-01-01T00:00:04.000Z"}\n',
        "auth-service.err.log": "no time at all\n",
        "nginx.access.log": '{"time":"2026-01-01T00:00:02+00:00","status":200}\n',
        "nginx.err.log": "2026/01/01 00:00:03 [crit] c\nand its second line\n",
        "supervisord.log": "2026-01-01 00:00:00,000 CRIT Server running without any HTTP authentication\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert list(log_reader.read(tmp_path, follow=False)) == [
        "auth-service | no time at all",
        'nginx        | {"time":"2026-01-01T00:00:02+00:00","status":200}',
        'auth-service | {"time": "2026-01-01T00:00:02.500Z"}',
        "nginx        | 2026/01/01 00:00:03 [crit] c",
        "nginx        | and its second line",
        'auth-service | {"time": "2026-01-01T00:00:04.000Z"}',
    ]


def test_logs_are_followed_when_a_new_file_takes_the_place_of_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "PAUSE_SECONDS", 0)
    log = tmp_path / "nginx.log"
    log.write_text("".join(f"{number}\n" for number in range(log_reader.LINES + 10)))
    lines = log_reader.read(tmp_path, follow=True)
    first = [next(lines) for _ in range(log_reader.LINES)]
    assert (first[0], first[-1]) == ("nginx        | 10", "nginx        | 109")
    with log.open("a") as writer:
        writer.write("whole\nbeg")
    assert next(lines).endswith("whole")
    with log.open("a") as writer:
        writer.write("un\nthe last\n")
    log.rename(tmp_path / "nginx.log.1")
    log.write_text("anew\n")
    (tmp_path / "web-frontend.err.log").write_text("came later\n")
    assert [next(lines).partition("| ")[2] for _ in range(4)] == [
        "begun",
        "the last",
        "anew",
        "came later",
    ]
    lines.close()


# --- Compose
# ------------------------------------------------------------------------------------------


def test_a_compose_project_is_found_again_under_the_name_that_it_was_started_with(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    state.write(layout.state_file, {"mode": "compose", "project": "named"})
    read = settings.load(layout, {})
    assert engine.Engine(layout, read).environ["COMPOSE_PROJECT_NAME"] == "named"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "another")
    assert engine.Engine(layout, read).environ["COMPOSE_PROJECT_NAME"] == "another"


def test_commands_and_the_start_after_a_restore_are_of_the_project_that_runs(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    told = started(layout, "compose")
    state.write(layout.state_file, told | {"project": "named", "why": "a Docker engine answers"})
    projects, reasons = list[str](), list[str]()

    def run(command: list[str], *, env: dict[str, str], **_how: object) -> CompletedProcess[str]:
        projects.append(env["COMPOSE_PROJECT_NAME"])
        return CompletedProcess(command, 0)

    def stop(stack: Stack) -> bool:
        state.forget(stack.layout.state_file)
        return True

    def up(stack: Stack, mode: str, why: str) -> None:
        projects.append(stack.engine.environ["COMPOSE_PROJECT_NAME"])
        reasons.append(f"{mode}: {why}")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(Stack, "running_mode", "compose")
    monkeypatch.setattr(Stack, "data_mode", lambda _self: "compose")
    monkeypatch.setattr(Stack, "stop", stop)
    monkeypatch.setattr(Stack, "up", up)
    for name in ("check", "restore"):
        monkeypatch.setattr(saving.Saving, name, lambda _self, _file: None)
    stack = Stack(layout, settings.load(layout, {}), "auto").as_it_runs({})
    assert operating.flask(stack, ["users", "list"]) == 0
    operating.restore(stack, layout.root / "backup.tar.gz", lambda _question: None)
    assert projects == ["named", "named"]
    assert reasons == ["compose: a Docker engine answers"]

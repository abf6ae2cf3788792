"""Wrong uses of make: one sentence with the right call, and nothing is changed."""

import io
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from scripts.doorward_stack import backups, cli, local_settings, make_variables, progress
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import ROOT, Layout

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tests"], "There is no target tests. Type make help"),
        (["down", "retsore"], "There is no target retsore. Type make help"),
        (["flask", "users", "list"], 'make flask ARGS="users list"'),
        (["flask"], 'Say which command to run. For example: make flask ARGS="users list"'),
        (["restore"], "Restoring needs a backup. Name one: make restore FILE="),
        (["clean", "restore"], "Call make clean and make restore one at a time"),
        (["up", "MDOE=local"], "make takes no variable MDOE. Did you mean MODE?"),
        (["logs", "RAW=json"], "RAW must be 1, not 'json'. For example: make logs RAW=1"),
        (["mutants", "ONLY=tokens; true"], "ONLY must be one of session_contract, store, thro"),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(arguments: list[str], said: str) -> None:
    dropped = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "FILE", "ARGS", *make_variables.VARIABLES}
    done = subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in dropped},
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    [sentence, *by_make] = done.stderr.splitlines()
    assert said in sentence
    assert all(
        re.match(r"make: \*\*\* \[Makefile:\d+: [a-z]+\] Error 1$", line) for line in by_make
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MODE", "docker", "MODE must be compose or local, not 'docker'. For example: make up MO"),
        ("CONFIRM", "y", "CONFIRM must be yes, not 'y'. For example: make clean CONFIRM=yes"),
        ("RAW", "yes", "RAW must be 1, not 'yes'. For example: make logs RAW=1"),
        ("LONG", "no", "LONG must be 1, not 'no'. For example: make faults LONG=1"),
        ("MINUTES", "1", "MINUTES must be 2 to 999, not '1'. For example: make soak MINUTES=3"),
        ("MINUTES", "ten", "MINUTES must be 2 to 999, not 'ten'. For example: make soak MINUTES"),
        ("BENCH", "fast", "BENCH must be quick, not 'fast'. For example: make bench BENCH=quick"),
        ("UPGRADE", "1", "UPGRADE must be yes, not '1'. For example: make lock UPGRADE=yes"),
        ("ONLY", "tokens", "ONLY must be one of session_contract, store, throttle, sessions, not"),
    ],
)
def test_a_variable_with_a_wrong_value_is_refused(
    name: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert cli.main(["bootstrap", "--uses", name]) == 1
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("missing.tar.gz", "missing.tar.gz is not a backup that can be read: No such file or dir"),
        ("README.md", "README.md is not a backup that can be read: not a gzip file. Name one: ma"),
        ("docs", "docs is not a backup that can be read: Is a directory. Name one: make restore"),
        ("~nobody-of-that-name/x", "/x is not a backup that can be read: No such file or direct"),
    ],
)
def test_a_file_that_is_no_backup_is_refused(
    file: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.main(["restore", "--file", file, "--yes"]) == 1
    assert said in capsys.readouterr().err


def test_quotes_that_do_not_end_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARGS", "users add O'Brien")
    assert cli.main(["flask"]) == 1
    assert capsys.readouterr().err.startswith("ARGS: No closing quotation. For example: make fla")


def test_every_variable_that_make_passes_on_is_checked_where_it_is_used() -> None:
    exported = set(re.findall(r"[A-Z]+", re.findall(r"^export (.*)$", MAKEFILE, re.M)[0]))
    assert exported == make_variables.VARIABLES.keys() | {"FILE", "ARGS"}
    checked = set(re.findall(r"--uses ([A-Z]+)", MAKEFILE))
    assert checked == make_variables.VARIABLES.keys() - {"MODE"}


@pytest.mark.parametrize("name", make_variables.VARIABLES)
def test_the_call_in_a_message_is_a_right_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = make_variables.VARIABLES[name].example
    assert re.fullmatch(rf"make [a-z]+ {name}=\w+", call)
    monkeypatch.setenv(name, call.partition("=")[2])
    monkeypatch.setenv("MAKEFLAGS", f"w -- {call.split()[-1]} ARGS=users\\ add\\ mod=e LANG=C")
    make_variables.check([name])
    make_variables.check_spelling()


@pytest.mark.parametrize("action", ["logs", "flask", "rotate-credentials"])
def test_what_needs_a_start_says_so_and_installs_nothing(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["users", "list"] if action == "flask" else []
    called = ["--state", str(tmp_path / "s"), "--mode", "local", action, *words]
    assert cli.main(called) == 1
    assert capsys.readouterr().err == (
        f"Doorward was not started here yet, and make {action} needs it. Start it with `make up`.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_stopping_what_was_never_started_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["down", "--state", str(tmp_path / "s"), "--mode", "local"]) == 0
    assert capsys.readouterr().out == "Nothing was running.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_newest_backup_is_named_where_none_was_given(layout: Layout) -> None:
    layout.backups.mkdir()
    for day in ("20261128", "20261129"):
        (layout.backups / f"doorward-{day}T000000Z.tar.gz").touch()
    with pytest.raises(StackError, match=r"FILE=.*/doorward-20261129T000000Z\.tar\.gz"):
        backups.check(layout, None)
    with pytest.raises(StackError, match=r"FILE=.*/doorward-20261128T000000Z\.tar\.gz"):
        backups.check(layout, layout.backups / "doorward-20261129T000000Z.tar.gz")


class Untouched:
    """A stack that must not be asked for anything."""

    def archive(self, action: str, **streams: object) -> None:
        pytest.fail("it was asked for its data")

    def pause(self) -> bool:
        pytest.fail("it was stopped")

    def resume(self) -> None:
        pytest.fail("it was started")


def test_a_backup_into_a_place_that_cannot_be_is_refused(layout: Layout) -> None:
    (layout.root / "file").touch()
    with pytest.raises(StackError, match=r"cannot be written: .*make backup FILE="):
        backups.backup(layout, Untouched(), layout.root / "file" / "backup.tar.gz")


def test_no_backup_is_made_while_another_command_changes_the_data(layout: Layout) -> None:
    with layout.locked(), pytest.raises(StackError, match="Another command is at work"):
        backups.backup(layout, Untouched(), None)
    assert list(layout.backups.iterdir()) == []


@pytest.mark.parametrize("typed", ["", "no\n", "y\n"])
def test_anything_but_a_yes_changes_nothing(
    typed: str,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = layout.state / "users.json"
    users.touch()
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    arguments = cli.parse(["clean", "--state", str(layout.state), "--mode", "local"])
    with pytest.raises(StackError, match="Nothing was changed"):
        cli.confirm(arguments, "This removes all.")
    assert "Type yes to go on" in capsys.readouterr().out
    assert users.exists()


def test_a_folder_that_cannot_be_used_is_named_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["up", "--state", str(tmp_path / "file" / "s"), "--mode", "local"]) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path}/file/s: Not a directory. Correct that, then try again.\n"
    )


def test_a_stack_that_cannot_be_read_is_not_taken_for_none(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.state_file.mkdir()
    assert cli.main(["down", "--state", str(layout.state), "--mode", "local"]) == 1
    assert f"{layout.state_file}: Is a directory" in capsys.readouterr().err


def test_an_env_file_that_is_not_text_is_refused(layout: Layout) -> None:
    (layout.root / ".env").write_bytes(b"DOORWARD_CONTACT=\xff\n")
    with pytest.raises(StackError, match=r"\.env is not text in UTF-8"):
        local_settings.read(layout, {})


def test_a_long_step_shows_that_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.001)
    printed = ""
    deadline = time.monotonic() + 10
    with progress.shown("Installing"):
        while printed.count("\n") < 2 and time.monotonic() < deadline:
            printed += capsys.readouterr().out
    assert re.match(r"(  Installing: 0 s so far\n){2}", printed)


def test_a_short_step_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("Installing"):
        pass
    assert capsys.readouterr().out == ""

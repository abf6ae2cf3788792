"""The commands for operators."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auth_service.file_locks import file_lock
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from doorward_settings.auth_service import Settings
from session_contract.keyset import Key, KeySet, parse_key_set
from unit.auth_service.conftest import Run
from unit.ended_sessions import EndedSessions
from unit.made_users import make_user

GOOD = "a quiet harbour at dawn"
OTHER = "another fine evening"
MakeKey = Callable[..., Key]


@pytest.fixture
def path(settings: Settings) -> Path:
    return settings.data_dir / "users.json"


@pytest.fixture
def users(settings: Settings) -> Callable[[], list[User]]:
    """Return a function that returns the users as another process sees them."""
    return lambda: list(UserStore(settings.data_dir, 4, 0, sessions=EndedSessions()).all())


Users = Callable[[], list[User]]


@pytest.fixture
def alice(app: Flask, settings: Settings) -> User:
    """Return a user that the service knows; her hash has a cost for production."""
    user = make_user("Alice")
    UserStore(settings.data_dir, 4, 0, sessions=EndedSessions()).add(user)
    return user


def can_sign_in(app: Flask, username: str, password: str) -> bool:
    body = {"username": username, "password": password}
    return app.test_client().post("/api/v1/sessions", json=body).status_code == 201


# --- users


def test_a_user_is_added_with_a_password_from_stdin_that_is_not_shown(
    app: Flask, run: Run, users: Users
) -> None:
    result = run("users", "add", "Alice", stdin=f"{GOOD}\n")
    assert (result.exit_code, result.output) == (0, "Alice was added.\n")
    assert [user.username for user in users()] == ["Alice"]
    assert can_sign_in(app, "alice", GOOD)


def test_the_first_line_of_stdin_is_the_password(app: Flask, run: Run) -> None:
    for number, stdin in enumerate((GOOD, f"{GOOD}\n", f"{GOOD}\r\n", f"{GOOD}\nmore\n")):
        assert run("users", "add", f"user{number}", stdin=stdin).exit_code == 0
        assert can_sign_in(app, f"user{number}", GOOD)


@pytest.mark.parametrize(
    ("username", "password", "said"),
    [
        ("Al", GOOD, "3 to 64 characters"),
        ("Alice", "not enough", "too short"),
        ("Alice", "", "too short"),
        ("Zanzibar9", "zanzibar9ZANZIBAR9", "username"),
        ("A!", "x", "3 to 64 characters"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_words(
    run: Run, users: Users, username: str, password: str, said: str
) -> None:
    result = run("users", "add", username, stdin=f"{password}\n")
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
    assert len(password) < 9 or password not in result.output
    assert users() == []


def test_a_name_that_is_taken_is_refused(run: Run, users: Users, alice: User) -> None:
    for username in ("Alice", "ALICE"):
        result = run("users", "add", username, stdin=f"{GOOD}\n")
        assert (result.exit_code, "taken" in result.stderr, users()) == (1, True, [alice])


def test_where_registration_is_closed_the_operator_adds_users(make_app: Any) -> None:
    app = make_app(registration="closed")
    result = app.test_cli_runner().invoke(args=["users", "add", "Alice"], input=f"{GOOD}\n")
    assert result.exit_code == 0
    assert can_sign_in(app, "Alice", GOOD)


def test_a_new_password_replaces_the_old_one(app: Flask, run: Run, alice: User) -> None:
    run("users", "add", "Bob", stdin=f"{GOOD}\n")
    result = run("users", "set-password", "bob", stdin=f"{OTHER}\n")
    assert (result.exit_code, OTHER in result.output) == (0, False)
    assert "all sessions ended" in result.output
    assert can_sign_in(app, "Bob", OTHER)
    assert not can_sign_in(app, "Bob", GOOD)


@pytest.mark.parametrize(("command", "disabled"), [("disable", True), ("enable", False)])
def test_a_user_is_disabled_and_enabled(
    run: Run, users: Users, alice: User, command: str, disabled: bool
) -> None:
    result = run("users", command, "alice")
    assert (result.exit_code, result.output) == (0, f"Alice was {command}d.\n")
    (user,) = users()
    assert (user.disabled, user.generation) == (disabled, 2)


def test_a_user_is_removed(run: Run, users: Users, alice: User) -> None:
    result = run("users", "remove", "ALICE")
    assert (result.exit_code, users()) == (0, [])


def test_an_unknown_user_is_named_and_nothing_changes(run: Run, users: Users, alice: User) -> None:
    for command in ("show", "set-password", "unlock", "disable", "enable", "remove"):
        result = run("users", command, "nobody", stdin=f"{GOOD}\n")
        assert result.exit_code == 1
        assert "nobody" in result.stderr
        assert "Nothing was changed" in result.stderr
    assert users() == [alice]


def test_a_wrong_call_exits_with_2_and_shows_how_it_is_done(run: Run) -> None:
    for arguments in (
        ("users", "add"),
        ("users", "remove", "a", "b"),
        ("users", "rename", "Alice"),
        ("keys", "rotate", "--now"),
    ):
        result = run(*arguments)
        assert (result.exit_code, "Usage:" in result.stderr) == (2, True)


@pytest.mark.parametrize("group", ["users", "sessions", "keys"])
def test_every_command_has_a_line_of_help(run: Run, group: str) -> None:
    lines = run(group, "--help").output.partition("Commands:\n")[2].splitlines()
    assert lines
    assert all(len(line.split()) > 3 for line in lines)


# --- users edit


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes the editor a shell script, whose first argument is the file."""

    def use(script: str) -> None:
        program = tmp_path / "editor"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("VISUAL", str(program))
        monkeypatch.setenv("EDITOR", str(program))

    return use


Editor = Callable[[str], None]


def test_an_edit_is_taken_in(run: Run, users: Users, editor: Editor) -> None:
    run("users", "add", "Alice", stdin=f"{GOOD}\n")
    editor("""sed -i 's/"disabled": false/"disabled": true/' "$1" """)
    result = run("users", "edit")
    assert (result.exit_code, result.output) == (0, "users.json was changed.\n")
    assert users()[0].disabled
    editor("exit 0")
    result = run("users", "edit")
    assert (result.exit_code, result.output) == (0, "Nothing was changed.\n")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("""sed -i 's/"disabled": false,/"disabled": false/' "$1" """, id="no JSON"),
        pytest.param("""sed -i 's/"schema": 2/"schema": 3/' "$1" """, id="newer schema"),
        pytest.param("""sed -i 's/\\$10\\$/$16$/' "$1" """, id="high cost"),
        pytest.param(""": > "$1" """, id="emptied"),
    ],
)
def test_a_broken_edit_is_refused_with_its_place_and_changes_nothing(
    run: Run, alice: User, editor: Editor, path: Path, script: str
) -> None:
    before = path.read_bytes()
    editor(script)
    result = run("users", "edit")
    assert result.exit_code == 1
    assert "line " in result.stderr
    assert "column " in result.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("script", ["exit 1", """rm "$1" """, """printf '\\377' > "$1" """])
def test_an_editor_that_fails_changes_nothing(
    app: Flask, alice: User, editor: Editor, path: Path, script: str
) -> None:
    before = path.read_bytes()
    editor(script)
    assert app.test_cli_runner().invoke(args=["users", "edit"]).exit_code == 1
    assert path.read_bytes() == before
    result = app.test_cli_runner().invoke(args=["users", "disable", "Alice"])
    assert result.exit_code == 0, "the lock is free"


def test_while_the_file_is_locked_an_edit_is_refused_in_words(
    run: Run, alice: User, editor: Editor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_service.storage.users_json.store.LOCK_SECONDS", 0.05)
    editor("exit 0")
    with file_lock(path.with_name("users.json.lock"), 0):
        result = run("users", "edit")
    assert (result.exit_code, "Nothing was changed" in result.stderr) == (1, True)


# --- keys


@pytest.mark.proves("V13.3.2")
def test_keys_are_listed_with_what_they_are_for_and_never_shown(
    run: Run, key_file: Path, make_key: MakeKey
) -> None:
    keys = (make_key(), make_key("plain"), make_key("later", 4_000_000_000), make_key("past", 1))
    key_file.write_text(KeySet(keys).to_json())
    output = run("keys", "list").output
    header, *lines = [line.split(maxsplit=1) for line in output.splitlines()]
    assert header == ["KEY", "USE"]
    assert [kid for kid, _ in lines] == ["first", "plain", "later", "past"]
    first_words = [purpose.split()[0] for _, purpose in lines]
    assert first_words == ["signs", "verifies", "verifies", "has"]
    assert "2096-10-02 07:06:40 UTC" in lines[2][1]
    assert not any(
        line[12:30] in output for line in key_file.read_text().splitlines() if '"k":' in line
    )


def test_keys_are_listed_as_json(run: Run, key_file: Path, make_key: MakeKey) -> None:
    key_file.write_text(KeySet((make_key(), make_key("past", 1))).to_json())
    assert json.loads(run("keys", "list", "--json").output) == [
        {"key": "first", "signs": True, "verifies": True, "retires_at": None},
        {"key": "past", "signs": False, "verifies": False, "retires_at": "1970-01-01T00:00:01Z"},
    ]


@pytest.mark.parametrize("revoke", [False, True])
def test_keys_are_rotated_and_old_ones_retired_or_dropped(
    run: Run, key_file: Path, revoke: bool
) -> None:
    result = run("keys", "rotate", *(["--revoke"] if revoke else []))
    keys = parse_key_set(key_file.read_text())
    assert result.exit_code == 0
    assert f"{keys.signing_key.kid} signs from now on." in result.output
    assert [key.kid for key in keys.keys[1:]] == ([] if revoke else ["first"])
    assert ("sign in again" in result.output) is revoke
    assert ("first verifies until" in result.output) is not revoke


def test_a_broken_key_set_is_not_rotated(run: Run, key_file: Path) -> None:
    key_file.write_text("{")
    result = run("keys", "rotate")
    assert result.exit_code == 1
    assert str(key_file) in result.stderr
    assert "Nothing was changed" in result.stderr
    assert key_file.read_text() == "{"


# --- as programs

FLASK = [sys.executable, "-m", "flask", "--app", "auth_service"]


@pytest.fixture
def program_environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return the two ends of a terminal: a person's and a program's."""
    person, program = os.openpty()
    yield person, program
    os.close(person)
    os.close(program)


TAKE_TERMINAL = """
import fcntl, os, sys, termios
from unit.made_users import make_user
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def at_terminal(
    terminal: tuple[int, int],
    environment: dict[str, str],
    typed: list[str],
    *words: str,
    before_typing: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Run a command at a terminal where lines are typed; return its status and what it shows."""
    person, program = terminal
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *FLASK, *words],
        stdin=program,
        stdout=program,
        stderr=program,
        env=environment,
        start_new_session=True,
    )
    shown = ""
    for line in typed:
        while not shown.endswith(": "):
            shown += os.read(person, 1000).decode()
        shown += "\n"
        before_typing()
        os.write(person, f"{line}\n".encode())
    status = process.wait(60)
    os.write(program, b"[the end]")
    while not shown.endswith("[the end]"):
        shown += os.read(person, 1000).decode()
    return status, shown


def test_at_a_terminal_the_password_is_asked_for_twice_and_never_echoed(
    terminal: tuple[int, int], program_environment: dict[str, str], users: Users
) -> None:
    status, shown = at_terminal(
        terminal, program_environment, [GOOD, GOOD], "users", "add", "Alice"
    )
    assert (status, [user.username for user in users()]) == (0, ["Alice"])
    assert "Alice was added." in shown
    assert shown.lower().count("password") >= 1
    assert GOOD not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Al"), "3 to 64 characters"),
        (("add", "ALICE"), "taken"),
        (("set-password", "nobody"), "no user named 'nobody'"),
    ],
)
def test_at_a_terminal_a_wrong_name_is_refused_before_a_password_is_asked_for(
    alice: User,
    terminal: tuple[int, int],
    program_environment: dict[str, str],
    words: tuple[str, ...],
    said: str,
) -> None:
    status, shown = at_terminal(terminal, program_environment, [], "users", *words)
    assert status == 1
    assert said in shown
    assert "Password:" not in shown


@pytest.mark.parametrize(("typed", "status", "left"), [("n", 1, ["Alice"]), ("y", 0, [])])
def test_at_a_terminal_an_account_is_removed_after_asking_only(
    run: Run,
    terminal: tuple[int, int],
    program_environment: dict[str, str],
    users: Users,
    typed: str,
    status: int,
    left: list[str],
) -> None:
    run("users", "add", "Alice", stdin=f"{GOOD}\n")
    (alice,) = users()
    ended, shown = at_terminal(terminal, program_environment, [typed], "users", "remove", "ALICE")
    assert (ended, [user.username for user in users()]) == (status, left)
    assert f"Delete Alice ({alice.id}, made " in shown


def test_only_the_account_that_was_shown_is_removed(
    run: Run, terminal: tuple[int, int], program_environment: dict[str, str], users: Users
) -> None:
    run("users", "add", "Alice", stdin=f"{GOOD}\n")
    (shown_one,) = users()

    def make_another_alice() -> None:
        run("users", "remove", "Alice")
        run("users", "add", "Alice", stdin=f"{OTHER}\n")

    status, shown = at_terminal(
        terminal,
        program_environment,
        ["y"],
        *("users", "remove", "Alice"),
        before_typing=make_another_alice,
    )
    (left,) = users()
    assert (status, left.id == shown_one.id) == (1, False)
    assert "changed at the same moment" in shown


def test_help_lists_our_commands_only(program_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*FLASK, "--help"], env=program_environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == ["keys", "sessions", "users"]


def test_as_another_user_no_command_runs(
    settings: Settings, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flask.cli import FlaskGroup

    import auth_service

    owner = os.geteuid()
    environment.setattr(os, "geteuid", lambda: owner + 1)
    for command in (
        ["users", "list"],
        ["keys", "rotate", "--revoke"],
        ["users", "remove", "Alice"],
    ):
        with pytest.raises(SystemExit) as caught:
            FlaskGroup(create_app=auth_service.create_app).main(command, standalone_mode=False)
        assert caught.value.code not in (0, None)
        assert f"belongs to uid {owner}" in capsys.readouterr().err
    assert not (settings.data_dir / "users.json").exists()

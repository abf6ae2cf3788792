"""The commands that show and end sessions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_service.models import SessionRecord
from auth_service.storage.sql.sessions import SessionRecords
from doorward_settings.auth_service import Settings
from unit.auth_service.conftest import Run

GOOD = "a quiet harbour at dawn"
HEADERS = {"User-Agent": "Browser/1.0"}
IDLE, ABSOLUTE = 1800, 43_200


def register(client: FlaskClient, username: str) -> dict[str, Any]:
    body = {"username": username, "password": GOOD, "sign_in": True}
    answer: dict[str, Any] = client.post("/api/v1/users", json=body, headers=HEADERS).get_json()
    return answer


def sign_in(client: FlaskClient, username: str) -> dict[str, Any]:
    body = {"username": username, "password": GOOD}
    answer: dict[str, Any] = client.post("/api/v1/sessions", json=body, headers=HEADERS).get_json()
    return answer


def status(client: FlaskClient, session: dict[str, Any]) -> int:
    """Return the status that a session's token gets."""
    headers = {"Authorization": f"Bearer {session['token']}"}
    return client.get("/api/v1/sessions/current", headers=headers).status_code


@pytest.fixture
def alice(client: FlaskClient) -> dict[str, Any]:
    """Return the answer to Alice's registration, who is signed in by it."""
    return register(client, "Alice")


@pytest.fixture
def bob(client: FlaskClient) -> dict[str, Any]:
    """Return the answer to Bob's registration, who is signed in by it."""
    return register(client, "Bob")


@pytest.fixture
def create(settings: Settings, clock: Any) -> Callable[[str, dict[str, Any]], None]:
    """Return a function that creates a session with a given id for a user."""

    def create_session(session_id: str, account: dict[str, Any]) -> None:
        now = int(clock.now)
        times = (now, now, now + ABSOLUTE)
        record = SessionRecord(session_id, account["id"], 1, *times, "192.0.2.1", "", now)
        SessionRecords(settings.data_dir / "state.db").create(record)

    return create_session


Create = Callable[[str, dict[str, Any]], None]


def test_live_sessions_are_listed_with_the_last_used_first(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    clock.now += 60
    bob = register(client, "Bob")
    header, first, second = run("sessions", "list").output.splitlines()
    assert header.split("  ")[0] == "SESSION"
    assert first.split() == [
        bob["session"]["session_id"][:8],
        *("Bob", "2027-01-15", "08:01", "2027-01-15", "08:01", "127.0.0.1", "Browser/1.0"),
    ]
    assert second.split()[:2] == [alice["session"]["session_id"][:8], "Alice"]


def test_the_sessions_of_one_user_are_listed_without_regard_to_case(
    run: Run, alice: dict[str, Any], bob: dict[str, Any]
) -> None:
    lines = run("sessions", "list", "BOB").output.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["Bob"]


@pytest.mark.parametrize("whose", [(), ("Alice",)])
def test_sessions_are_listed_as_json_without_tokens(
    run: Run, alice: dict[str, Any], whose: tuple[str, ...]
) -> None:
    output = run("sessions", "list", *whose, "--json").output
    assert json.loads(output) == [
        {
            "id": alice["session"]["session_id"],
            "username": "Alice",
            "user_id": alice["id"],
            "created_at": "2027-01-15T08:00:00Z",
            "renewed_at": "2027-01-15T08:00:00Z",
            "ends_at": "2027-01-15T20:00:00Z",
            "client_address": "127.0.0.1",
            "user_agent": "Browser/1.0",
        }
    ]


def test_a_list_without_sessions_says_so(run: Run, alice: dict[str, Any], clock: Any) -> None:
    clock.now += IDLE
    assert run("sessions", "list").output == "Nobody is signed in.\n"
    assert run("sessions", "list", "alice").output == "Alice is not signed in.\n"
    assert json.loads(run("sessions", "list", "--json").output) == []


def test_sessions_of_a_disabled_user_are_not_listed(run: Run, alice: dict[str, Any]) -> None:
    run("users", "disable", "Alice")
    assert run("sessions", "list").output == "Nobody is signed in.\n"


def test_a_browsers_name_cannot_change_what_a_terminal_shows(client: FlaskClient, run: Run) -> None:
    body = {"username": "Mallory", "password": GOOD, "sign_in": True}
    client.post("/api/v1/users", json=body, headers={"User-Agent": "\x9b2J\x9b1mBrowser"})
    assert "?2J?1mBrowser" in run("sessions", "list").output
    assert "\x9b" not in run("sessions", "list", "--json").output


@pytest.mark.proves("V7.4.5")
def test_all_sessions_of_a_user_are_ended_by_name_and_nobody_elses(
    client: FlaskClient, run: Run, alice: dict[str, Any], bob: dict[str, Any]
) -> None:
    second = sign_in(client, "Alice")
    result = run("sessions", "end", "ALICE")
    assert (result.exit_code, result.output) == (0, "Ended 2 sessions of Alice.\n")
    assert [status(client, each) for each in (alice["session"], second)] == [401, 401]
    assert status(client, bob["session"]) == 200
    assert sign_in(client, "Alice")["token"], "the account stays open"
    assert run("sessions", "end", "Bob").output == "Ended 1 session of Bob.\n"
    assert run("sessions", "end", "Bob").output == "Bob is not signed in.\n"


@pytest.mark.parametrize("length", [8, 22])
def test_one_session_is_ended_by_its_id_or_the_beginning_of_it(
    client: FlaskClient, run: Run, alice: dict[str, Any], length: int
) -> None:
    second = sign_in(client, "Alice")
    session_id = second["session_id"]
    result = run("sessions", "end", session_id[:length])
    assert (result.exit_code, result.output) == (0, f"Ended session {session_id[:8]} of Alice.\n")
    assert (status(client, second), status(client, alice["session"])) == (401, 200)


def test_an_id_that_begins_with_a_dash_is_no_option(
    run: Run, alice: dict[str, Any], create: Create
) -> None:
    create("-abcdefghijklmnopqrstu", alice)
    assert run("sessions", "end", "-abcdefg").output == "Ended session -abcdefg of Alice.\n"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nobody", "no user named 'nobody'"),
        ("twin-ses", "the ids of 2 sessions begin with 'twin-ses'"),
        ("namesake-1", "is the name of a user and begins the id of a session"),
        ("twin-se", "at least 8 characters"),
        ("twin-session-3", "no live session"),
    ],
)
def test_what_does_not_stand_for_one_thing_is_refused_and_ends_nothing(
    client: FlaskClient,
    run: Run,
    settings: Settings,
    alice: dict[str, Any],
    create: Create,
    target: str,
    said: str,
) -> None:
    namesake = register(client, "namesake-1")
    for session_id in ("twin-session-1", "twin-session-2", "namesake-1-session"):
        create(session_id, alice)
    before = run("sessions", "list", "--json").output
    result = run("sessions", "end", target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.endswith("Nothing was changed.\n")
    assert run("sessions", "list", "--json").output == before
    assert status(client, namesake["session"]) == 200


def test_sessions_of_an_unknown_user_are_not_listed(run: Run) -> None:
    result = run("sessions", "list", "nobody")
    assert (result.exit_code, "no user named 'nobody'" in result.stderr) == (1, True)


@pytest.mark.proves("V16.3.1")
def test_ending_sessions_is_recorded_with_the_operator_and_the_user(
    app: Flask, run: Run, alice: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    session_id = alice["session"]["session_id"]
    run("sessions", "end", session_id)
    run("sessions", "end", "Alice")
    lines = [json.loads(line) for line in (tmp_path / "commands.log").read_text().splitlines()]
    assert [(line["event"], line["reason"], line.get("ended")) for line in lines] == [
        ("authn_token_revoked", "ended by an operator", session_id[:8]),
        ("authn_token_revoked", "all ended by an operator", None),
    ]
    assert {(line["user_id"], line["operator_uid"]) for line in lines} == {(alice["id"], 1234)}

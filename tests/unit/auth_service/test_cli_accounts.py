"""The commands that show accounts: all of them, or one and why its user cannot sign in."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from auth_service.storage.users_json.store import UserStore
from doorward_settings.auth_service import Settings
from unit.auth_service.conftest import Run
from unit.conftest import MakeApp
from unit.ended_sessions import EndedSessions
from unit.made_users import make_user

GOOD = "a quiet harbour at dawn"
USERS, SESSIONS = "/api/v1/users", "/api/v1/sessions"


@pytest.fixture
def alice(client: FlaskClient) -> dict[str, Any]:
    """Return the answer to Alice's registration, who is signed in by it."""
    body = {"username": "Alice", "password": GOOD, "display_name": "Alice A.", "sign_in": True}
    answer: dict[str, Any] = client.post(
        USERS, json=body, headers={"User-Agent": "Browser/1.0"}
    ).get_json()
    return answer


def guess(client: FlaskClient, clock: Any, times: int, **more: str) -> None:
    """Enter wrong passwords, each as soon as it is allowed."""
    for _ in range(times):
        clock.now += 901
        body = {"username": "Alice", "password": "wrong", **more}
        assert client.post(SESSIONS, json=body).status_code == 401


def show(run: Run, username: str = "alice") -> str:
    result = run("users", "show", username)
    assert result.exit_code == 0
    return str(result.output)


def shown_as_json(run: Run) -> Any:
    return json.loads(run("users", "show", "alice", "--json").output)


# --- all accounts


def test_accounts_are_listed_with_state_and_live_sessions_without_hashes(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    clock.now += 60
    client.post(SESSIONS, json={"username": "Alice", "password": GOOD})
    run("users", "add", "Bob", stdin=f"{GOOD}\n")
    run("users", "disable", "Bob")
    output = run("users", "list").output
    header, first, second = output.splitlines()
    columns = ["NAME", "STATE", "DISPLAY NAME", "CREATED (UTC)", "LAST SIGN-IN (UTC)", "SESSIONS"]
    places = [header.index(column) for column in columns]
    assert [first[place:].split("  ")[0] for place in places] == [
        *("Alice", "active", "Alice A.", "2027-01-15 08:00", "2027-01-15 08:01", "2")
    ]
    assert [second[place:].split("  ")[0] for place in places] == [
        *("Bob", "disabled", "", "2027-01-15 08:01", "not known", "0")
    ]
    assert alice["id"] in first
    assert "$2b$" not in output


def test_accounts_are_listed_as_json(run: Run, alice: dict[str, Any]) -> None:
    assert json.loads(run("users", "list", "--json").output) == [
        {
            "username": "Alice",
            "id": alice["id"],
            "state": "active",
            "display_name": "Alice A.",
            "former_usernames": [],
            "created_at": "2027-01-15T08:00:00Z",
            "last_sign_in_at": "2027-01-15T08:00:00Z",
            "live_sessions": 1,
        }
    ]


def test_without_accounts_the_list_says_how_to_make_one(run: Run) -> None:
    assert "`users add NAME`" in run("users", "list").output
    assert json.loads(run("users", "list", "--json").output) == []


def test_columns_stay_in_line_beside_wide_characters(client: FlaskClient, run: Run) -> None:
    for username, name in (("Alice", "山田"), ("Bob", "e\u0301mile")):
        body = {"username": username, "password": GOOD, "display_name": name}
        assert client.post(USERS, json=body).status_code == 201
    header, first, second = run("users", "list").output.splitlines()
    place = header.index("CREATED")
    assert first.index("2027") == place - 2, "two characters that are twice as wide"
    assert second.index("2027") == place


def test_more_users_need_no_more_queries(app: Flask, run: Run, settings: Settings) -> None:
    statements: list[str] = []

    def remember(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        counts = []
        store = UserStore(settings.data_dir, 4, 0, sessions=EndedSessions())
        for number in range(3):
            store.add(make_user(f"user{number}"))
            statements.clear()
            assert len(run("users", "list").output.splitlines()) == number + 2
            counts.append(len(statements))
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
    assert len(set(counts)) == 1


# --- one account


def test_one_account_is_shown_with_its_sessions_and_devices_and_no_secret(
    run: Run, alice: dict[str, Any]
) -> None:
    output = show(run)
    for expected in (
        "Name:          Alice",
        "State:         active",
        "Display name:  Alice A.",
        "Created:       2027-01-15 08:00 UTC",
        "Last sign-in:  2027-01-15 08:00 UTC",
        "Live sessions: 1",
        "New devices may sign in. Wrong passwords in a row: 0.",
        "Known devices may sign in. Wrong passwords in a row: 0.",
        f"{alice['session']['session_id'][:8]}  Alice",
    ):
        assert expected in output
    for secret in (alice["session"]["token"], alice["session"]["device_token"], "$2b$"):
        assert secret not in output + run("users", "show", "alice", "--json").output


def test_one_account_is_shown_as_json(run: Run, alice: dict[str, Any]) -> None:
    shown = shown_as_json(run)
    (session,) = shown.pop("sessions")
    (device,) = shown.pop("devices")
    assert shown == {
        "username": "Alice",
        "id": alice["id"],
        "state": "active",
        "display_name": "Alice A.",
        "former_usernames": [],
        "created_at": "2027-01-15T08:00:00Z",
        "last_sign_in_at": "2027-01-15T08:00:00Z",
        "live_sessions": 1,
        "new_devices": {"state": "open", "wrong_passwords": 0, "opens_at": None},
        "known_devices": {"state": "open", "wrong_passwords": 0},
    }
    assert session["id"] == alice["session"]["session_id"]
    assert len(device.pop("device")) == 8
    assert device == {
        "last_used_at": "2027-01-15T08:00:00Z",
        "wrong_passwords": 0,
        "trusted": True,
    }


def test_former_names_are_shown_and_lead_to_their_account(
    make_app: MakeApp, run: Run, alice: dict[str, Any]
) -> None:
    token = alice["session"]["token"]
    make_app(rename="on").test_client().put(
        f"{USERS}/me/username",
        json={"username": "Ally", "password": GOOD},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert "Former names:  alice" in run("users", "show", "ally").output
    shown = json.loads(run("users", "show", "ally", "--json").output)
    assert shown["former_usernames"] == ["alice"]
    refused = run("users", "show", "alice")
    assert refused.exit_code != 0
    assert "there is no user named 'alice'; it is a former name of 'Ally'" in refused.output


def test_a_wait_is_shown_with_its_end_and_what_ends_it(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    clock.now -= 8 * 901
    guess(client, clock, 8)
    assert (
        "New devices have to wait until 2027-01-15 08:00:08 UTC, after 8 wrong passwords in a row. "
        "End the wait with `users unlock Alice`."
    ) in show(run)
    assert shown_as_json(run)["new_devices"] == {
        "state": "waiting",
        "wrong_passwords": 8,
        "opens_at": "2027-01-15T08:00:08Z",
    }
    run("users", "unlock", "Alice")
    assert "New devices may sign in. Wrong passwords in a row: 0." in show(run)


def test_a_lock_is_shown_until_an_operator_unlocks_the_account(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    guess(client, clock, 80)
    assert "New devices are locked out after 80 wrong passwords in a row" in show(run)
    assert "`users unlock Alice`" in show(run)
    assert shown_as_json(run)["new_devices"] == {
        "state": "locked",
        "wrong_passwords": 80,
        "opens_at": None,
    }


def test_a_device_that_failed_ten_times_is_shown_as_a_new_one(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    guess(client, clock, 10, device_token=alice["session"]["device_token"])
    assert show(run).splitlines()[-1].split()[-2:] == ["10", "new"]
    (device,) = shown_as_json(run)["devices"]
    assert (device["wrong_passwords"], device["trusted"]) == (10, False)


def test_known_devices_that_count_as_new_ones_are_shown(
    client: FlaskClient, run: Run, clock: Any, alice: dict[str, Any]
) -> None:
    other = client.post(SESSIONS, json={"username": "Alice", "password": GOOD}).get_json()
    for token in (alice["session"]["device_token"], other["device_token"]):
        guess(client, clock, 10, device_token=token)
    assert "Known devices count as new ones after 20 wrong passwords in a row" in show(run)
    assert shown_as_json(run)["known_devices"] == {"state": "locked", "wrong_passwords": 20}


def test_a_disabled_account_is_shown_with_what_opens_it(run: Run, alice: dict[str, Any]) -> None:
    run("users", "disable", "Alice")
    output = show(run)
    assert "Alice cannot sign in, because the account is disabled." in output
    assert "`users enable Alice`" in output
    assert "may sign in" not in output


def test_an_account_without_devices_says_that_every_device_is_new(run: Run) -> None:
    run("users", "add", "Alice", stdin=f"{GOOD}\n")
    assert "No device is known, so every device counts as a new one." in show(run)

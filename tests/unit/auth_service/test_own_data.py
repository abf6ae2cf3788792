"""What people get when they ask for everything that is kept about them."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from unit.auth_service.test_account_api import (
    GOOD,
    ME,
    SESSIONS,
    USERS,
    Person,
    code,
    register,
    sign_in,
)

DATA = f"{ME}/data"


@pytest.fixture
def alice(client: FlaskClient) -> Person:
    return register(client)


def data_of(person: Person) -> dict[str, Any]:
    answer = person.ask("GET", DATA)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.get_json()
    return data


def test_the_account_is_as_it_is_stored_with_the_time_of_its_password(
    client: FlaskClient, clock: Any
) -> None:
    body = {"username": "Alice", "password": GOOD, "display_name": "Alice A.", "sign_in": True}
    registered = client.post(USERS, json=body).get_json()
    clock.now += 60
    assert data_of(Person(client, registered["session"]))["account"] == {
        "id": registered["id"],
        "username": "Alice",
        "former_usernames": [],
        "display_name": "Alice A.",
        "created_at": "2027-01-15T08:00:00Z",
        "password_set_at": "2027-01-15T08:00:00Z",
        "disabled": False,
    }


def test_the_sessions_are_those_that_the_list_of_sessions_shows(
    client: FlaskClient, alice: Person
) -> None:
    sign_in(client)
    assert data_of(alice)["sessions"] == alice.ask("GET", SESSIONS).get_json()["sessions"]


def test_the_sign_ins_are_the_last_one_and_the_one_before_this_session(
    client: FlaskClient, alice: Person, clock: Any
) -> None:
    assert data_of(alice)["sign_ins"]["previous_at"] is None
    clock.now += 60
    client.post(SESSIONS, json={"username": "Alice", "password": "not it"})
    headers = {"User-Agent": "Second"}
    body = {"username": "Alice", "password": GOOD}
    second = Person(client, client.post(SESSIONS, json=body, headers=headers).get_json())
    sign_ins = data_of(second)["sign_ins"]
    assert sign_ins.pop("previous_user_agent").startswith("Werkzeug")
    assert sign_ins == {
        "last_at": "2027-01-15T08:01:00Z",
        "last_user_agent": "Second",
        "previous_at": "2027-01-15T08:00:00Z",
        "wrong_passwords": 1,
    }


def test_each_known_device_has_a_short_id_and_its_last_use(
    client: FlaskClient, alice: Person, clock: Any
) -> None:
    clock.now += 60
    body = {"username": "Alice", "password": GOOD}
    token = client.post(SESSIONS, json=body).get_json()["device_token"]
    newest, oldest = data_of(alice)["devices"]
    identifier = sha256(token.encode()).hexdigest()[:8]
    assert newest == {"id": identifier, "used_at": "2027-01-15T08:01:00Z"}
    assert oldest["used_at"] == "2027-01-15T08:00:00Z"


@pytest.mark.proves("V14.2.1", "V15.3.7")
def test_no_hash_no_token_and_no_generation_is_in_the_data(
    client: FlaskClient, tmp_path: Path
) -> None:
    body = {"username": "Alice", "password": GOOD, "sign_in": True}
    session = client.post(USERS, json=body).get_json()["session"]
    text = json.dumps(data_of(Person(client, session)))
    (stored,) = json.loads((tmp_path / "data/users.json").read_text())["users"].values()
    hash_of_device = sha256(session["device_token"].encode()).hexdigest()
    secrets = (stored["password_hash"], session["token"], session["device_token"], hash_of_device)
    assert not [secret for secret in (*secrets, GOOD) if secret in text]
    assert "generation" not in text


@pytest.mark.proves("V8.2.2")
def test_nothing_of_other_people_is_in_the_data(client: FlaskClient, alice: Person) -> None:
    before = data_of(alice)
    bob = register(client, "Bob")
    client.post(SESSIONS, json={"username": "Bob", "password": "not it"})
    sign_in(client, "Bob")
    assert data_of(alice) == before
    assert data_of(bob)["account"]["username"] == "Bob"


def test_only_a_live_session_gets_the_data(client: FlaskClient, alice: Person) -> None:
    assert code(client.get(DATA)) == (401, "unauthenticated")
    alice.ask("DELETE", f"{SESSIONS}/current")
    assert code(alice.ask("GET", DATA)) == (401, "session-ended")


def test_a_download_is_recorded_as_a_security_event(
    alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    data_of(alice)
    (event,) = [record for record in caplog.records if record.name == "audit"]
    assert event.getMessage() == "sensitive_read"
    assert vars(event)["details"]["act"] == "own data"
    assert vars(event)["details"]["session"] == alice.id[:8]

"""The API's part in which people look after their own sessions and account."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

GOOD, NEW = "a quiet harbour at dawn", "another fine evening"
USERS, SESSIONS, CURRENT = "/api/v1/users", "/api/v1/sessions", "/api/v1/sessions/current"
RENEW, REAUTHENTICATION = f"{CURRENT}/renew", f"{CURRENT}/reauthentication"
ME, PASSWORD, OTHERS = f"{USERS}/me", f"{USERS}/me/password", f"{SESSIONS}?others=true"
MakeApp = Callable[..., Flask]


class Person:
    """Somebody who is signed in."""

    def __init__(self, client: FlaskClient, session: dict[str, Any]) -> None:
        self.client, self.token, self.id = client, session["token"], session["session_id"]

    def ask(self, method: str, path: str, **body: Any) -> TestResponse:
        """Send a request with the token, and with a JSON body where members are given."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.open(path, method=method, headers=headers, json=body or None)

    def confirm(self, password: str = GOOD) -> TestResponse:
        return self.ask("POST", REAUTHENTICATION, password=password)

    def change_password(self, current: str = GOOD, new: str = NEW) -> TestResponse:
        return self.ask("PUT", PASSWORD, current_password=current, new_password=new)

    def is_signed_in(self) -> bool:
        return [self.ask("GET", CURRENT).status_code, self.ask("POST", RENEW).status_code] == [200, 200]

    def sessions(self) -> list[str]:
        return [session["id"] for session in self.ask("GET", SESSIONS).get_json()["sessions"]]


def register(client: FlaskClient, username: str = "Alice") -> Person:
    body = {"username": username, "password": GOOD, "sign_in": True}
    return Person(client, client.post(USERS, json=body).get_json()["session"])


def sign_in(client: FlaskClient, username: str = "Alice", password: str = GOOD) -> Person:
    answer = client.post(SESSIONS, json={"username": username, "password": password})
    assert answer.status_code == 201, answer.text
    return Person(client, answer.get_json())


def code(answer: TestResponse) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:doorward:problem:")


@pytest.fixture
def alice(client: FlaskClient) -> Person:
    return register(client)


@pytest.fixture
def other(client: FlaskClient, alice: Person) -> Person:
    """Alice in a second browser."""
    return sign_in(client)


def test_the_list_has_the_users_live_sessions_with_the_last_used_first(
    client: FlaskClient, alice: Person, clock: Any
) -> None:
    register(client, "Bob")
    clock.now += 10
    second = sign_in(client)
    clock.now += 10
    assert alice.ask("POST", RENEW).status_code == 200
    sessions = alice.ask("GET", SESSIONS).get_json()["sessions"]
    assert [(each["id"], each["current"]) for each in sessions] == [(alice.id, True), (second.id, False)]
    assert sessions[0] == alice.ask("GET", CURRENT).get_json()["session"] | {"current": True}
    assert sessions[0]["renewed_at"] == "2027-01-15T08:00:20Z"


def test_another_session_is_ended_and_this_one_lives_on(alice: Person, other: Person) -> None:
    answer = alice.ask("DELETE", f"{SESSIONS}/{other.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert code(other.ask("GET", CURRENT)) == (401, "session-ended")
    assert alice.is_signed_in()
    assert alice.sessions() == [alice.id]


def test_all_others_are_ended_and_this_one_and_other_users_live_on(
    client: FlaskClient, alice: Person, other: Person
) -> None:
    bob, third = register(client, "Bob"), sign_in(client)
    assert alice.ask("DELETE", OTHERS).status_code == 204
    assert [person.is_signed_in() for person in (alice, other, third, bob)] == [True, False, False, True]


def test_a_changed_password_gives_one_new_session_and_ends_every_other(
    client: FlaskClient, alice: Person, other: Person
) -> None:
    answer = alice.change_password()
    assert answer.status_code == 200
    new = Person(client, answer.get_json())
    assert set(answer.get_json()) == {"token", "token_type", "expires_in", "session_id"}
    assert [person.is_signed_in() for person in (new, alice, other)] == [True, False, False]
    assert new.sessions() == [new.id] != [alice.id]
    assert code(client.post(SESSIONS, json={"username": "Alice", "password": GOOD})) == (
        401,
        "invalid-credentials",
    )
    assert sign_in(client, password=NEW).is_signed_in()


def test_a_deleted_account_is_gone_with_its_sessions_and_its_name_is_free(
    client: FlaskClient, alice: Person, other: Person
) -> None:
    before = alice.ask("GET", CURRENT).get_json()["user"]["id"]
    assert alice.ask("DELETE", ME, password=GOOD).status_code == 204
    assert [person.is_signed_in() for person in (alice, other)] == [False, False]
    anew = register(client)
    assert anew.ask("GET", CURRENT).get_json()["user"]["id"] != before
    assert [person.is_signed_in() for person in (anew, alice, other)] == [True, False, False]
    assert anew.sessions() == [anew.id]


def test_after_five_minutes_the_password_is_asked_for_before_others_are_ended(
    alice: Person, other: Person, clock: Any
) -> None:
    clock.now += 301
    for path in (f"{SESSIONS}/{other.id}", OTHERS):
        assert code(alice.ask("DELETE", path)) == (403, "reauthentication-required")
    assert other.is_signed_in()
    assert alice.confirm().status_code == 204
    clock.now += 300
    assert alice.ask("DELETE", OTHERS).status_code == 204


def test_five_wrong_passwords_end_the_session(alice: Person, other: Person) -> None:
    answers = [code(alice.confirm("wrong")) for _ in range(5)]
    assert answers == [(403, "incorrect-password")] * 4 + [(401, "session-ended")]
    assert (alice.is_signed_in(), other.is_signed_in()) == (False, True)

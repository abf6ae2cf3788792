"""Changing the user name, where DOORWARD_RENAME is on: the call of the API."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from unit.auth_service.test_account_api import (
    CURRENT,
    GOOD,
    ME,
    SESSIONS,
    USERS,
    Person,
    code,
    register,
    sign_in,
)
from unit.conftest import MakeApp

USERNAME = f"{ME}/username"


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(rename="on").test_client()


@pytest.fixture
def alice(client: FlaskClient) -> Person:
    return register(client)


def rename(person: Person, username: str, password: str = GOOD) -> TestResponse:
    return person.ask("PUT", USERNAME, username=username, password=password)


def renamed(person: Person, username: str) -> Person:
    answer = rename(person, username)
    assert answer.status_code == 200, answer.text
    return Person(person.client, answer.get_json())


def registering(client: FlaskClient, username: str) -> TestResponse:
    return client.post(USERS, json={"username": username, "password": GOOD})


def stored(tmp_path: Path) -> list[dict[str, Any]]:
    return list(json.loads((tmp_path / "data/users.json").read_text())["users"].values())


def test_the_new_name_signs_in_and_the_old_one_no_longer(
    client: FlaskClient, alice: Person
) -> None:
    after = renamed(alice, "Ally")
    assert after.ask("GET", CURRENT).get_json()["user"]["username"] == "Ally"
    sign_in(client, "ally")
    refused = client.post(SESSIONS, json={"username": "Alice", "password": GOOD})
    assert code(refused) == (401, "invalid-credentials")


@pytest.mark.proves("V7.4.3")
def test_every_older_session_ends_and_the_answer_has_a_new_one(
    client: FlaskClient, alice: Person
) -> None:
    other = sign_in(client)
    after = renamed(alice, "Ally")
    assert [person.is_signed_in() for person in (alice, other, after)] == [False, False, True]
    assert after.sessions() == [after.id]


def test_the_old_name_stays_reserved_in_the_file_and_for_everybody_else(
    client: FlaskClient, alice: Person, tmp_path: Path
) -> None:
    renamed(alice, "Ally")
    assert stored(tmp_path)[0]["former_usernames"] == ["alice"]
    assert code(registering(client, "ALICE")) == (409, "username-taken")
    bob = register(client, "Bob")
    assert code(rename(bob, "alice")) == (409, "username-taken")


def test_a_reserved_name_is_answered_exactly_like_a_taken_one(
    client: FlaskClient, alice: Person
) -> None:
    renamed(alice, "Ally")
    answers = []
    for name in ("ally", "alice"):
        problem = registering(client, name)
        body = {**problem.get_json(), "request_id": ""}
        headers = dict(problem.headers)
        del headers["Content-Length"]
        answers.append((problem.status_code, headers, body))
    assert answers[0] == answers[1]
    # An impatient click on a reserved name signs nobody in, as on one that was taken long ago.
    body = {"username": "alice", "password": GOOD, "sign_in": True}
    assert code(client.post(USERS, json=body)) == (409, "username-taken")


def test_people_can_go_back_to_a_former_name_which_frees_none(
    client: FlaskClient, alice: Person, tmp_path: Path
) -> None:
    back = renamed(renamed(alice, "Ally"), "Alice")
    user = stored(tmp_path)[0]
    assert (user["username"], user["former_usernames"]) == ("Alice", ["ally"])
    assert code(registering(client, "ally")) == (409, "username-taken")
    assert back.is_signed_in()


def test_another_spelling_of_the_same_name_reserves_nothing(alice: Person, tmp_path: Path) -> None:
    renamed(alice, "ALICE")
    user = stored(tmp_path)[0]
    assert (user["username"], user["canonical"]) == ("ALICE", "alice")
    assert "former_usernames" not in user


def test_the_names_of_a_deleted_account_are_free(client: FlaskClient, alice: Person) -> None:
    assert renamed(alice, "Ally").delete().status_code == 204
    assert registering(client, "Alice").status_code == 201
    assert registering(client, "Ally").status_code == 201


def test_a_ninth_former_name_is_refused_but_a_former_one_is_not(alice: Person) -> None:
    person = alice
    for number in range(8):
        person = renamed(person, f"name-{number}")
    refused = rename(person, "one-more")
    assert code(refused) == (422, "invalid-fields")
    assert "too many usernames" in str(refused.get_json()["errors"]["username"])
    assert rename(person, "alice").status_code == 200


@pytest.mark.parametrize("name", ["al", "a b", "x" * 65, "", "Alice"])
def test_a_name_that_breaks_a_rule_changes_nothing(name: str, client: FlaskClient) -> None:
    person = register(client)
    refused = rename(person, name)
    assert (refused.status_code, list(refused.get_json()["errors"])) == (422, ["username"])
    assert person.is_signed_in()


def test_a_wrong_password_and_a_wrong_name_are_told_in_one_answer(alice: Person) -> None:
    refused = rename(alice, "a b", "not it")
    assert set(refused.get_json()["errors"]) == {"username", "password"}
    assert code(rename(alice, "Ally", "not it")) == (403, "incorrect-password")
    assert alice.is_signed_in()


def test_five_wrong_passwords_end_the_session(alice: Person) -> None:
    answers = [code(rename(alice, "Ally", "not it")) for _ in range(5)]
    assert answers[-1] == (401, "session-ended")
    assert not alice.is_signed_in()


def test_the_new_name_may_not_be_the_password(client: FlaskClient) -> None:
    password = "harbour-harbour-at-dawn"
    body = {"username": "Alice", "password": password, "sign_in": True}
    person = Person(client, client.post(USERS, json=body).get_json()["session"])
    refused = rename(person, password, password)
    assert list(refused.get_json()["errors"]) == ["username"]


def test_the_name_of_somebody_else_is_told_only_after_the_right_password(
    client: FlaskClient, alice: Person
) -> None:
    register(client, "Bob")
    assert code(rename(alice, "Bob", "not it")) == (403, "incorrect-password")
    assert code(rename(alice, "BOB")) == (409, "username-taken")
    assert alice.is_signed_in()


def test_a_change_of_name_is_no_new_password(
    client: FlaskClient, alice: Person, clock: Any
) -> None:
    clock.now += 60
    client.post(SESSIONS, json={"username": "Alice", "password": "not it"})
    person = sign_in(client)
    before = person.ask("GET", f"{ME}/data").get_json()
    clock.now += 60
    after = renamed(person, "Ally").ask("GET", f"{ME}/data").get_json()
    assert after["account"]["password_set_at"] == before["account"]["password_set_at"]
    assert after["account"]["former_usernames"] == ["alice"]
    assert after["sign_ins"] == before["sign_ins"]


def test_without_the_setting_nobody_changes_a_name(make_app: MakeApp, tmp_path: Path) -> None:
    person = register(make_app().test_client())
    assert code(rename(person, "Ally")) == (403, "rename-off")
    assert stored(tmp_path)[0]["username"] == "Alice"


def test_a_change_of_name_is_recorded_without_the_names(
    alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    renamed(alice, "Ally")
    events = [record for record in caplog.records if record.name == "audit"]
    assert [event.getMessage() for event in events] == ["user_updated", "session_created"]
    assert vars(events[0])["details"]["act"] == "user name"
    assert "alice" not in str([vars(event)["details"] for event in events]).lower()

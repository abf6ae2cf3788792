"""The API's part in which people look after their own sessions and account."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auth_service.errors import Unavailable
from auth_service.storage.sql.sessions import SessionRecords

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
        answers = [self.ask("GET", CURRENT), self.ask("POST", RENEW)]
        return [answer.status_code for answer in answers] == [200, 200]

    def delete(self, password: str = GOOD) -> TestResponse:
        return self.ask("DELETE", ME, password=password)

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


def signed_in(*people: Person) -> list[bool]:
    return [person.is_signed_in() for person in people]


def session_ids(tmp_path: Path) -> set[str]:
    with closing(sqlite3.connect(tmp_path / "data/state.db")) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM sessions")}


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
    assert [(each["id"], each["current"]) for each in sessions] == [
        (alice.id, True),
        (second.id, False),
    ]
    assert sessions[0] == alice.ask("GET", CURRENT).get_json()["session"] | {"current": True}
    assert sessions[0]["renewed_at"] == "2027-01-15T08:00:20Z"


@pytest.mark.proves("V7.5.2")
def test_another_session_is_ended_and_this_one_lives_on(alice: Person, other: Person) -> None:
    answer = alice.ask("DELETE", f"{SESSIONS}/{other.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert code(other.ask("GET", CURRENT)) == (401, "session-ended")
    assert alice.is_signed_in()
    assert alice.sessions() == [alice.id]


@pytest.mark.proves("V7.5.2")
def test_all_others_are_ended_and_this_one_and_other_users_live_on(
    client: FlaskClient, alice: Person, other: Person
) -> None:
    bob, third = register(client, "Bob"), sign_in(client)
    assert alice.ask("DELETE", OTHERS).status_code == 204
    assert signed_in(alice, other, third, bob) == [True, False, False, True]


@pytest.mark.proves("V6.2.2", "V7.4.1", "V7.4.3")
def test_a_changed_password_gives_one_new_session_and_ends_every_other(
    client: FlaskClient, alice: Person, other: Person, tmp_path: Path, clock: Any
) -> None:
    bob = register(client, "Bob")
    clock.now += 1000
    answer = alice.change_password()
    assert answer.status_code == 200
    new = Person(client, answer.get_json())
    expected = {"token", "token_type", "expires_in", "session_id", "device_token"}
    assert set(answer.get_json()) == expected
    assert signed_in(new, alice, other) == [True, False, False]
    assert new.sessions() == [new.id] != [alice.id]
    assert session_ids(tmp_path) == {new.id, bob.id}, "the others are gone from the database"
    refused = client.post(SESSIONS, json={"username": "Alice", "password": GOOD})
    assert code(refused) == (401, "invalid-credentials")
    later = sign_in(client, password=NEW)
    assert new.ask("DELETE", f"{SESSIONS}/{later.id}").status_code == 204, "it was a password entry"


@pytest.mark.proves("V7.4.2")
def test_a_deleted_account_is_gone_with_its_sessions_and_its_name_is_free(
    client: FlaskClient, alice: Person, other: Person
) -> None:
    before = alice.ask("GET", CURRENT).get_json()["user"]["id"]
    assert alice.ask("DELETE", ME, password=GOOD).status_code == 204
    assert signed_in(alice, other) == [False, False]
    anew = register(client)
    assert anew.ask("GET", CURRENT).get_json()["user"]["id"] != before
    assert signed_in(anew, alice, other) == [True, False, False]
    assert anew.sessions() == [anew.id]


@pytest.mark.proves("V7.5.1", "V7.5.2")
def test_after_five_minutes_the_password_is_asked_for_before_others_are_ended(
    alice: Person, other: Person, clock: Any
) -> None:
    clock.now += 301
    for person in (alice, other):
        person.token = person.ask("POST", RENEW).get_json()["token"]
    for path in (f"{SESSIONS}/{other.id}", OTHERS):
        assert code(alice.ask("DELETE", path)) == (403, "reauthentication-required")
    assert other.is_signed_in()
    assert alice.confirm().status_code == 204
    assert code(other.ask("DELETE", OTHERS)) == (403, "reauthentication-required"), "only in hers"
    clock.now += 300
    assert alice.ask("DELETE", OTHERS).status_code == 204
    clock.now += 1
    assert code(alice.ask("DELETE", OTHERS)) == (403, "reauthentication-required")


# --- sessions


def test_ending_ones_own_session_by_its_id_is_signing_out_and_asks_for_nothing(
    alice: Person, other: Person, clock: Any
) -> None:
    clock.now += 1000
    assert alice.ask("DELETE", f"{SESSIONS}/{alice.id}").status_code == 204
    assert (alice.is_signed_in(), other.is_signed_in()) == (False, True)
    assert code(alice.ask("DELETE", f"{SESSIONS}/{alice.id}")) == (401, "session-ended")


def hide_request_id(answer: TestResponse) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
    body = answer.get_json()
    assert body.pop("request_id")
    return answer.status_code, body, sorted(answer.headers)


@pytest.mark.proves("V8.2.2")
@pytest.mark.parametrize("later", [0, 1000])
def test_sessions_of_others_and_those_that_never_were_are_answered_alike(
    client: FlaskClient, alice: Person, other: Person, clock: Any, later: int
) -> None:
    bob = register(client, "Bob")
    assert alice.ask("DELETE", f"{SESSIONS}/{other.id}").status_code == 204
    clock.now += later
    unknown = alice.ask("DELETE", f"{SESSIONS}/AAAAAAAAAAAAAAAAAAAAAA")
    assert code(unknown) == (404, "not-found")
    for session_id in (
        *(bob.id, other.id, alice.id.lower(), alice.id + " ", "%00", "%ed%a0%80", "%ff", "0"),
        "x" * 5000,
    ):
        answer = alice.ask("DELETE", f"{SESSIONS}/{session_id}")
        assert hide_request_id(answer) == hide_request_id(unknown), session_id
    assert hide_request_id(alice.ask("DELETE", "/api/v1/nothing")) == hide_request_id(unknown)
    assert bob.is_signed_in()


def test_sessions_that_are_over_are_neither_listed_nor_there_to_be_ended(
    make_app: MakeApp, clock: Any
) -> None:
    client = make_app(idle_seconds=1000, absolute_seconds=3000).test_client()
    alice = register(client)
    idle = sign_in(client)
    for _ in range(2):
        clock.now += 900
        alice.token = alice.ask("POST", RENEW).get_json()["token"]
    assert alice.sessions() == [alice.id]
    assert code(alice.ask("DELETE", f"{SESSIONS}/{idle.id}")) == (404, "not-found")


def test_all_others_are_ended_only_when_asked_for_in_so_many_words(
    alice: Person, other: Person
) -> None:
    for query in (
        *("", "?others", "?others=", "?others=false", "?others=1", "?others=True"),
        "?others=true&others=true",
    ):
        answer = alice.ask("DELETE", SESSIONS + query)
        assert code(answer) == (422, "invalid-fields")
        assert list(answer.get_json()["errors"]) == ["others"]
    assert other.is_signed_in()


@pytest.mark.proves("V7.4.2", "V7.4.5")
@pytest.mark.parametrize(
    ("commands", "password"),
    [(["disable"], ""), (["remove"], ""), (["disable", "enable"], GOOD), (["set-password"], NEW)],
)
def test_what_the_operator_ended_is_neither_listed_nor_usable(
    app: Flask,
    client: FlaskClient,
    alice: Person,
    other: Person,
    commands: list[str],
    password: str,
) -> None:
    for word in commands:
        result = app.test_cli_runner().invoke(args=["users", word, "Alice"], input=f"{NEW}\n")
        assert result.exit_code == 0, result.output
    for method, path, body in CALLS:
        assert code(alice.ask(method, path, **body)) == (401, "session-ended")
    assert not other.is_signed_in()
    if password:
        anew = sign_in(client, password=password)
        assert anew.sessions() == [anew.id]
        assert code(anew.ask("DELETE", f"{SESSIONS}/{other.id}")) == (404, "not-found")
    else:
        refused = client.post(SESSIONS, json={"username": "Alice", "password": GOOD})
        assert code(refused) == (401, "invalid-credentials")


# --- every call

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", SESSIONS, {}),
    ("DELETE", f"{SESSIONS}/AAAAAAAAAAAAAAAAAAAAAA", {}),
    ("DELETE", OTHERS, {}),
    ("POST", REAUTHENTICATION, {"password": GOOD}),
    ("PUT", PASSWORD, {"current_password": GOOD, "new_password": NEW}),
    ("DELETE", ME, {"password": GOOD}),
]
each_call = pytest.mark.parametrize(
    ("method", "path", "body"), CALLS, ids=[f"{m} {p}" for m, p, _ in CALLS]
)


@pytest.mark.proves("V8.2.1")
@each_call
def test_every_call_needs_a_live_session_and_not_only_a_token_that_verifies(
    client: FlaskClient,
    alice: Person,
    other: Person,
    clock: Any,
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    answer = client.open(path, method=method, json=body or None)
    assert code(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    nonsense = client.open(path, method=method, data=b"{", content_type="text/x")
    assert code(nonsense) == (401, "unauthenticated"), "nothing is said about the body"
    assert alice.ask("DELETE", f"{SESSIONS}/{other.id}").status_code == 204
    assert code(other.ask(method, path, **body)) == (401, "session-ended")
    token, alice.token = alice.token, alice.token[:-4] + "AAAA"
    assert code(alice.ask(method, path, **body)) == (401, "invalid-token")
    alice.token = token
    assert alice.is_signed_in()
    clock.now += 1800
    assert code(alice.ask(method, path, **body)) == (401, "invalid-token")
    assert sign_in(client).is_signed_in(), "nothing was changed"


each_call_with_a_body = pytest.mark.parametrize(
    ("method", "path", "body"),
    [call for call in CALLS if call[2]],
    ids=[f"{method} {path}" for method, path, body in CALLS if body],
)


@each_call_with_a_body
def test_a_wrong_field_is_named_and_nothing_is_done(
    alice: Person, method: str, path: str, body: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    others = (None, 0, True, 1.5, [], [GOOD], {}, {"$ne": ""})
    unknown = ("username", "id", "generation", "disabled", "user_id", "__proto__", "", "\0")
    wrong = [
        *((field, body | {field: value}) for field in body for value in others),
        *(
            (field, {name: body[name] for name in body if name != field})
            for field in body
            if field != "current_password"  # it may have been entered before
        ),
        *((field, body | {field: "x"}) for field in unknown),
    ]
    for field, sent in wrong:
        answer = alice.client.open(path, method=method, headers=headers, json=sent)
        assert code(answer) == (422, "invalid-fields"), sent
        assert list(answer.get_json()["errors"]) == [field]
    assert alice.is_signed_in()
    assert sign_in(alice.client).is_signed_in()


@each_call_with_a_body
def test_a_body_that_is_no_such_object_is_refused(
    alice: Person, method: str, path: str, body: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    for data, kind, status in (
        (b"{", "application/json", 400),
        (b'{"password": "a", "password": "b"}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"x" * 100 * 1024, "application/json", 413),
        (b"password=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
    ):
        answer = alice.client.open(
            path, method=method, headers=headers, data=data, content_type=kind
        )
        assert answer.status_code == status, data[:40]
    assert alice.is_signed_in()


@pytest.mark.proves("V6.2.3", "V7.5.1")
@pytest.mark.parametrize(
    "wrong", ["", " ", "\0", "\ud800", GOOD + " ", GOOD.upper(), "x" * 5000, "$2b$10$"]
)
def test_any_other_string_is_an_incorrect_password_and_no_error_of_its_own(
    alice: Person, wrong: str
) -> None:
    assert code(alice.confirm(wrong)) == (403, "incorrect-password")
    assert code(alice.change_password(current=wrong)) == (403, "incorrect-password")
    assert code(alice.delete(wrong)) == (403, "incorrect-password")
    assert alice.is_signed_in()


@pytest.mark.proves("V2.3.2")
def test_failures_count_together_wherever_the_password_is_asked_for(
    alice: Person, other: Person
) -> None:
    answers = [
        alice.confirm("wrong"),
        alice.change_password(current="wrong"),
        alice.delete("wrong"),
        alice.confirm("wrong"),
    ]
    assert [code(answer) for answer in answers] == [(403, "incorrect-password")] * 4
    assert code(alice.delete("wrong")) == (401, "session-ended")
    assert code(alice.delete()) == (401, "session-ended")
    assert (alice.is_signed_in(), other.is_signed_in()) == (False, True)
    assert code(alice.confirm()) == (401, "session-ended")


# --- changing the password


@pytest.mark.proves("V6.2.3", "V6.2.4", "V6.2.11", "V6.2.12")
@pytest.mark.parametrize(
    "new",
    ["short", "x" * 1025, "alicealicealice", "passwordpassword", "a\0" * 10, "\ud800" * 20, GOOD],
)
def test_a_new_password_that_is_not_acceptable_counts_as_no_failure(
    alice: Person, new: str
) -> None:
    for _ in range(6):
        answer = alice.change_password(GOOD, new)
        assert code(answer) == (422, "invalid-fields")
        assert list(answer.get_json()["errors"]) == ["new_password"]
    assert alice.is_signed_in()
    assert sign_in(alice.client).is_signed_in()


def test_one_answer_says_what_is_wrong_with_both_passwords_and_counts_a_failure(
    alice: Person,
) -> None:
    for _ in range(4):
        answer = alice.change_password("wrong", "short")
        assert code(answer) == (422, "invalid-fields")
        assert set(answer.get_json()["errors"]) == {"current_password", "new_password"}
    assert code(alice.change_password("wrong", "short")) == (401, "session-ended")
    assert not alice.is_signed_in()


def test_a_change_without_the_current_password_asks_for_it(alice: Person) -> None:
    answer = alice.ask("PUT", PASSWORD, new_password=NEW)
    assert code(answer) == (403, "reauthentication-required")
    assert sign_in(alice.client).is_signed_in()


def test_the_same_registration_sent_twice_opens_a_second_session(client: FlaskClient) -> None:
    first = register(client)
    second = register(client, "ALICE")
    assert first.id != second.id
    assert len(first.sessions()) == 2
    body = {"username": "Alice", "password": NEW, "sign_in": True}
    assert client.post(USERS, json=body).status_code == 409
    assert client.post(USERS, json={"username": "Alice", "password": GOOD}).status_code == 409


@pytest.mark.proves("V7.2.4", "V7.4.3")
def test_after_a_change_a_copy_of_the_token_that_made_it_is_dead_everywhere(
    client: FlaskClient, alice: Person
) -> None:
    renewed = alice.ask("POST", RENEW).get_json()["token"]
    new = Person(client, alice.change_password().get_json())
    assert new.id != alice.id
    for token in (alice.token, renewed):
        alice.token = token
        for method, path, body in [*CALLS, ("GET", CURRENT, {}), ("POST", RENEW, {})]:
            assert code(alice.ask(method, path, **body)) == (401, "session-ended")
        assert alice.ask("DELETE", CURRENT).status_code == 204
    assert new.is_signed_in()


# --- faults


class NoClearing:
    """A session store that fails where dead sessions are cleared away."""

    def __init__(self, real: SessionRecords) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def end_generation(self, user_id: str, generation: int) -> None:
        raise Unavailable("database is locked")


def test_old_sessions_are_dead_even_where_they_cannot_be_cleared_away(
    app: Flask, client: FlaskClient, alice: Person, other: Person
) -> None:
    sessions = app.extensions["auth_service"].sessions
    sessions.records = NoClearing(sessions.records)
    new = Person(client, alice.change_password().get_json())
    assert signed_in(new, alice, other) == [True, False, False]
    assert new.sessions() == [new.id]
    assert new.delete(NEW).status_code == 204
    anew = register(client)
    assert signed_in(anew, new) == [True, False]


@each_call
def test_without_the_session_store_no_call_is_acknowledged_and_nothing_is_changed(
    client: FlaskClient, alice: Person, tmp_path: Path, method: str, path: str, body: dict[str, Any]
) -> None:
    before = (tmp_path / "data/users.json").read_bytes()
    with closing(sqlite3.connect(tmp_path / "data/state.db")) as connection, connection:
        connection.execute("DROP TABLE sessions")
    assert code(alice.ask(method, path, **body)) == (503, "unavailable")
    assert (tmp_path / "data/users.json").read_bytes() == before


# --- guessing


@pytest.mark.proves("V6.3.1")
def test_twenty_wrong_passwords_over_all_sessions_close_them_and_no_sign_in(
    client: FlaskClient, alice: Person
) -> None:
    others = [sign_in(client) for _ in range(6)]
    for person in others[:5]:
        assert [code(person.confirm("wrong"))[0] for _ in range(4)] == [403] * 4
    refused = [others[5].confirm(password) for password in ("wrong", GOOD) for _ in range(5)]
    for answer in (*refused, alice.change_password(), alice.delete()):
        assert code(answer) == (429, "too-many-attempts")
        assert int(answer.headers["Retry-After"]) > 0
    assert all(person.is_signed_in() for person in (alice, *others)), "what is refused ends nothing"
    assert sign_in(client).is_signed_in(), "strangers have a count of their own"

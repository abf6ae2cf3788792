"""Guessing through the API: what is answered, how much reaches bcrypt, and who still gets in."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_bcrypt import Bcrypt
from werkzeug.test import TestResponse

GOOD, OTHER = "a quiet harbour at dawn", "another fine evening"
USERS, SESSIONS, PASSWORD = "/api/v1/users", "/api/v1/sessions", "/api/v1/users/me/password"
MakeApp = Callable[..., Flask]


def sign_in(
    client: FlaskClient, username: str = "Alice", password: str = GOOD, **more: Any
) -> TestResponse:
    headers = more.pop("headers", {})
    return client.post(
        SESSIONS, json={"username": username, "password": password, **more}, headers=headers
    )


def told(answer: TestResponse) -> tuple[object, ...]:
    """Return all of an answer but the request's id."""
    body = answer.get_json()
    body.pop("request_id")
    headers = {name: value for name, value in answer.headers if name != "X-Request-ID"}
    return answer.status_code, body, headers


def register_alice(client: FlaskClient) -> dict[str, Any]:
    body = {"username": "Alice", "password": GOOD, "sign_in": True}
    answer: dict[str, Any] = client.post(USERS, json=body).get_json()
    return answer


@pytest.fixture
def alice(client: FlaskClient) -> dict[str, Any]:
    """Return the answer to Alice's registration."""
    return register_alice(client)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the hashes that passwords were really checked against, as they come."""
    seen: list[str] = []
    honest = Bcrypt.check_password_hash

    def check(self: Bcrypt, password_hash: str, password: bytes) -> bool:
        seen.append(password_hash)
        return bool(honest(self, password_hash, password))

    monkeypatch.setattr(Bcrypt, "check_password_hash", check)
    return seen


@pytest.mark.proves("V6.3.1", "V2.4.1")
def test_after_five_failures_the_sixth_attempt_is_told_how_long_to_wait(
    client: FlaskClient, alice: dict[str, Any], clock: Any
) -> None:
    assert [sign_in(client, password="wrong").status_code for _ in range(5)] == [401] * 5
    answer = sign_in(client)
    assert (answer.status_code, answer.mimetype) == (429, "application/problem+json")
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["type"] == "urn:doorward:problem:too-many-attempts"
    clock.now += 1
    assert sign_in(client).status_code == 201


@pytest.mark.proves("V6.3.1", "V16.5.1")
def test_known_unknown_and_disabled_names_are_told_the_same_in_the_same_bytes(
    app: Flask, client: FlaskClient, alice: dict[str, Any], clock: Any
) -> None:
    client.post(USERS, json={"username": "Disabled", "password": GOOD})
    assert app.test_cli_runner().invoke(args=["users", "disable", "Disabled"]).exit_code == 0
    device = alice["session"]["device_token"]
    for number in range(30):
        known, unknown, disabled = (
            told(sign_in(client, name, "wrong")) for name in ("alice", "nobody", "disabled")
        )
        assert known == unknown == disabled, number
        clock.now += (0, 2, 900)[number % 3]
        if number % 7 == 0:
            assert sign_in(client, device_token=device).status_code == 201


def test_a_device_token_comes_with_every_new_session_and_stays_while_it_is_sent(
    client: FlaskClient, alice: dict[str, Any]
) -> None:
    token = alice["session"]["device_token"]
    assert sign_in(client, device_token=token).get_json()["device_token"] == token
    assert sign_in(client, device_token=f"{'A' * 43}.{token}").get_json()["device_token"] == token
    other = sign_in(client).get_json()["device_token"]
    assert len(other) == len(token) == 43
    assert other != token
    renewed = client.post(
        SESSIONS + "/current/renew",
        headers={"Authorization": f"Bearer {alice['session']['token']}"},
    )
    assert "device_token" not in renewed.get_json()


def test_a_malformed_device_token_counts_as_none(client: FlaskClient) -> None:
    register_alice(client)
    for number, odd in enumerate(
        ["", "x", ".", "A" * 42, "A" * 44, ".".join(["A" * 43] * 5), "\0", "\ud800" * 43]
    ):
        answer = sign_in(client, device_token=odd)
        assert answer.status_code == 201
        assert answer.get_json()["device_token"] not in odd.split(".")
        body = {"username": f"user{number}", "password": GOOD, "sign_in": True}
        assert client.post(USERS, json={**body, "device_token": odd}).status_code == 201


def test_a_device_token_that_is_no_string_is_refused_by_name(client: FlaskClient) -> None:
    body = {"username": "Bob", "password": GOOD}
    for value in (None, 1, True, [], ["A" * 43], {}):
        for path in (SESSIONS, USERS):
            answer = client.post(path, json={**body, "device_token": value})
            assert answer.status_code == 422
            assert list(answer.get_json()["errors"]) == ["device_token"]


def test_a_new_password_opens_a_closed_account_and_ends_every_device(
    app: Flask, client: FlaskClient, alice: dict[str, Any], clock: Any
) -> None:
    session, old = alice["session"], alice["session"]["device_token"]
    for _ in range(200):
        clock.now += int(sign_in(client, password="wrong").headers.get("Retry-After", 0))
        if sign_in(client, password="wrong").headers.get("Retry-After") == "900":
            clock.now += 900
    assert sign_in(client).status_code == 429
    fresh = sign_in(client, device_token=old).get_json()["token"]
    changed = client.put(
        PASSWORD,
        json={"current_password": GOOD, "new_password": OTHER},
        headers={"Authorization": f"Bearer {fresh}"},
    )
    assert changed.status_code == 200
    assert changed.get_json()["device_token"] not in ("", old, session["device_token"])
    answers = [sign_in(client, password="wrong", device_token=old) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    new = changed.get_json()["device_token"]
    assert sign_in(client, password=OTHER, device_token=new).status_code == 201


@pytest.mark.parametrize("name", ["Alice", "ALICE"])
def test_an_operator_unlocks_an_account(
    app: Flask, client: FlaskClient, alice: dict[str, Any], name: str
) -> None:
    for _ in range(5):
        sign_in(client, password="wrong")
    assert sign_in(client).status_code == 429
    result = app.test_cli_runner().invoke(args=["users", "unlock", name])
    assert (result.exit_code, result.output) == (0, "Alice was unlocked.\n")
    assert sign_in(client).status_code == 201
    unknown = app.test_cli_runner().invoke(args=["users", "unlock", "nobody"])
    assert (unknown.exit_code, "'nobody'" in unknown.output) == (1, True)


@pytest.fixture
def broken(alice: dict[str, Any], tmp_path: Path) -> None:
    """Break the counts after Alice has registered."""
    with closing(sqlite3.connect(tmp_path / "data" / "throttle.db")) as connection, connection:
        connection.execute("DROP TABLE lanes")


@pytest.mark.proves("V2.3.3", "V16.5.3")
@pytest.mark.usefixtures("broken")
def test_without_the_counts_no_password_is_checked_and_nobody_is_half_registered(
    client: FlaskClient, alice: dict[str, Any], hashed: list[str], tmp_path: Path
) -> None:
    device = alice["session"]["device_token"]
    for answer in (
        sign_in(client),
        sign_in(client, device_token=device),
        sign_in(client, "nobody"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert hashed == []
    body = {"username": "Bob", "password": GOOD, "sign_in": True}
    assert client.post(USERS, json=body).status_code == 503
    assert client.post(USERS, json={"username": "Bob", "password": GOOD}).status_code == 201


def test_readiness_looks_at_the_counts(client: FlaskClient, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "throttle.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.get("/readyz")
        assert (answer.status_code, list(answer.get_json()["problems"])) == (503, ["guesses"])
    assert client.get("/readyz").status_code == 200

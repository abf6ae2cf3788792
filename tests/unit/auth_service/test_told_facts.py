"""What people are told about their account in the claims of their tokens, through the API."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_service.api.services import Services
from auth_service.errors import Unavailable
from auth_service.models import ActiveSession, SessionRecord
from auth_service.sessions.tokens import TokenIssuer
from session_contract.keyset import Key, KeySet, KeySetFile
from session_contract.tokens import MAX_TOKEN_LENGTH, Claims, TokenVerifier
from unit.made_users import make_user

API = "/api/v1"
GOOD, OTHER = "a quiet harbour at dawn", "another fine evening"
NOW = 1_800_000_000
FACTS = ("prev_at", "prev_ua", "wrong", "live", "pwd_at")


class Person:
    """Somebody with one browser, who is called Alice."""

    def __init__(self, client: FlaskClient, browser: str) -> None:
        self._client = client
        self.browser = browser
        self.token = ""

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Call the API, take over a token if one comes, and return the answer."""
        headers = {"User-Agent": self.browser}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        answer = self._client.open(API + path, method=method, headers=headers, json=body or None)
        content = answer.get_json(silent=True) or {}
        content = content.get("session", content)
        self.token = content.get("token", self.token)
        return answer

    def register(self) -> None:
        self.ask("POST", "/users", username="Alice", password=GOOD, sign_in=True)

    def sign_in(self, password: str = GOOD, username: str = "alice") -> int:
        return int(self.ask("POST", "/sessions", username=username, password=password).status_code)

    def renew(self) -> None:
        assert self.ask("POST", "/sessions/current/renew").status_code == 200

    def told(self) -> dict[str, Any]:
        """Return the facts in the token."""
        claims = jwt.decode(self.token, options={"verify_signature": False})
        return {name: claims[name] for name in FACTS if name in claims}


@pytest.fixture
def laptop(client: FlaskClient) -> Person:
    person = Person(client, "Laptop/1.0")
    person.register()
    return person


@pytest.fixture
def phone(client: FlaskClient) -> Person:
    return Person(client, "Phone/1.0")


def services(app: Flask) -> Services:
    made: Services = app.extensions["auth_service"]
    return made


# --- sign-ins


def test_a_new_account_is_told_when_its_password_was_set_and_of_one_device(laptop: Person) -> None:
    assert laptop.told() == {"live": 1, "pwd_at": NOW}


def test_a_sign_in_is_told_of_the_one_before_and_of_wrong_passwords_since(
    laptop: Person, phone: Person, clock: Any
) -> None:
    clock.now += 100
    assert [phone.sign_in("wrong") for _ in range(3)] == [401] * 3
    assert phone.sign_in("wrong", "somebody else") == 401
    assert phone.sign_in() == 201
    expected = {"prev_at": NOW, "prev_ua": "Laptop/1.0", "wrong": 3, "live": 2, "pwd_at": NOW}
    assert phone.told() == expected
    clock.now += 60
    assert laptop.sign_in() == 201
    told = {"prev_at": NOW + 100, "prev_ua": "Phone/1.0", "live": 3, "pwd_at": NOW}
    assert laptop.told() == told
    phone.renew()
    assert phone.told() == {**expected, "live": 3}


def test_wrong_passwords_in_a_session_are_told_at_the_next_sign_in(
    laptop: Person, phone: Person
) -> None:
    again = "/sessions/current/reauthentication"
    for password, status in (("wrong", 403), (GOOD, 204), ("wrong", 403), (GOOD, 204)):
        assert laptop.ask("POST", again, password=password).status_code == status
    laptop.renew()
    assert "wrong" not in laptop.told()
    phone.sign_in()
    assert phone.told()["wrong"] == 2


def test_a_renewal_tells_how_many_devices_are_signed_in_by_now(
    laptop: Person, phone: Person
) -> None:
    phone.sign_in()
    assert laptop.told()["live"] == 1
    laptop.renew()
    assert laptop.told()["live"] == 2
    phone.ask("DELETE", "/sessions/current")
    laptop.renew()
    assert laptop.told()["live"] == 1


def last_sign_ins(app: Flask) -> dict[str, int]:
    """Return the last sign-ins of all accounts that state.db knows."""
    return dict(services(app).registration.password_times.facts.last_sign_ins())


def test_a_registration_that_cannot_be_stored_leaves_no_facts(
    app: Flask, client: FlaskClient, phone: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise Unavailable("no space left on device")

    monkeypatch.setattr(services(app).registration.users, "add", fail)
    phone.register()
    assert (phone.token, last_sign_ins(app)) == ("", {})


@pytest.mark.parametrize("by", ["the person", "an operator"])
def test_with_the_account_the_facts_go(app: Flask, laptop: Person, by: str) -> None:
    assert len(last_sign_ins(app)) == 1
    if by == "the person":
        assert laptop.ask("DELETE", "/users/me", password=GOOD).status_code == 204
    else:
        assert app.test_cli_runner().invoke(args=["users", "remove", "alice"]).exit_code == 0
    assert last_sign_ins(app) == {}
    laptop.register()
    assert laptop.told() == {"live": 1, "pwd_at": NOW}


# --- passwords


def test_a_changed_password_is_told_at_once_and_the_sign_in_before_stays(
    laptop: Person, phone: Person, clock: Any
) -> None:
    clock.now += 100
    phone.sign_in("wrong")
    phone.sign_in()
    clock.now += 100
    changed = phone.ask("PUT", "/users/me/password", current_password=GOOD, new_password=OTHER)
    assert changed.status_code == 200
    told = {"prev_at": NOW, "prev_ua": "Laptop/1.0", "live": 1, "pwd_at": NOW + 200}
    assert phone.told() == told
    phone.renew()
    assert phone.told() == told
    clock.now += 100
    assert laptop.sign_in() == 401
    assert laptop.sign_in(OTHER) == 201
    assert laptop.told() == {
        "prev_at": NOW + 100,
        "prev_ua": "Phone/1.0",
        "wrong": 1,
        "live": 2,
        "pwd_at": NOW + 200,
    }


def test_a_password_change_that_fails_changes_no_fact(
    laptop: Person, phone: Person, clock: Any
) -> None:
    clock.now += 100
    body = {"current_password": "wrong", "new_password": OTHER}
    assert laptop.ask("PUT", "/users/me/password", **body).status_code == 403
    phone.sign_in()
    told = {"prev_at": NOW, "prev_ua": "Laptop/1.0", "wrong": 1, "live": 2, "pwd_at": NOW}
    assert phone.told() == told


@pytest.mark.parametrize(
    ("arguments", "password"), [(["add", "Bob"], GOOD), (["set-password", "Alice"], OTHER)]
)
def test_a_password_that_an_operator_set_is_told(
    app: Flask, laptop: Person, phone: Person, clock: Any, arguments: list[str], password: str
) -> None:
    clock.now += 100
    command = ["users", *arguments]
    result = app.test_cli_runner().invoke(args=command, input=f"{password}\n")
    assert result.exit_code == 0
    clock.now += 100
    assert phone.sign_in(password, arguments[1]) == 201
    assert phone.told()["pwd_at"] == NOW + 100


def test_a_registration_without_a_session_sets_the_time_of_the_password(
    client: FlaskClient, phone: Person, clock: Any
) -> None:
    client.post(f"{API}/users", json={"username": "Alice", "password": GOOD})
    clock.now += 100
    phone.sign_in()
    assert phone.told() == {"live": 1, "pwd_at": NOW}


def test_a_password_counts_although_its_time_cannot_be_stored(
    app: Flask,
    laptop: Person,
    phone: Person,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_given: object) -> None:
        raise Unavailable("state.db is too busy")

    monkeypatch.setattr(services(app).password_change.password_times.facts, "record_password", fail)
    clock.now += 100
    body = {"current_password": GOOD, "new_password": OTHER}
    assert laptop.ask("PUT", "/users/me/password", **body).status_code == 200
    assert "state.db is too busy" in caplog.text
    assert phone.sign_in(OTHER) == 201
    assert phone.told()["pwd_at"] == NOW


# --- the token

AWKWARD = ('"', "\\", "\xff", "\x80", "\t", "\x7f", "<", "~")


@pytest.mark.parametrize("character", AWKWARD, ids=ascii)
def test_the_longest_token_fits_with_its_cookie_into_2048_characters(
    tmp_path: Path, clock: Callable[[], float], character: str
) -> None:
    key = Key("20270115T080000Z-0123abcd", hashlib.sha256(b"key").digest())
    key_file = tmp_path / "keys.json"
    key_file.write_text(KeySet((key,)).to_json())
    user = make_user(
        id="8d1f4c0a7be2935f60a4d7c1", username="a" * 64, display_name="\U0001f986" * 64
    )
    far = 9_999_999_999
    record = SessionRecord(
        "s" * 22,
        user.id,
        10**15,
        far,
        far,
        far,
        "192.0.2.1",
        character * 256,
        far,
        previous_at=far,
        previous_user_agent=character * 256,
        wrong_passwords=2**31 - 1,
        password_set_at=far,
    )
    token, claims = TokenIssuer(KeySetFile(key_file), 1800).issue(user, ActiveSession(record, 50))
    assert len(f"__Host-session={token}") < MAX_TOKEN_LENGTH == 2048
    assert TokenVerifier(KeySetFile(key_file), clock).verify(token) == claims
    assert claims.display_name == user.display_name


def told_agent(tmp_path: Path, user_agent: str) -> str:
    """Return the User-Agent that a token has for the sign-in before."""
    key_file = tmp_path / "keys.json"
    key_file.write_text(KeySet((Key("first", hashlib.sha256(b"key").digest()),)).to_json())
    record = SessionRecord(
        "s1", "u1", 1, NOW, NOW, NOW + 100, "192.0.2.1", "", NOW, previous_user_agent=user_agent
    )
    issuer = TokenIssuer(KeySetFile(key_file), 1800)
    claims: Claims = issuer.issue(make_user(), ActiveSession(record, 1))[1]
    return claims.previous_user_agent


@pytest.mark.parametrize(
    ("user_agent", "told"),
    [
        ("", ""),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", None),
        (" !~", " !~"),
        ('a"b\\c\x1fd\x7fe\x80f\xffg\n', "abcdefg"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200),
        ("\xe9" * 50 + "a" * 206, "a" * 200),
    ],
)
def test_a_user_agent_in_a_token_is_short_and_plain(
    tmp_path: Path, user_agent: str, told: str | None
) -> None:
    assert told_agent(tmp_path, user_agent) == (user_agent if told is None else told)

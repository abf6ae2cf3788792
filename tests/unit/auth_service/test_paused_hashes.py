"""What was in the middle of a hash while the account changed yields no session that could be used."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auth_service.accounts.hashing import PasswordHasher
from auth_service.api.services import Services
from auth_service.models import PasswordScheme

GOOD, NEW, THIRD = "a quiet harbour at dawn", "another fine evening", "a third and longer one"
USERS, SESSIONS, CURRENT = "/api/v1/users", "/api/v1/sessions", "/api/v1/sessions/current"
PATIENCE = 30
Result = TypeVar("Result")


class PausingHasher:
    """Hashes as the real one does, but what comes from another thread than the test's own waits.

    It waits when the password has been computed and before that is known, as a slow machine would.
    """

    def __init__(self, real: PasswordHasher, pause_at: str) -> None:
        self._real, self._pause_at = real, pause_at
        self._own = threading.get_ident()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def check(
        self, password_hash: str | None, password: str, scheme: PasswordScheme = "bcrypt-sha256"
    ) -> bool:
        return self._pausing("check", self._real.check(password_hash, password, scheme))

    def exchange(
        self, password_hash: str, password: str, new_password: str, scheme: PasswordScheme
    ) -> str | None:
        exchanged = self._real.exchange(password_hash, password, new_password, scheme)
        return self._pausing("exchange", exchanged)

    def hash(self, password: str) -> str:
        return self._real.hash(password)

    def is_outdated(self, password_hash: str, scheme: PasswordScheme) -> bool:
        return self._real.is_outdated(password_hash, scheme)

    def _pausing(self, at: str, result: Result) -> Result:
        if at == self._pause_at and threading.get_ident() != self._own:
            self.reached.set()
            assert self.go_on.wait(PATIENCE)
        return result


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Household:
    """Alice with two browsers, one of which is stopped in the middle of a hash."""

    def __init__(self, app: Flask) -> None:
        self.app, self.client = app, app.test_client()
        body = {"username": "Alice", "password": GOOD, "sign_in": True}
        self.token = self.client.post(USERS, json=body).get_json()["session"]["token"]
        body.pop("sign_in")
        self.other = self.client.post(SESSIONS, json=body).get_json()["token"]

    def pause(self, at: str) -> PausingHasher:
        services: Services = self.app.extensions["auth_service"]
        hasher: Any = PausingHasher(services.signing_in.hasher, at)
        reauthentication = dataclasses.replace(services.reauthentication, hasher=hasher)
        self.app.extensions["auth_service"] = dataclasses.replace(
            services,
            signing_in=dataclasses.replace(services.signing_in, hasher=hasher),
            reauthentication=reauthentication,
            password_change=dataclasses.replace(
                services.password_change, hasher=hasher, reauthentication=reauthentication
            ),
            account_end=dataclasses.replace(
                services.account_end, reauthentication=reauthentication
            ),
        )
        return cast("PausingHasher", hasher)

    def operator(self, *words: str) -> None:
        result = self.app.test_cli_runner().invoke(args=["users", *words], input=f"{NEW}\n")
        assert result.exit_code == 0, result.output

    def change_password(self) -> None:
        body = {"current_password": GOOD, "new_password": NEW}
        answer = self.client.put(f"{USERS}/me/password", json=body, headers=bearer(self.other))
        assert answer.status_code == 200, answer.text

    def delete(self) -> None:
        body = {"password": GOOD}
        answer = self.client.delete(f"{USERS}/me", json=body, headers=bearer(self.other))
        assert answer.status_code == 204, answer.text

    def lives(self, token: str) -> bool:
        """Whether a token opens anything, or could be renewed."""
        answers = [
            self.client.get(CURRENT, headers=bearer(token)),
            self.client.post(f"{CURRENT}/renew", headers=bearer(token)),
            self.client.get(SESSIONS, headers=bearer(token)),
        ]
        assert len({answer.status_code for answer in answers}) == 1
        return answers[0].status_code == 200

    def admits(self, password: str) -> bool:
        answer = self.client.post(SESSIONS, json={"username": "Alice", "password": password})
        return answer.status_code == 201


@pytest.fixture
def household(app: Flask) -> Household:
    return Household(app)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def sign_in(client: FlaskClient, _token: str) -> TestResponse:
    return client.post(SESSIONS, json={"username": "Alice", "password": GOOD})


def confirm(client: FlaskClient, token: str) -> TestResponse:
    return client.post(
        f"{CURRENT}/reauthentication", json={"password": GOOD}, headers=bearer(token)
    )


def change_password(client: FlaskClient, token: str) -> TestResponse:
    body = {"current_password": GOOD, "new_password": THIRD}
    return client.put(f"{USERS}/me/password", json=body, headers=bearer(token))


def delete(client: FlaskClient, token: str) -> TestResponse:
    return client.delete(f"{USERS}/me", json={"password": GOOD}, headers=bearer(token))


Act = Callable[[FlaskClient, str], TestResponse]
PAUSED: dict[str, tuple[Act, str]] = {
    "a sign-in": (sign_in, "check"),
    "a confirmation": (confirm, "check"),
    "a change of the password": (change_password, "exchange"),
    "a deletion": (delete, "check"),
}
MEANWHILE: dict[str, tuple[Callable[[Household], object], set[str]]] = {
    "the owner changes the password": (Household.change_password, {NEW}),
    "the owner deletes the account": (Household.delete, set()),
    "the operator sets a password": (lambda home: home.operator("set-password", "Alice"), {NEW}),
    "the operator disables the account": (lambda home: home.operator("disable", "Alice"), set()),
    "the operator removes the account": (lambda home: home.operator("remove", "Alice"), set()),
}


@pytest.mark.proves("V7.4.1", "V7.4.2", "V7.4.3")
@pytest.mark.parametrize(("meanwhile", "admitted"), MEANWHILE.values(), ids=MEANWHILE)
@pytest.mark.parametrize(("act", "at"), PAUSED.values(), ids=PAUSED)
def test_what_is_paused_in_the_middle_of_a_hash_opens_and_changes_nothing_if(
    household: Household,
    pool: ThreadPoolExecutor,
    act: Act,
    at: str,
    meanwhile: Callable[[Household], object],
    admitted: set[str],
) -> None:
    hasher = household.pause(at)
    paused: Future[TestResponse] = pool.submit(act, household.app.test_client(), household.token)
    assert hasher.reached.wait(PATIENCE)
    meanwhile(household)
    hasher.go_on.set()
    answer = paused.result(PATIENCE)
    assert answer.status_code == 401, answer.text
    assert "token" not in answer.get_json()
    assert not household.lives(household.token)
    assert {password for password in (GOOD, NEW, THIRD) if household.admits(password)} == admitted


def test_what_is_paused_opens_no_session_of_a_new_account_of_the_same_name(
    household: Household, pool: ThreadPoolExecutor
) -> None:
    hasher = household.pause("check")
    paused = pool.submit(sign_in, household.app.test_client(), "")
    assert hasher.reached.wait(PATIENCE)
    household.delete()
    again = household.client.post(
        USERS, json={"username": "alice", "password": GOOD, "sign_in": True}
    )
    hasher.go_on.set()
    assert paused.result(PATIENCE).status_code == 401
    token = again.get_json()["session"]["token"]
    listed = household.client.get(SESSIONS, headers=bearer(token)).get_json()["sessions"]
    assert [session["id"] for session in listed] == [again.get_json()["session"]["session_id"]]


def test_a_right_sign_in_that_is_paused_while_nothing_changes_is_let_in(
    household: Household, pool: ThreadPoolExecutor
) -> None:
    hasher = household.pause("check")
    paused = pool.submit(sign_in, household.app.test_client(), "")
    assert hasher.reached.wait(PATIENCE)
    hasher.go_on.set()
    assert household.lives(paused.result(PATIENCE).get_json()["token"])

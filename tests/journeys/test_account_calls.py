"""The API with which people look after their own sessions and account, through nginx."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from journeys.conftest import NewVisitor
from journeys.test_headers import check
from journeys.visitor import PASSWORD, Api, all_at_once, claims, new_name, patiently
from running_stack import Stack, eventually, tracebacks

NEW = "five brass kettles sing at noon"
PATIENCE = 20
CALLS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/sessions", {}),
    ("DELETE", "/sessions/AAAAAAAAAAAAAAAAAAAAAA", {}),
    ("DELETE", "/sessions?others=true", {}),
    ("POST", "/sessions/current/reauthentication", {"password": PASSWORD}),
    ("PUT", "/users/me/password", {"current_password": PASSWORD, "new_password": NEW}),
    ("DELETE", "/users/me", {"password": PASSWORD}),
]
WITH_BODY = [call for call in CALLS if call[2]]


@pytest.fixture(scope="module", autouse=True)
def no_traceback(stack: Stack) -> Iterator[None]:
    """Nothing in this file may leave a traceback or an unexpected error in any log."""
    yield
    assert tracebacks(stack.logs()) == []


@pytest.fixture
def token(api: Api, username: str) -> str:
    """A token of somebody who has signed in a moment ago."""
    return api.token(username)


def ask(api: Api, token: str, method: str, path: str, body: dict[str, Any]) -> requests.Response:
    """Make one of the calls."""
    return patiently(lambda: api.request(method, path, token=token, json=body or None))


def code(answer: requests.Response) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:doorward:problem:")


def session_ids(api: Api, token: str) -> list[str]:
    """Return the ids that the list of sessions has."""
    return [
        session["id"] for session in api.request("GET", "/sessions", token=token).json()["sessions"]
    ]


# --- what works


@pytest.mark.proves("V7.5.2")
def test_a_program_sees_its_users_sessions_and_ends_one_of_them(
    api: Api, username: str, token: str
) -> None:
    other = api.token(username)
    answer = api.request("GET", "/sessions", token=token)
    assert answer.status_code == 200
    check(answer.headers, api=True)
    listed = {session["id"]: session for session in answer.json()["sessions"]}
    mine, others = claims(token)["sid"], claims(other)["sid"]
    assert {mine, others} <= set(listed)
    assert [each for each, session in listed.items() if session["current"]] == [mine]
    assert listed[mine].keys() >= {
        "created_at",
        "renewed_at",
        "ends_at",
        "client_address",
        "user_agent",
    }
    assert api.request("DELETE", f"/sessions/{others}", token=token).status_code == 204
    assert code(api.current(other)) == (401, "session-ended")
    assert others not in session_ids(api, token)


@pytest.mark.proves("V6.2.2", "V6.2.3", "V7.2.4", "V7.4.1", "V7.4.3")
def test_a_changed_password_ends_every_session_and_every_copy_of_one(
    prompt: Stack, new_visitor: NewVisitor
) -> None:
    visitor, name = new_visitor(prompt), new_name()
    assert visitor.register(name).status_code == 303
    with Api(prompt.base_url) as api:
        token = api.token(name)
        renewed = api.renew(token).json()["token"]
        answer = ask(api, token, *CALLS[4])
        assert answer.status_code == 200
        check(answer.headers, api=True)
        new = answer.json()["token"]
        assert claims(new)["sid"] != claims(token)["sid"]
        assert claims(new)["sub"] == claims(token)["sub"]
        for old in (token, renewed, visitor.token):
            assert code(api.current(old)) == (401, "session-ended")
            assert code(api.renew(old)) == (401, "session-ended")
        assert session_ids(api, new) == [claims(new)["sid"]]
        assert api.sign_in(name).status_code == 401
        assert patiently(lambda: api.sign_in(name, NEW)).status_code == 201
    eventually(lambda: not visitor.is_signed_in(), "the dashboard went on showing", PATIENCE)


@pytest.mark.proves("V2.3.2", "V7.5.1")
def test_five_wrong_passwords_end_the_session_though_they_arrive_together(
    api: Api, stack: Stack, username: str, token: str
) -> None:
    def guess(call: tuple[str, str, dict[str, str]]) -> requests.Response:
        method, path, body = call
        wrong = {field: NEW if field == "new_password" else "wrong" for field in body}
        with Api(stack.base_url) as guesser:
            return ask(guesser, token, method, path, wrong)

    answers = all_at_once([partial(guess, call) for call in WITH_BODY * 5])
    codes = [code(answer) for answer in answers]
    assert set(codes) <= {(403, "incorrect-password"), (401, "session-ended")}
    assert codes.count((403, "incorrect-password")) <= 5
    assert code(ask(api, token, *CALLS[3])) == (401, "session-ended")
    assert patiently(lambda: api.sign_in(username)).status_code == 201, "the account itself goes on"


def test_of_changes_of_the_password_at_the_same_time_one_is_done(
    api: Api, stack: Stack, username: str, token: str
) -> None:
    def change(number: int) -> requests.Response:
        with Api(stack.base_url) as changer:
            body = {"current_password": PASSWORD, "new_password": f"{NEW} {number}"}
            return ask(changer, token, "PUT", "/users/me/password", body)

    answers = all_at_once([partial(change, number) for number in range(4)])
    won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(won) == 1, [answer.status_code for answer in answers]
    assert {code(answer) for answer in answers if answer.status_code != 200} == {
        (401, "session-ended")
    }
    new = answers[won[0]].json()["token"]
    assert session_ids(api, new) == [claims(new)["sid"]]
    statuses = [
        patiently(partial(api.sign_in, username, f"{NEW} {number}")).status_code
        for number in range(4)
    ]
    assert [number for number, status in enumerate(statuses) if status == 201] == won


# --- whose sessions


# --- what is refused


@pytest.mark.proves("V7.2.1", "V8.2.1")
def test_every_call_needs_a_session_that_lives(api: Api, username: str, token: str) -> None:
    head, payload, signature = token.split(".")
    forged = f"{head}.{payload}.{signature[::-1]}"
    cookies = {"Cookie": f"session={token}; __Host-session={token}"}
    for method, path, body in CALLS:
        answer = api.request(method, path, json=body or None)
        assert code(answer) == (401, "unauthenticated")
        check(answer.headers, api=True)
        answer = api.request(method, path, json=body or None, headers=cookies)
        assert code(answer) == (401, "unauthenticated")
        assert code(ask(api, forged, method, path, body)) == (401, "invalid-token")
    api.end(token)
    for method, path, body in CALLS:
        assert code(ask(api, token, method, path, body)) == (401, "session-ended")
    assert patiently(lambda: api.sign_in(username)).status_code == 201, "nothing was changed"


# --- under load

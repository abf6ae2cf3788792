"""What an operator does to a running stack: restarts, keys, accounts."""

import json

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Visitor, new_name
from running_stack import Stack, StackFailed, eventually

PATIENCE = 20
NEW_PASSWORD = "ten copper newts sing along"


@pytest.fixture
def name() -> str:
    """The name of somebody new."""
    return new_name()


@pytest.fixture
def resident(prompt: Stack, new_visitor: NewVisitor, name: str) -> Visitor:
    """Somebody of that name who is signed in."""
    visitor = new_visitor(prompt)
    assert visitor.register(name).status_code == 303
    return visitor


def flask(stack: Stack, *words: str, stdin: str = "") -> str:
    """Run an operator's command; return what it printed."""
    return stack.exec("auth-service", "flask", "--app", "auth_service", *words, stdin=stdin).stdout


def check_that_the_session_is_refused(stack: Stack, resident: Visitor) -> None:
    """See it refused by the API at once, and by the dashboard within the bound."""
    with Api(stack.base_url) as api:
        assert api.current(resident.token).status_code == 401
        assert api.renew(resident.token).status_code == 401
    eventually(lambda: not resident.is_signed_in(), "the dashboard went on showing", PATIENCE)


def test_a_restart_of_everything_signs_nobody_out(
    prompt: Stack, resident: Visitor, name: str
) -> None:
    prompt.restart()
    assert name in resident.page("/dashboard").text
    with Api(prompt.base_url) as api:
        assert api.current(resident.token).status_code == 200
        assert api.sign_in(name).status_code == 201


@pytest.mark.fault(23)
@pytest.mark.proves("V11.2.2")
def test_rotating_keys_signs_nobody_out(prompt: Stack, resident: Visitor, name: str) -> None:
    before = resident.token
    flask(prompt, "keys", "rotate")
    _, newest, older = flask(prompt, "keys", "list").splitlines()
    assert "signs and verifies" in newest
    assert "verifies until" in older
    assert resident.is_signed_in()
    with Api(prompt.base_url) as api:
        assert api.current(before).status_code == 200
        fresh = api.token(name)
        assert fresh.split(".")[0] != before.split(".")[0], "signed with the new key"
        resident.token = fresh
        assert resident.is_signed_in(), "which the frontend knows without a restart"


@pytest.mark.proves("V7.4.5", "V11.2.2")
def test_rotating_and_revoking_keys_signs_everybody_out_at_once(
    prompt: Stack, resident: Visitor, name: str
) -> None:
    before = resident.token
    flask(prompt, "keys", "rotate", "--revoke")
    assert len(json.loads(flask(prompt, "keys", "list", "--json"))) == 1
    answer = resident.get("/dashboard")
    assert answer.status_code == 303
    with Api(prompt.base_url) as api:
        for refused in (api.current(before), api.renew(before), api.end(before)):
            assert refused.status_code == 401
    assert resident.sign_in(name).status_code == 303
    assert resident.is_signed_in()


@pytest.mark.proves("V7.4.2")
def test_a_disabled_user_is_out_and_an_enabled_one_may_sign_in_again(
    prompt: Stack, resident: Visitor, name: str
) -> None:
    old = resident.token
    flask(prompt, "users", "disable", name.upper())
    check_that_the_session_is_refused(prompt, resident)
    with Api(prompt.base_url) as api:
        assert api.sign_in(name).json()["type"] == "urn:doorward:problem:invalid-credentials"
        flask(prompt, "users", "enable", name)
        assert api.sign_in(name).status_code == 201
        assert api.current(old).status_code == 401, "the old session stays dead"


@pytest.mark.proves("V6.4.3")
def test_a_new_password_ends_every_session(prompt: Stack, resident: Visitor, name: str) -> None:
    flask(prompt, "users", "set-password", name, stdin=f"{NEW_PASSWORD}\n")
    check_that_the_session_is_refused(prompt, resident)
    with Api(prompt.base_url) as api:
        assert api.sign_in(name, PASSWORD).status_code == 401
        assert api.sign_in(name, NEW_PASSWORD).status_code == 201


@pytest.mark.proves("V7.4.5")
def test_an_operator_ends_one_session_and_then_all_of_a_user(
    prompt: Stack, resident: Visitor, name: str
) -> None:
    (session,) = json.loads(flask(prompt, "sessions", "list", name, "--json"))
    with Api(prompt.base_url) as api:
        other = api.token(name)
        flask(prompt, "sessions", "end", session["id"])
        check_that_the_session_is_refused(prompt, resident)
        assert api.current(other).status_code == 200
        flask(prompt, "sessions", "end", name.upper())
        assert api.current(other).status_code == 401


def test_an_operator_sees_why_somebody_cannot_sign_in(
    prompt: Stack, resident: Visitor, name: str
) -> None:
    with Api(prompt.base_url) as api:
        for _ in range(4):
            assert api.sign_in(name, "wrong").status_code == 401
    (account,) = (
        account
        for account in json.loads(flask(prompt, "users", "list", "--json"))
        if account["username"] == name
    )
    assert account["last_sign_in_at"] >= account["created_at"]
    shown = flask(prompt, "users", "show", name)
    assert "New devices may sign in. Wrong passwords in a row: 4." in shown
    assert "Known devices may sign in. Wrong passwords in a row: 0." in shown
    flask(prompt, "users", "disable", name)
    assert "the account is disabled" in flask(prompt, "users", "show", name)


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (["users", "add", "short-password"], "short", "too short"),
        (["users", "remove", "nobody-of-that-name"], "", "there is no user"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    words: list[str], stdin: str, said: str, prompt: Stack
) -> None:
    with pytest.raises(StackFailed, match=said) as failed:
        flask(prompt, *words, stdin=stdin)
    assert "Traceback" not in str(failed.value)

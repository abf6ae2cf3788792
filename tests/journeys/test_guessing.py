"""Guessing on the running stack: strangers are held up, and the owner's browser is not."""

from functools import partial

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, all_at_once, new_name, patiently
from running_stack import Stack
from tests.conftest import Tally

CROWD, MANY = 60, 200


def guess(base_url: str, username: str, number: int = 0) -> tuple[int, str]:
    """Guess wrong once; return status and kind of the answer."""
    with Api(base_url) as api:
        answer = api.sign_in(username, f"guess number {number}")
        return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


def close_door(base_url: str, username: str) -> list[tuple[int, str]]:
    """Guess so often at once that strangers have to wait; return the answers."""
    return all_at_once([partial(guess, base_url, username, number) for number in range(CROWD)])


@pytest.mark.fault(21)
@pytest.mark.proves("V6.3.1", "NIST-3.2.2")
def test_two_hundred_guesses_at_once_do_not_pass_the_cap_nor_does_a_restart_lift_it(
    prompt: Stack, tally: Tally
) -> None:
    name = new_name()
    tally.unit = "guesses"
    with Api(prompt.base_url) as api:
        assert api.register(name).status_code == 201
        checked = []
        for _ in range(2):
            guesses = [partial(guess, prompt.base_url, name, number) for number in range(MANY)]
            answers = all_at_once(guesses)
            tally.tried += MANY
            assert set(answers) <= {
                (401, "invalid-credentials"),
                (429, "too-many-attempts"),
                (503, "busy"),
            }
            checked.append(answers.count((401, "invalid-credentials")))
            prompt.restart("auth-service")
        assert 5 <= checked[0] <= 8
        # The delays go on where they were: 2 s, 4 s, 8 s.
        assert checked[1] <= 3


@pytest.mark.proves("V6.3.1", "V6.3.4")
def test_the_owners_browser_signs_in_at_once_while_strangers_wait(
    stack: Stack, new_visitor: NewVisitor, username: str
) -> None:
    owner, stranger = new_visitor(), new_visitor()
    assert owner.sign_in(username).status_code == 303
    assert owner.sign_out().status_code == 303
    form = stranger.page("/login").form("/login")
    for _ in range(3):
        close_door(stack.base_url, username)
    answer = stranger.submit(form, username=username, password=PASSWORD)
    assert answer.status_code == 429
    page = Page(answer)
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Try again in" in page.text
    assert "You can sign in at once with a browser that you have used before." in page.text
    assert page.form("/login").fields["username"] == username
    assert owner.sign_in(username).status_code == 303
    assert owner.is_signed_in()


def test_twenty_right_sign_ins_at_once_from_nowhere_known_all_succeed(
    stack: Stack, username: str
) -> None:
    def sign_in() -> int:
        with Api(stack.base_url) as api:
            return patiently(lambda: api.sign_in(username)).status_code

    assert all_at_once([sign_in] * 20) == [201] * 20


def test_a_program_is_known_by_its_device_token(stack: Stack, username: str, api: Api) -> None:
    device = api.sign_in(username).json()["device_token"]
    for _ in range(3):
        close_door(stack.base_url, username)
    body = {"username": username, "password": PASSWORD}
    assert api.request("POST", "/sessions", json=body).status_code == 429
    answer = api.request("POST", "/sessions", json=body | {"device_token": device})
    assert (answer.status_code, answer.json()["device_token"]) == (201, device)


# What months of guessing would do to the account that strangers guessed at last.
CLOSE = """
import os, sqlite3
database = sqlite3.connect(os.environ["DOORWARD_DATA_DIR"] + "/throttle.db")
latest = "(SELECT max(used_at) FROM lanes WHERE lane = 'strangers')"
database.execute(f"UPDATE lanes SET reserved = cleared + 80, used_at = 0 WHERE used_at = {latest}")
database.commit()
"""


@pytest.mark.fault(21)
@pytest.mark.proves("V6.3.1", "NIST-3.2.2")
def test_after_eighty_failures_strangers_wait_until_the_operator_helps(prompt: Stack) -> None:
    name = new_name()
    with Api(prompt.base_url) as api, Visitor(prompt.base_url) as owner:
        assert owner.register(name).status_code == 303
        assert guess(prompt.base_url, name)[0] == 401
        prompt.exec("auth-service", "python", "-c", CLOSE)
        prompt.restart("auth-service")
        answer = api.sign_in(name)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
        assert owner.sign_out().status_code == 303
        assert owner.sign_in(name).status_code == 303
        prompt.exec("auth-service", "flask", "--app", "auth_service", "users", "unlock", name)
        assert api.sign_in(name).status_code == 201

"""Register, be signed in, see the dashboard, sign out, be refused, sign in again."""

import re
from collections.abc import Callable

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, new_name
from running_stack import Stack

WRONG_PASSWORD = "nine tin otters juggle plums"


def test_a_person_registers_leaves_and_comes_back(visitor: Visitor) -> None:
    name = new_name()
    answer = visitor.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "/register" in visitor.page("/login").links

    answer = visitor.register(name)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    dashboard = visitor.page("/dashboard")
    assert name in dashboard.text
    assert "Sign out" in dashboard.text
    assert visitor.get("/").headers["Location"] == "/dashboard"

    answer = visitor.sign_out()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not visitor.token
    answer = visitor.get("/dashboard")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/dashboard"

    answer = visitor.sign_in(name, at=answer.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert name in visitor.page("/dashboard").text


def test_a_program_registers_leaves_and_comes_back(api: Api) -> None:
    name = new_name()
    answer = api.register(name)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "username", "display_name", "created_at"}
    user_id = answer.json()["id"]

    answer = api.sign_in(name)
    assert answer.status_code == 201
    issued = answer.json()
    assert set(issued) == {"token", "token_type", "expires_in", "session_id", "device_token"}
    assert (issued["token_type"], issued["expires_in"]) == ("Bearer", 1800)

    answer = api.current(issued["token"])
    assert answer.status_code == 200
    assert answer.json()["user"] == {"id": user_id, "username": name}
    assert answer.json()["session"]["id"] == issued["session_id"]

    renewed = api.renew(issued["token"])
    assert renewed.status_code == 200
    assert renewed.json()["session_id"] == issued["session_id"]

    assert api.end(issued["token"]).status_code == 204
    for token in (issued["token"], renewed.json()["token"]):
        assert api.current(token).status_code == 401
        assert api.renew(token).status_code == 401
    assert api.end(issued["token"]).status_code == 204, "ending twice does no harm"
    assert api.sign_in(name).status_code == 201


def test_a_wrong_password_and_an_unknown_name_get_the_same_page(
    visitor: Visitor, username: str
) -> None:
    unknown = new_name()
    wrong = visitor.sign_in(username, WRONG_PASSWORD)
    nobody = visitor.sign_in(unknown, WRONG_PASSWORD)
    assert wrong.status_code == nobody.status_code == 401
    page = Page(wrong)
    assert page.title.startswith("Error: ")
    assert "Incorrect username or password." in page.text
    assert page.form("/login").fields["username"] == username, "the name is kept"
    assert WRONG_PASSWORD not in wrong.text, "the password is not"
    assert not visitor.token

    def without_what_is_new_each_time(text: str, name: str) -> str:
        return re.sub(r'value="[A-Za-z0-9_=-]{40,}"', "", text.replace(name, ""))

    assert without_what_is_new_each_time(wrong.text, username) == without_what_is_new_each_time(
        nobody.text, unknown
    )


@pytest.mark.proves("NIST-3.1.1.2", "NIST-3.1.1.2-length", "V2.2.1", "V6.2.1")
@pytest.mark.parametrize(
    ("name", "password", "said", "said_by_the_api"),
    [
        ("with space", PASSWORD, "Remove the space.", "3 to 64 characters"),
        (None, "fourteen chars", "15 characters", "15 characters"),
        (None, "x" * 1025, "too long", "too long"),
    ],
    ids=["a space", "too short", "too long"],
)
def test_a_registration_that_breaks_a_rule_says_which(
    name: str | None,
    password: str,
    said: str,
    said_by_the_api: str,
    visitor: Visitor,
    api: Api,
) -> None:
    name = new_name() if name is None else name
    page_answer, api_answer = visitor.register(name, password), api.register(name, password)
    assert (page_answer.status_code, api_answer.status_code) == (422, 422)
    assert said in Page(page_answer).text
    (texts,) = api_answer.json()["errors"].values()
    assert said_by_the_api in texts[0]


@pytest.mark.proves("V8.2.1")
def test_closed_registration_shows_no_form_no_link_and_refuses(
    stack_with: Callable[..., Stack], new_visitor: NewVisitor
) -> None:
    closed = stack_with(DOORWARD_REGISTRATION="closed", DOORWARD_CONTACT="Ada at desk 4 <ada@desk>")
    visitor = new_visitor(closed)
    page = visitor.page("/login")
    assert "/register" not in page.links
    assert "Forgot your password? Ask Ada at desk 4 <ada@desk>" in page.text
    answer = visitor.get("/register")
    assert answer.status_code == 403
    assert not Page(answer).forms
    with Api(closed.base_url) as program:
        refused = program.register(new_name())
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:doorward:problem:registration-closed"

        name = new_name()
        closed.exec(
            "auth-service", "flask", "--app", "auth_service", "users", "add", name, stdin=PASSWORD
        )
        assert program.sign_in(name).status_code == 201, "accounts made by the operator work"

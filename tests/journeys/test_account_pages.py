"""The pages for sessions, password and account, and what their forms really do."""

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, claims, new_name
from running_stack import Stack

NEW_PASSWORD = "seven green kettles whistle at dawn"
SESSIONS, CHANGE, DELETE = "/account/sessions", "/account/password", "/account/delete"


@pytest.fixture
def pair(prompt: Stack, new_visitor: NewVisitor) -> tuple[str, Visitor, Visitor]:
    """Somebody's name, and two browsers that this person is signed in with."""
    name, here, there = new_name(), new_visitor(prompt), new_visitor(prompt)
    assert here.register(name).status_code == 303
    assert there.sign_in(name).status_code == 303
    return name, here, there


def expect_to_stay_in(visitor: Visitor) -> None:
    """The session is alive for auth-service itself, whatever the frontend remembers."""
    with Api(visitor.base_url) as api:
        assert api.current(visitor.token).status_code == 200


@pytest.mark.proves("V8.2.2")
def test_nobody_sees_or_ends_the_sessions_of_somebody_else(
    pair: tuple[str, Visitor, Visitor], prompt: Stack, new_visitor: NewVisitor
) -> None:
    _, here, there = pair
    stranger = new_visitor(prompt)
    stranger.register(new_name())
    page = stranger.get(SESSIONS)
    for visitor in (here, there):
        session_id = str(claims(visitor.token)["sid"])
        assert session_id not in page.text
        stranger.submit(Page(page).form(SESSIONS), end=session_id)
    stranger.submit(Page(page).form(SESSIONS), others="true")
    for visitor in (here, there, stranger):
        expect_to_stay_in(visitor)


def test_nothing_is_changed_while_auth_service_does_not_answer(
    pair: tuple[str, Visitor, Visitor], prompt: Stack
) -> None:
    """A session may be read on without it for a while; these pages are shut."""
    _, here, there = pair
    forms = {path: here.page(path).form(path) for path in (SESSIONS, CHANGE, DELETE)}
    with prompt.stopped("auth-service"):
        for path in forms:
            assert here.get(path).status_code in (200, 503)
        fields = {"others": "true", "current_password": PASSWORD, "new_password": NEW_PASSWORD}
        for path, form in forms.items():
            answer = here.submit(form, password=PASSWORD, **fields)
            assert answer.status_code == 503, path
            assert answer.headers["Retry-After"]
    for visitor in (here, there):
        expect_to_stay_in(visitor)


def test_a_new_password_that_is_not_utf8_is_refused(pair: tuple[str, Visitor, Visitor]) -> None:
    name, here, there = pair
    form = here.page(CHANGE).form(CHANGE)
    sent = f"csrf_token={form.fields['csrf_token']}&current_password={PASSWORD}&new_password="
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": here.base_url}
    for password in ("%E9" * 16, "%FF" * 16):
        answer = here.request("POST", CHANGE, data=sent + password, headers=headers)
        assert answer.status_code == 400
        assert "not UTF-8" in Page(answer).text
    expect_to_stay_in(there)
    with Api(here.base_url) as api:
        assert api.sign_in(name).status_code == 201

"""The pages for sessions, password and account, and what their forms really do."""

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, claims, new_name
from running_stack import Stack, eventually

NEW_PASSWORD = "seven green kettles whistle at dawn"
SESSIONS, CHANGE, DELETE = "/account/sessions", "/account/password", "/account/delete"


@pytest.fixture
def pair(prompt: Stack, new_visitor: NewVisitor) -> tuple[str, Visitor, Visitor]:
    """Somebody's name, and two browsers that this person is signed in with."""
    name, here, there = new_name(), new_visitor(prompt), new_visitor(prompt)
    assert here.register(name).status_code == 303
    assert there.sign_in(name).status_code == 303
    return name, here, there


def device(visitor: Visitor) -> str:
    """What the browser is known by to whoever signed in with it last."""
    return next(
        str(cookie.value).partition(".")[0]
        for cookie in visitor.http.cookies
        if cookie.name.endswith("device")
    )


def expect_out(visitor: Visitor) -> None:
    eventually(lambda: not visitor.is_signed_in(), "a session that was ended goes on", 15)


def expect_to_stay_in(visitor: Visitor) -> None:
    """The session is alive for auth-service itself, whatever the frontend remembers."""
    with Api(visitor.base_url) as api:
        assert api.current(visitor.token).status_code == 200


@pytest.mark.proves("V7.5.2")
def test_a_session_is_ended_from_another_browser_by_its_id(
    pair: tuple[str, Visitor, Visitor],
) -> None:
    _, here, there = pair
    page = here.get(SESSIONS)
    assert f'value="{claims(there.token)["sid"]}"' in page.text
    assert f'value="{claims(here.token)["sid"]}"' not in page.text
    assert there.token not in page.text
    assert here.token not in page.text
    form = Page(page).form(SESSIONS)
    answer = here.submit(form, end=str(claims(there.token)["sid"]))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{SESSIONS}?done=one")
    expect_out(there)
    expect_to_stay_in(here)


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


@pytest.mark.proves("V7.4.3")
def test_a_changed_password_ends_the_other_session_and_a_copy_of_this_one(
    pair: tuple[str, Visitor, Visitor], prompt: Stack, new_visitor: NewVisitor
) -> None:
    name, here, there = pair
    copy, before, known_as = new_visitor(prompt), here.token, device(here)
    copy.http.cookies.update(here.http.cookies)
    form = here.page(CHANGE).form(CHANGE)
    answer = here.submit(form, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard?done=password")
    assert claims(here.token)["sid"] != claims(before)["sid"]
    assert device(here) != known_as
    with Api(prompt.base_url) as api:
        assert api.current(before).status_code == 401
        assert api.sign_in(name).status_code == 401
    for visitor in (there, copy):
        expect_out(visitor)
    expect_to_stay_in(here)
    assert there.sign_in(name, NEW_PASSWORD).status_code == 303


def test_a_deleted_account_is_gone_for_both_browsers(pair: tuple[str, Visitor, Visitor]) -> None:
    name, here, there = pair
    answer = here.submit(here.page(DELETE).form(DELETE), password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?reason=deleted")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not here.token
    expect_out(there)
    assert there.sign_in(name).status_code == 401


@pytest.mark.parametrize("path", [CHANGE, DELETE])
def test_five_wrong_passwords_end_the_session_that_tries_them(
    pair: tuple[str, Visitor, Visitor], path: str
) -> None:
    _, here, there = pair
    form = here.page(path).form(path)
    fields = {"current_password": "not it", "new_password": NEW_PASSWORD, "password": "not it"}
    for _ in range(4):
        answer = here.submit(form, **fields)
        assert answer.status_code == 422
        assert "Incorrect password." in Page(answer).text
    answer = here.submit(form, **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?reason=ended")
    assert not here.is_signed_in()
    expect_to_stay_in(there)


@pytest.mark.proves("V6.2.4", "V6.2.1")
@pytest.mark.parametrize("new", ["fourteen chars", PASSWORD, "passwordpassword", "x" * 1025])
def test_a_new_password_keeps_to_the_rules(pair: tuple[str, Visitor, Visitor], new: str) -> None:
    _, here, there = pair
    answer = here.submit(
        here.page(CHANGE).form(CHANGE), current_password=PASSWORD, new_password=new
    )
    assert answer.status_code == 422
    assert Page(answer).title.startswith("Error: ")
    assert new not in answer.text
    for visitor in (here, there):
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


@pytest.mark.parametrize("own", ["current", "its id"])
def test_the_sessions_form_does_not_end_the_session_that_sends_it(
    pair: tuple[str, Visitor, Visitor], own: str
) -> None:
    _, here, _ = pair
    session_id = own if own == "current" else str(claims(here.token)["sid"])
    answer = here.submit(here.page(SESSIONS).form(SESSIONS), end=session_id)
    assert answer.status_code == 400
    expect_to_stay_in(here)


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

"""The account's pages: who gets to see them, and what deleting the account undoes."""

import pytest

from tests.unit.web_frontend.account_pages import (
    ACTS,
    DELETE,
    ENDED,
    INCORRECT,
    PAGES,
    SESSIONS,
    UNREACHABLE,
    each_act,
    each_page,
    live,
    send,
)
from tests.unit.web_frontend.conftest import IDLE, PASSWORD, Site
from web_frontend.auth_service.answers import Refused, Unavailable


@each_page
def test_who_is_signed_out_is_led_to_signing_in_and_back(site: Site, path: str) -> None:
    answer = site.browser().get(path)
    assert (answer.status, answer.location) == (303, f"/login?next={path}")
    browser = site.browser()
    form = browser.get(str(answer.location)).page
    assert form.inputs["next"]["value"] == path
    assert browser.sign_in(next=path).location == path
    assert set(site.auth.asked) == {"sign_in"}


@each_page
@pytest.mark.parametrize(("age", "reason"), [(IDLE + 1, "idle"), (60, "ended")])
def test_who_comes_with_a_session_that_is_over_is_told_why(
    site: Site, path: str, age: int, reason: str
) -> None:
    site.auth.answers["renew"] = ENDED
    answer = site.signed_in(age).get(path)
    assert (answer.status, answer.location) == (303, f"/login?next={path}")
    assert answer.notice == reason
    assert answer.cleared("session")


@each_act
def test_what_is_sent_in_a_session_that_is_over_is_not_done_and_that_is_said(
    site: Site, act: str
) -> None:
    path, fields, _ = ACTS[act]
    browser = site.signed_in()
    token = browser.csrf()
    site.clock.now += 60
    site.auth.answers["renew"] = ENDED
    answer = browser.send(path, token, **fields)
    assert (answer.status, answer.location) == (303, f"/login?next={path}")
    assert site.auth.asked == ["renew"]
    assert "Your session was ended" in browser.get(str(answer.location)).words


@each_act
def test_a_session_that_ends_at_that_very_moment_is_forgotten(site: Site, act: str) -> None:
    """So it is after five wrong passwords too."""
    path, fields, call = ACTS[act]
    site.auth.answers[call] = ENDED
    browser = site.signed_in()
    answer = browser.send(path, **fields)
    assert (answer.status, answer.location) == (303, "/login")
    assert answer.cleared("session")
    assert "session-1" in answer.cookies["ended"][0]
    assert "That happens after five wrong passwords" in browser.get("/login").words


@pytest.mark.parametrize("path", ["/dashboard", "/account", *PAGES])
@pytest.mark.proves("V7.4.4")
def test_every_signed_in_page_leads_to_the_others_and_out(site: Site, path: str) -> None:
    site.auth.answers["sessions"] = [live(1, current=True), live(2)]
    answer = site.signed_in().get(path)
    assert answer.status == 200
    assert {"/dashboard", "/account/sessions", "/account"} <= set(answer.page.links)
    assert "/logout" in answer.page.forms
    assert answer.text.count("aria-current") == 1
    current = path if path in ("/dashboard", "/account/sessions") else "/account"
    assert f'<a href="{current}" aria-current="page">' in answer.text


def test_the_account_page_holds_name_password_and_deletion_under_one_heading_each(
    site: Site,
) -> None:
    browser = site.signed_in(preferred_username="<b>Zoe</b>", name="Zoe")
    answer = browser.get("/account")
    assert answer.status == 200
    assert {"/account/name", "/account/password", "/account/delete"} <= set(answer.page.forms)
    assert answer.page.tags.count("h2") == 3
    assert answer.page.inputs["display_name"]["value"] == "Zoe"
    assert "Your username is <b>Zoe</b>." in answer.words
    assert "<b>Zoe" not in answer.text
    assert not any("autofocus" in field for field in answer.page.inputs.values())


@each_page
def test_the_pages_are_shut_while_auth_service_is_down(site: Site, path: str) -> None:
    """A session may be read on without it for a while, and no more."""
    site.auth.answers.update(renew=UNREACHABLE, sessions=UNREACHABLE)
    browser = site.signed_in(age=60)
    assert browser.get("/dashboard").status == 200
    answer = browser.get(path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "not possible just now" in answer.words


@each_act
def test_nothing_is_done_while_auth_service_is_down(site: Site, act: str) -> None:
    path, fields, _ = ACTS[act]
    site.auth.answers["renew"] = UNREACHABLE
    browser = site.signed_in(age=60)
    before = dict(browser.jar)
    answer = browser.send(path, **fields)
    assert answer.status == 503
    assert set(site.auth.asked) == {"renew"}
    assert browser.jar["session"] == before["session"]


@each_act
@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (UNREACHABLE, 503, "5"),
        (Unavailable("busy", 9), 503, "9"),
        (Refused(429, "x", {}, 17), 429, "17"),
    ],
    ids=["down", "busy", "too many"],
)
def test_what_is_held_up_says_how_long_to_wait_and_leaves_the_session_alone(
    site: Site, act: str, error: Exception, status: int, wait: str
) -> None:
    path, fields, call = ACTS[act]
    site.auth.answers[call] = error
    browser = site.signed_in()
    answer = browser.send(path, **fields)
    assert (answer.status, answer.headers["Retry-After"]) == (status, wait)
    assert "session" not in answer.cookies
    assert ("may have been" in answer.words) is (error is UNREACHABLE)
    assert browser.get("/dashboard").status == 200


@each_act
def test_a_stale_form_does_nothing_and_leads_back_to_the_page(site: Site, act: str) -> None:
    path, fields, _ = ACTS[act]
    browser = site.signed_in()
    browser.csrf()
    answer = browser.send(path, "stale", **fields)
    assert answer.status == 400
    assert path in [*answer.page.links, *answer.page.forms]
    assert not site.auth.calls


@each_act
def test_the_token_that_a_page_has_just_renewed_is_the_one_that_is_used(
    site: Site, act: str
) -> None:
    path, fields, call = ACTS[act]
    browser = site.signed_in()
    token = browser.csrf()
    site.clock.now += 60
    answer = browser.send(path, token, **fields)
    assert answer.status == 303
    assert site.auth.asked == ["renew", call]
    renewed = site.mint.made[1]
    assert site.auth.calls[-1][1] == renewed
    if path == SESSIONS:
        assert browser.jar["session"] == renewed
    else:
        assert browser.jar.get("session") != renewed, "a session that is over is not brought back"


def test_the_page_says_what_deleting_means(site: Site) -> None:
    answer = site.signed_in(preferred_username="<b>Zoe</b>").get(DELETE)
    assert "deleted at once" in answer.words
    assert "cannot be undone" in answer.words
    assert "<b>Zoe" not in answer.text
    assert answer.page.inputs["password"]["autocomplete"] == "current-password"


@pytest.mark.proves("V14.3.1")
def test_a_deleted_account_leaves_nothing_in_the_browser(site: Site) -> None:
    browser = site.signed_in()
    token = browser.jar["session"]
    answer = browser.send(DELETE, password=PASSWORD)
    assert (answer.status, answer.location) == (303, "/login")
    assert site.auth.calls == [("delete_account", token, PASSWORD)]
    assert answer.cleared("session")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert "session-1" in answer.cookies["ended"][0]
    assert "csrf" in answer.cookies
    assert "Your account was deleted." in browser.get(str(answer.location)).words
    browser.jar["session"] = token
    assert browser.get("/dashboard").status == 303


@pytest.mark.parametrize("password", ["not it", ""])
def test_a_wrong_password_deletes_nothing(site: Site, password: str) -> None:
    site.auth.answers["delete_account"] = INCORRECT
    answer = send(site, "delete", password=password)
    assert answer.status == 422
    assert answer.page.inputs["password"]["aria-invalid"] == "true"
    assert "session" not in answer.cookies
    assert "Clear-Site-Data" not in answer.headers
    assert site.auth.asked == (["delete_account"] if password else [])

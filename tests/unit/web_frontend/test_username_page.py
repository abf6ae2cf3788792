"""The page for another user name, where DOORWARD_RENAME is on."""

from typing import Any

import pytest

from tests.unit.web_frontend.account_pages import ENDED, INCORRECT, UNREACHABLE
from tests.unit.web_frontend.conftest import PASSWORD, MakeSite, Site
from web_frontend.auth_service.answers import Refused

USERNAME = "/account/username"
SENT = {"username": "Ally", "password": PASSWORD}


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(rename="on")


def test_the_page_says_what_becomes_of_the_old_name(site: Site) -> None:
    words = site.signed_in().get(USERNAME).words
    assert "Afterwards you cannot sign in as Alice, but the name stays reserved for you." in words
    assert "You are signed out on all other devices." in words


def test_a_changed_name_begins_a_new_session_and_is_told(site: Site) -> None:
    browser = site.signed_in()
    answer = browser.send(USERNAME, **SENT)
    assert (answer.status, answer.location) == (303, "/dashboard")
    assert answer.notice == "username-changed"
    assert {"session", "csrf"} <= set(answer.cookies)
    assert site.auth.asked == ["change_username"]
    page = browser.get("/dashboard").words
    assert "Hello, Ally" in page
    assert "Your username was changed" in page


def test_a_form_of_before_the_change_is_not_accepted_after_it(site: Site) -> None:
    browser = site.signed_in()
    token = browser.csrf()
    browser.send(USERNAME, token, **SENT)
    assert browser.send(USERNAME, token, **SENT).status == 400


def test_spaces_around_a_name_are_not_sent(site: Site) -> None:
    site.signed_in().send(USERNAME, **{**SENT, "username": " Ally "})
    assert site.auth.calls[-1][2] == "Ally"


@pytest.mark.parametrize(
    ("refusal", "status", "message"),
    [
        (Refused(409, "username-taken", {}, 5), 409, "This username is taken. Choose another."),
        (INCORRECT, 422, "Incorrect password."),
        (
            Refused(422, "invalid-fields", {"username": ["This is your username already. "]}, 5),
            422,
            "This is your username already.",
        ),
        (Refused(422, "invalid-fields", {"username": ["3 to 64"]}, 5), 422, "Remove the space."),
    ],
    ids=["taken", "wrong password", "the same", "a space"],
)
def test_a_refused_name_comes_back_with_its_message_and_no_password(
    site: Site, refusal: Refused, status: int, message: str
) -> None:
    site.auth.answers["change_username"] = refusal
    name = "a b" if message.startswith("Remove") else "Ally"
    answer = site.signed_in().send(USERNAME, username=name, password=PASSWORD)
    assert answer.status == status
    assert message in answer.words
    assert answer.page.inputs["username"]["value"] == name
    assert "value" not in answer.page.inputs["password"]


def test_empty_fields_are_told_at_once_and_nothing_is_sent(site: Site) -> None:
    answer = site.signed_in().send(USERNAME, username=" ", password="")
    assert answer.status == 422
    assert "Enter a username." in answer.words
    assert "Enter your password." in answer.words
    assert site.auth.asked == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Refused(429, "too-many-attempts", {}, 7), (429, "Ally")),
        (UNREACHABLE, (503, "Ally")),
    ],
)
def test_a_wait_or_an_outage_keeps_the_name(site: Site, failure: Any, expected: Any) -> None:
    site.auth.answers["change_username"] = failure
    answer = site.signed_in().send(USERNAME, **SENT)
    assert (answer.status, answer.page.inputs["username"]["value"]) == expected
    assert answer.headers["Retry-After"]


def test_after_an_outage_people_are_told_that_the_name_may_have_changed(site: Site) -> None:
    site.auth.answers["change_username"] = UNREACHABLE
    words = site.signed_in().send(USERNAME, **SENT).words
    assert "Your username cannot be changed just now." in words
    assert "Sign out, and try the new one first." in words


def test_a_session_that_ends_at_that_very_moment_leads_to_signing_in(site: Site) -> None:
    site.auth.answers["change_username"] = ENDED
    answer = site.signed_in().send(USERNAME, **SENT)
    assert (answer.status, answer.location, answer.notice) == (303, "/login", "ended-just-now")


def test_who_is_signed_out_is_led_to_signing_in_and_back(site: Site) -> None:
    answer = site.browser().get(USERNAME)
    assert (answer.status, answer.location) == (303, f"/login?next={USERNAME}")


def test_the_page_of_the_account_leads_there_only_where_it_is_allowed(
    site: Site, make_site: MakeSite
) -> None:
    assert USERNAME in site.signed_in().get("/account").page.links
    assert USERNAME not in make_site(rename="off").signed_in().get("/account").page.links


@pytest.mark.parametrize("token", [None, "stale"])
def test_without_the_setting_there_is_no_form_and_nothing_is_sent(
    make_site: MakeSite, token: str | None
) -> None:
    site = make_site()
    shown = site.signed_in().get(USERNAME)
    assert shown.status == 403
    assert "Ask the operator of this site for another username." in shown.words
    sent = site.signed_in().send(USERNAME, token, **SENT)
    assert sent.status in (400, 403)
    for answer in (shown, sent):
        assert "username" not in answer.page.inputs
    assert site.auth.asked == []

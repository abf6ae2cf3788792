"""Forms that were open for long or in several tabs: nothing changes, and nobody is left alone."""

import pytest

from tests.unit.web_frontend.account_pages import CHANGE, DELETE, NEW_PASSWORD, SESSIONS, live
from tests.unit.web_frontend.conftest import PASSWORD, Answer, Browser, MakeSite, Site

OUR_PAGE = {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
FIELDS = {"username": "Alice", "password": PASSWORD}
GATES = pytest.mark.parametrize("path", ["/login", "/register"])


def sent_from_our_page(browser: Browser, path: str, token: str, **fields: str) -> Answer:
    return browser.post(path, {**FIELDS, **fields, "csrf_token": token}, OUR_PAGE)


@GATES
def test_several_tabs_opened_at_a_first_visit_all_have_forms_that_work(
    site: Site, path: str
) -> None:
    tabs = [site.browser() for _ in range(4)]
    tokens = [tab.csrf() for tab in tabs]
    for token in tokens:
        # The cookie of the tab that was answered last is the one that all of them send.
        browser = site.browser(csrf=tabs[-1].jar["csrf"])
        assert sent_from_our_page(browser, path, token).status == 303


@GATES
def test_a_form_of_a_signed_out_visitor_needs_our_cookie_and_our_origin(
    site: Site, path: str
) -> None:
    elsewhere = site.browser()
    token = elsewhere.csrf()
    browser = site.browser()
    assert sent_from_our_page(browser, path, token).status == 400, "no cookie came"
    browser.csrf()
    assert browser.post(path, {**FIELDS, "csrf_token": token}).status == 400, "no Origin came"
    forged = site.browser(csrf=browser.jar["csrf"])
    assert sent_from_our_page(forged, path, token[:-8] + "AAAAAAAA").status == 400
    assert not site.auth.calls


@GATES
def test_a_form_opened_before_signing_in_and_out_in_another_tab_works(
    site: Site, path: str
) -> None:
    browser = site.browser()
    before = browser.csrf()
    browser.sign_in()
    browser.send("/logout")
    assert sent_from_our_page(browser, path, before).status == 303


def test_a_form_of_a_signed_in_visitor_is_bound_to_the_session_as_ever(site: Site) -> None:
    browser = site.signed_in()
    browser.csrf()
    token = site.browser().csrf()
    for path in (CHANGE, DELETE, SESSIONS, "/account/name", "/logout"):
        assert sent_from_our_page(browser, path, token).status == 400, path
    assert not site.auth.calls


@GATES
def test_a_second_tab_says_who_is_signed_in_by_now_and_leads_on(site: Site, path: str) -> None:
    browser = site.browser()
    second_tab = browser.csrf()
    browser.sign_in()
    answer = sent_from_our_page(browser, path, second_tab, next=SESSIONS)
    assert answer.status == 400
    assert "You are already signed in as Alice" in answer.words
    assert SESSIONS in answer.page.links
    assert site.auth.asked == ["sign_in"]


@GATES
def test_a_page_that_was_open_too_long_says_so_and_cookies_only_later(
    site: Site, path: str
) -> None:
    token = site.browser().csrf()
    browser = site.browser()
    answer = browser.post(path, {**FIELDS, "csrf_token": token})
    assert answer.status == 400
    assert "open too long" in answer.words
    assert "llow cookies" not in answer.words
    assert answer.page.inputs["username"]["value"] == "Alice"
    assert "csrf" in answer.cookies
    again = {name: str(field.get("value", "")) for name, field in answer.page.inputs.items()}
    browser.jar.clear()
    blocked = browser.post(path, {**again, **FIELDS})
    assert blocked.status == 400
    assert "Allow cookies" in blocked.words
    assert not site.auth.calls


def test_signing_out_in_two_tabs_ends_at_signing_in(site: Site) -> None:
    browser = site.signed_in()
    second_tab = browser.csrf()
    browser.send("/logout")
    answer = browser.post("/logout", {"csrf_token": second_tab}, OUR_PAGE)
    assert (answer.status, answer.location) == (303, "/login")
    assert "You are signed out." in browser.get("/login").words


def test_another_site_cannot_make_us_say_that_somebody_is_signed_out(site: Site) -> None:
    answer = site.browser().post("/logout", {}, {"Origin": "http://evil.example"})
    assert (answer.status, answer.location, answer.notice) == (303, "/login", None)


@pytest.mark.parametrize("path", [CHANGE, DELETE, SESSIONS, "/account/name"])
def test_a_form_of_the_account_after_signing_out_leads_to_signing_in(site: Site, path: str) -> None:
    browser = site.signed_in()
    open_page = browser.csrf()
    browser.send("/logout")
    answer = sent_from_our_page(browser, path, open_page, new_password=NEW_PASSWORD)
    assert (answer.status, answer.location) == (303, f"/login?next={path}")
    assert "You signed out in another tab." in browser.get(str(answer.location)).words
    assert site.auth.asked == ["end"]


def test_a_stale_form_of_the_account_comes_again_with_what_is_no_password(site: Site) -> None:
    browser = site.signed_in()
    browser.csrf()
    name = browser.send("/account/name", "stale", display_name="Al")
    assert (name.status, name.page.inputs["display_name"]["value"]) == (400, "Al")
    changed = browser.send(CHANGE, "stale", current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert changed.status == 400
    assert NEW_PASSWORD not in changed.text
    assert CHANGE in changed.page.forms
    site.auth.answers["sessions"] = [live(1, current=True)]
    assert browser.send(SESSIONS, "stale", end="id-2").status == 400


def test_a_closed_registration_shows_no_form_for_a_stale_one(make_site: MakeSite) -> None:
    closed = make_site(registration="closed").browser()
    answer = closed.post("/register", FIELDS)
    assert (answer.status, answer.page.forms) == (400, [])

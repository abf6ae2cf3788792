"""Notices: told once, by a cookie that only our own answers set."""

from typing import get_args

import pytest

from tests.unit.web_frontend.conftest import PASSWORD, Site
from web_frontend.notices import Notice


@pytest.mark.parametrize("notice", get_args(Notice))
def test_each_notice_is_shown_once_on_the_next_page(site: Site, notice: str) -> None:
    browser = site.browser(notice=notice)
    first = browser.get("/login")
    text = first.text.partition('<p class="notice" role="status">')[2].partition("</p>")[0]
    assert text.strip(), "it says something"
    assert first.cleared("notice")
    assert 'role="status"' not in browser.get("/login").text


def test_a_notice_waits_for_a_page_and_not_for_a_redirect(site: Site) -> None:
    browser = site.browser(notice="signed-out")
    assert browser.get("/").status == 303
    assert browser.open("HEAD", "/login").status == 200
    assert "You are signed out." in browser.get("/login").words


@pytest.mark.parametrize("value", ["", "x", "<b>boohoo</b>", "call 555-1234", "deleted%00", "IDLE"])
def test_an_unknown_notice_is_neither_shown_nor_echoed(site: Site, value: str) -> None:
    answer = site.browser(notice=value).get("/login")
    assert 'role="status"' not in answer.text
    assert "boohoo" not in answer.text
    assert "555-1234" not in answer.text


@pytest.mark.parametrize("address", ["/login?reason=idle", "/login?done=deleted"])
def test_an_address_cannot_make_a_page_say_anything(site: Site, address: str) -> None:
    assert 'role="status"' not in site.browser().get(address).text


def test_a_notice_lasts_a_minute_at_most(site: Site) -> None:
    value, attributes = site.signed_in().send("/logout").cookies["notice"]
    assert (value, attributes["max-age"]) == ("signed-out", "60")


def test_a_typed_address_of_signing_out_shows_a_button_and_changes_nothing(site: Site) -> None:
    browser = site.signed_in()
    answer = browser.get("/logout")
    assert answer.status == 200
    assert "You are signed in as Alice." in answer.words
    assert answer.page.forms == ["/logout"]
    assert not site.auth.calls
    stranger = site.browser().get("/logout")
    assert (stranger.status, stranger.location) == (303, "/login")


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_who_is_signed_in_is_led_to_the_page_they_wanted(site: Site, path: str) -> None:
    browser = site.signed_in()
    assert browser.get(f"{path}?next=/account/sessions").location == "/account/sessions"
    for foreign in ("//evil.example", "http://evil.example", "/nowhere", ""):
        assert browser.get(f"{path}?next={foreign}").location == "/dashboard", foreign


def test_registering_leads_to_the_page_that_was_wanted(site: Site) -> None:
    form = site.browser().get("/register?next=/account/sessions").page
    assert form.inputs["next"]["value"] == "/account/sessions"
    assert "/login?next=/account/sessions" in form.links
    answer = site.browser().register(password=PASSWORD, next="/account/sessions")
    assert answer.location == "/account/sessions"

"""The page for sessions: what it shows, what it ends, and when it asks for the password again."""

import gzip
import re
from datetime import UTC, datetime

import pytest

from tests.unit.web_frontend.account_pages import (
    ACTS,
    ASK_AGAIN,
    GONE,
    INCORRECT,
    IPHONE,
    SESSIONS,
    live,
    send,
)
from tests.unit.web_frontend.conftest import NOW, PASSWORD, Site


@pytest.mark.proves("V7.5.2")
def test_the_page_says_where_one_is_signed_in_and_offers_to_end_every_other_session(
    site: Site,
) -> None:
    site.auth.answers["sessions"] = [
        live(1, user_agent=IPHONE),
        live(2, current=True),
        live(3, user_agent=""),
    ]
    answer = site.signed_in().get(SESSIONS)
    assert answer.status == 200
    here, phone, unknown = answer.text.split("<li>")[1:]
    assert ">Chrome on Linux<" in here
    assert "This device" in here
    assert "<button" not in here.partition("</li>")[0]
    for card, number, browser in (
        (phone, 1, "Mobile Safari on iOS"),
        (unknown, 3, "Unknown browser"),
    ):
        assert f">{browser}<" in card
        assert f">192.0.2.{number} ·" in card
        assert "This device" not in card
        assert f'name="end" value="id-{number}"' in card
        for seconds in (7000 + 60 * number, 60 * number):
            assert datetime.fromtimestamp(NOW - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") in card
    assert "Sign out everywhere else" in answer.words
    site.auth.answers["sessions"] = [live(1, current=True)]
    answer = site.signed_in().get(SESSIONS)
    assert "everywhere else" not in answer.words
    assert 'name="end"' not in answer.text


def test_each_button_is_named_for_the_session_that_it_ends(site: Site) -> None:
    site.auth.answers["sessions"] = [live(1, current=True), live(2), live(3)]
    answer = site.signed_in().get(SESSIONS)
    names = [part.partition('"')[0].split() for part in answer.text.split('id="end-')[1:]]
    assert len(names) == 2
    described = [
        part.partition('"')[0].split() for part in answer.text.split('aria-labelledby="end-')[1:]
    ]
    assert described[0] != described[1]
    for ids in described:
        assert {f"end-{ids[0]}", *ids[1:]} <= answer.page.ids


def test_fifty_sessions_are_shown_ten_at_a_time_with_this_device_first(site: Site) -> None:
    site.auth.answers["sessions"] = [live(number, current=number == 50) for number in range(1, 51)]
    browser, shown = site.signed_in(), []
    for page in range(1, 6):
        answer = browser.get(f"{SESSIONS}?page={page}")
        shown += [int(part.partition(" ")[0]) for part in answer.text.split(">192.0.2.")[1:]]
        assert (f"{SESSIONS}?page={page - 1}" in answer.page.links) is (page > 1)
        assert (f"{SESSIONS}?page={page + 1}" in answer.page.links) is (page < 5)
        assert "everywhere else" in answer.words
    assert shown == [50, *range(1, 50)]


def test_a_page_of_sessions_weighs_less_than_twenty_kilobytes_with_all_that_it_loads(
    site: Site,
) -> None:
    sessions = [
        live(number, user_agent=IPHONE, address="2001:db8:5c1a:7d00:1234:5678:9abc:def0")
        for number in range(50)
    ]
    site.auth.answers["sessions"] = sessions
    browser = site.signed_in(preferred_username="w" * 64)
    browser.jar["notice"] = "others-ended"
    page = browser.get(f"{SESSIONS}?page=2").text
    loaded = [
        browser.get(address).text for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    ]
    assert len(loaded) == 3
    assert sum(len(gzip.compress(text.encode())) for text in (page, *loaded)) <= 20_000


def test_a_page_that_is_none_is_the_first_and_past_the_last_is_the_last(site: Site) -> None:
    site.auth.answers["sessions"] = [live(number, current=number == 1) for number in range(1, 12)]
    for page in ("", "0", "-1", "x", "1e1", "²", "%00", "9" * 5000, "../2", "<b>"):
        answer = site.signed_in().open("GET", f"{SESSIONS}?page={page}")
        assert answer.status == 200
        assert "This device" in answer.words, page
    answer = site.signed_in().get(f"{SESSIONS}?page=99")
    assert ">192.0.2.11 ·" in answer.text
    assert f"{SESSIONS}?page=1" in answer.page.links
    assert f"{SESSIONS}?page=3" not in answer.page.links


HOSTILE = [
    "<script>alert(1)</script>bot/1.0",
    "Mozilla/5.0 (<img src=x onerror=alert(1)>; Windows NT 10.0) Firefox/1",
    '"><svg/onload=alert(1)>',
    "{{ 7919*7919 }} {% raw %}",
    "\xff\xfe\x00\x1b[31m",
    "Firefox/" + "9" * 240,
    "(" * 128 + ")" * 128,
]


def test_what_a_browser_calls_itself_is_text_and_never_markup(site: Site) -> None:
    others = [live(number, user_agent=name) for number, name in enumerate(HOSTILE, start=2)]
    site.auth.answers["sessions"] = [live(1, current=True), *others]
    answer = site.signed_in().get(SESSIONS)
    assert answer.status == 200
    for markup in ("<script>alert", "<img", "<svg/"):
        assert markup not in answer.text
    assert str(7919 * 7919) not in answer.text


def test_an_address_and_an_id_are_text_and_never_markup(site: Site) -> None:
    odd = live(2, address="<b>192.0.2.9</b>").model_copy(update={"id": '"><b>boohoo'})
    site.auth.answers["sessions"] = [live(1, current=True), odd]
    answer = site.signed_in().get(SESSIONS)
    assert "<b>" not in answer.text
    assert "<b>192.0.2.9</b>" in answer.words


@pytest.mark.parametrize(
    ("act", "notice", "said"),
    [
        ("end one", "one-ended", "That session was signed out"),
        ("end others", "others-ended", "All other sessions were"),
    ],
)
def test_ending_sessions_leads_back_to_the_list_which_says_so(
    site: Site, act: str, notice: str, said: str
) -> None:
    site.auth.answers["sessions"] = [live(1, current=True)]
    browser = site.signed_in()
    path, fields, call = ACTS[act]
    answer = browser.send(path, **fields)
    assert (answer.status, answer.location, answer.notice) == (303, SESSIONS, notice)
    assert site.auth.asked == [call]
    after = browser.get(str(answer.location)).words
    assert said in after
    assert "up to 30 seconds" in after
    assert browser.send(path, **fields, page="3").location == f"{SESSIONS}?page=3"


def test_a_session_that_has_ended_already_is_as_good_as_ended(site: Site) -> None:
    site.auth.answers["end_session"] = GONE
    assert send(site, "end one").notice == "one-ended"


WRONG_IDS = [
    "", "current/renew", "../users/me", "id-2?others=true", "id-2#", "id 2", "id-2\n", "%2e%2e",
    "id-2\r\nX: y", "\u0130d", "a" * 65, "<b>boohoo", "id\0",
]  # fmt: skip
WRONG_WISHES: list[dict[str, str]] = [
    {},
    {"others": ""},
    {"others": "false"},
    {"end": "id-2", "others": "true"},
    *({"end": wrong} for wrong in WRONG_IDS),
]


@pytest.mark.parametrize("more", [{}, {"password": PASSWORD}], ids=["", "with the password"])
def test_a_wish_that_is_none_is_refused_and_auth_service_is_not_asked(
    site: Site, more: dict[str, str]
) -> None:
    for fields in WRONG_WISHES:
        answer = site.signed_in().send(SESSIONS, **fields, **more)
        assert answer.status == 400, fields
        assert "boohoo" not in answer.text
    assert not site.auth.calls


@pytest.mark.parametrize("own", ["current", "session-1"])
def test_the_session_that_asks_is_ended_by_signing_out_only(site: Site, own: str) -> None:
    browser = site.signed_in(sid="session-1")
    for more in ({}, {"password": PASSWORD}):
        assert browser.send(SESSIONS, end=own, **more).status == 400
    assert not site.auth.calls
    assert browser.get("/dashboard").status == 200


@pytest.mark.parametrize("act", ["end one", "end others"])
@pytest.mark.proves("V7.5.2")
def test_where_the_password_is_asked_for_again_one_more_form_does_it(site: Site, act: str) -> None:
    path, fields, call = ACTS[act]
    site.auth.answers[call] = ASK_AGAIN
    browser = site.signed_in()
    asked = browser.send(path, **fields)
    assert asked.status == 403
    assert "<title>Enter your password" in asked.text
    assert asked.page.inputs["password"]["autocomplete"] == "current-password"
    assert asked.page.inputs["username"]["value"] == "Alice"
    kept = {
        name: asked.page.inputs[name]["value"]
        for name in ("end", "others")
        if name in asked.page.inputs
    }
    assert kept == fields
    site.auth.answers[call] = None
    answer = browser.send(
        path, password=PASSWORD, **{name: str(value) for name, value in kept.items()}
    )
    assert answer.status == 303
    assert site.auth.asked == [call, "reauthenticate", call]
    assert site.auth.calls[1][2] == PASSWORD


@pytest.mark.parametrize("act", ["end one", "end others"])
@pytest.mark.parametrize(
    ("password", "said"), [("not it", "Incorrect password."), ("", "Enter your password.")]
)
def test_a_wrong_password_there_ends_nothing_and_the_form_comes_again(
    site: Site, act: str, password: str, said: str
) -> None:
    site.auth.answers["reauthenticate"] = INCORRECT
    answer = send(site, act, password=password)
    assert answer.status == 422
    assert answer.words.count(said) == 1, "beside the field, which has the focus"
    assert "autofocus" in answer.page.inputs["password"]
    assert "<title>Error: " in answer.text
    assert answer.page.inputs["password"]["aria-invalid"] == "true"
    assert "value" not in answer.page.inputs["password"]
    for name, value in ACTS[act][1].items():
        assert answer.page.inputs[name]["value"] == value
    assert site.auth.asked == (["reauthenticate"] if password else [])

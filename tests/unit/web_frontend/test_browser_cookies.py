"""Cookies as they come: in several lines, and several of one name, of which some are not ours."""

import pytest

from tests.unit.web_frontend.conftest import IDLE, Answer, Site
from web_frontend.auth_service.answers import Refused
from web_frontend.browser_cookies import MOST_VALUES, in_one_line

DEVICES = [letter * 43 for letter in "ABCDE"]


def dashboard(site: Site, *tokens: str) -> Answer:
    """Open the dashboard with these session cookies, in this order."""
    cookies = "; ".join(f"session={token}" for token in tokens)
    return site.browser().get("/dashboard", {"Cookie": cookies})


def test_cookies_in_several_lines_become_one_line() -> None:
    lines = [("HOST", "localhost"), ("COOKIE", "a=1; b=2"), ("X", "y"), ("COOKIE", "c=3")]
    joined = in_one_line(lines)
    assert ("COOKIE", "a=1; b=2; c=3") in joined
    assert len(joined) == 3


@pytest.mark.parametrize("lines", [[], [("HOST", "localhost")], [("COOKIE", "a=1,b=2")]])
def test_other_headers_stay_as_they_are(lines: list[tuple[str, str]]) -> None:
    assert in_one_line(lines) == lines


@pytest.mark.parametrize(
    "foreign",
    ["abc", "", '"', "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 3000],
    ids=lambda text: text[:20],
)
def test_a_foreign_cookie_of_the_same_name_is_ignored(site: Site, foreign: str) -> None:
    token = site.mint.token()
    assert dashboard(site, foreign, token).status == 200
    assert dashboard(site, token, foreign).status == 200


def test_a_live_session_wins_over_one_that_is_over_forged_or_of_another_key(site: Site) -> None:
    token = site.mint.token()
    others = [
        site.mint.token(IDLE + 1, sid="expired"),
        site.mint.token(key=b"k" * 32),
        site.mint.token(kid="else", key=b"k" * 32),
    ]
    assert dashboard(site, *others, token).status == 200
    assert dashboard(site, token, *others).status == 200


def test_the_cookie_with_the_shortest_path_counts_which_browsers_send_last(site: Site) -> None:
    planted, own = site.mint.token(preferred_username="Eve"), site.mint.token()
    assert "Hello, Alice" in dashboard(site, planted, own).words


def test_without_a_live_session_the_visitor_is_told_why_the_own_one_is_over(site: Site) -> None:
    answer = dashboard(site, "abc", site.mint.token(IDLE + 1), "def")
    assert answer.notice == "idle"
    assert answer.cleared("session")


def test_up_to_eight_values_are_tried(site: Site) -> None:
    token = site.mint.token()
    assert MOST_VALUES == 8
    assert dashboard(site, token, *["abc"] * 7).status == 200
    assert dashboard(site, *["abc"] * 7, token).status == 200
    assert dashboard(site, token, *["abc"] * 8).status == 303


def test_a_second_marker_does_not_hide_which_sessions_were_ended_here(site: Site) -> None:
    token = site.mint.token(sid="session-1")
    for markers in ("ended=session-1; ended=abc", "ended=abc; ended=session-1"):
        answer = site.browser().get("/dashboard", {"Cookie": f"session={token}; {markers}"})
        assert answer.notice == "ended"


def test_a_second_device_cookie_does_not_hide_the_mark_of_this_browser(site: Site) -> None:
    browser = site.browser()
    token = browser.csrf()
    planted = ".".join(DEVICES[:4])
    cookies = f"device={planted}; device={DEVICES[4]}; csrf={browser.jar['csrf']}"
    fields = {"csrf_token": token, "username": "Alice", "password": "a password"}
    assert browser.post("/login", fields, {"Cookie": cookies}).status == 303
    assert DEVICES[4] in site.auth.devices[0].split(".")
    assert len(site.auth.devices[0].split(".")) == 4


def test_a_comma_in_a_cookie_begins_no_other_cookie(site: Site) -> None:
    """Or a neighbour could get around the prefix, which only browsers guard."""
    answer = site.browser().get("/dashboard", {"Cookie": f"x=1,session={site.mint.token()}"})
    assert answer.status == 303


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_planted_cookie_of_an_ended_session_makes_no_endless_redirect(
    site: Site, path: str
) -> None:
    """A cookie for a deeper path cannot be cleared from here."""
    site.auth.answers["renew"] = Refused(401, "session-ended", {}, 5)
    planted = {"Cookie": f"session={site.mint.token(60)}"}
    assert site.browser().get("/dashboard", planted).notice == "ended"
    answer = site.browser().get(path, planted)
    assert (answer.status, answer.page.forms) == (200, [path])

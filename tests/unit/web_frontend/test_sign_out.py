"""Signing out: always clears what the browser holds, and remembers what was ended."""

import pytest

from tests.unit.web_frontend.conftest import IDLE, LIMIT, Site, refused
from web_frontend.auth_service.answers import Unavailable, Unreachable

UNREACHABLE = Unreachable("no answer")


def test_signing_out_ends_the_session_and_clears_what_the_browser_holds(site: Site) -> None:
    browser = site.signed_in()
    token = browser.jar["session"]
    answer = browser.send("/logout")
    assert (answer.status, answer.location) == (303, "/login")
    assert site.auth.calls == [("end", token)]
    assert answer.cleared("session")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    marker, attributes = answer.cookies["ended"]
    assert "session-1" in marker.split(".")
    assert attributes["max-age"] == "60"
    assert "csrf" in answer.cookies
    assert browser.get("/dashboard").location == "/login?next=/dashboard"


@pytest.mark.parametrize("age", [0, IDLE, LIMIT + 1])
def test_signing_out_works_with_a_token_that_is_expired_or_ended(site: Site, age: int) -> None:
    for ended in (None, refused(401, "invalid-token")):
        site.auth.answers["end"] = ended
        browser = site.signed_in()
        form, token = browser.csrf(), browser.jar["session"]
        site.clock.now += age
        answer = browser.send("/logout", form)
        assert (answer.status, answer.location) == (303, "/login")
        assert site.auth.calls[-1] == ("end", token)
        assert answer.cleared("session")


@pytest.mark.parametrize("error", [UNREACHABLE, Unavailable("busy")], ids=["down", "busy"])
def test_signing_out_without_auth_service_clears_the_cookie_and_says_what_is_left(
    site: Site, error: Exception
) -> None:
    site.auth.answers["end"] = error
    browser = site.signed_in()
    answer = browser.send("/logout")
    assert answer.status == 503
    assert answer.headers["Retry-After"].isdigit()
    assert answer.cleared("session")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert "session-1" in answer.cookies["ended"][0]
    assert "could not be told" in answer.words
    assert browser.get("/dashboard").status == 303


def test_signing_out_without_a_session_asks_nobody(site: Site) -> None:
    foreign = site.browser(session=site.mint.token(kid="else", key=b"k" * 32))
    for browser in (site.browser(), foreign):
        answer = browser.send("/logout")
        assert (answer.status, answer.location) == (303, "/login")
        assert not {"ended", "session"} & answer.cookies.keys()
    assert not site.auth.calls


def test_a_stale_sign_out_shows_a_page_to_try_again_from(site: Site) -> None:
    browser = site.signed_in()
    answer = browser.send("/logout", "stale")
    assert answer.status == 400
    assert not answer.cleared("session")
    assert "Clear-Site-Data" not in answer.headers
    assert answer.page.forms == ["/logout"]
    assert browser.send("/logout", str(answer.page.inputs["csrf_token"]["value"])).status == 303
    assert site.auth.asked == ["end"]


def test_several_sessions_ended_within_a_minute_all_stay_ended(site: Site) -> None:
    browser = site.browser()
    tokens = [site.mint.token(sid=f"sid-{number}") for number in range(40)]
    for token in tokens:
        browser.jar["session"] = token
        assert browser.send("/logout").status == 303
    assert len(browser.jar["ended"]) < 500, "it does not grow without end"
    for token in tokens[-4:]:
        browser.jar["session"] = token
        assert browser.get("/dashboard").notice == "ended"


@pytest.mark.parametrize(
    "marker", ["", ".", "...", "session", "session-1x", "x.session-11", "SESSION-1"]
)
def test_a_marker_of_other_sessions_ends_nothing(site: Site, marker: str) -> None:
    browser = site.signed_in()
    browser.jar["ended"] = marker
    assert browser.get("/dashboard").status == 200

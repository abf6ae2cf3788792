"""Sessions: which are renewed and when, what refuses them, and what holds without auth-service."""

import threading
from typing import Any

import pytest

from tests.unit.web_frontend.conftest import IDLE, LIMIT, NOW, Answer, Browser, MakeSite, Site
from web_frontend.auth_service.answers import Refused, Unavailable, Unreachable

UNREACHABLE = Unreachable("no answer")
NOTICE = "could not be renewed just now"


# --- when


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("age", "renewed"),
    [
        (0, False),
        (30, False),
        (31, True),
        (IDLE - 1, True),
        (-60, False),
        (-61, True),
        (-86_400, True),
    ],
)
def test_a_token_is_renewed_once_it_is_30_s_old_or_lies_60_s_in_the_future(
    site: Site, age: int, renewed: bool
) -> None:
    browser = site.signed_in(age)
    before = browser.jar["session"]
    answer = browser.get("/dashboard")
    assert answer.status == 200
    assert site.auth.calls == ([("renew", before)] if renewed else [])
    assert ("session" in answer.cookies) is renewed
    if renewed:
        value, attributes = answer.cookies["session"]
        assert value == site.mint.made[-1] != before
        assert not {"max-age", "expires"} & attributes.keys()
    browser.get("/dashboard")
    assert len(site.auth.calls) == renewed, "once"


def test_the_interval_is_the_one_that_was_set(make_site: MakeSite) -> None:
    site = make_site(renew_seconds=5)
    site.signed_in(5).get("/dashboard")
    assert not site.auth.calls
    site.signed_in(6).get("/dashboard")
    assert site.auth.asked == ["renew"]


def test_a_renewed_page_tells_the_new_end(site: Site) -> None:
    text = site.signed_in(600).get("/dashboard").text
    assert f'data-seconds="{IDLE}"' in text


def test_pages_that_show_nothing_private_renew_nothing(site: Site) -> None:
    browser = site.signed_in(600)
    for path in ("/", "/login", "/register", "/nowhere"):
        assert "session" not in browser.get(path).cookies
    browser.post("/logout", {"csrf_token": "stale"})
    assert not site.auth.calls


def test_an_idle_session_is_not_sent_for_renewal(site: Site) -> None:
    for age in (IDLE, IDLE + LIMIT):
        assert site.signed_in(age).get("/dashboard").notice == "idle"
    assert not site.auth.calls


@pytest.mark.fault(22)
def test_a_session_lives_to_the_absolute_limit_and_no_longer(site: Site) -> None:
    browser = site.signed_in(auth_time=NOW - LIMIT + 1, exp=NOW + 1)
    assert browser.get("/dashboard").status == 200
    site.clock.now += 1
    answer = browser.get("/dashboard")
    assert (answer.notice, answer.cleared("session")) == ("limit", True)


@pytest.mark.parametrize("reason", ["idle", "limit"])
def test_a_session_whose_time_is_over_on_the_way_to_auth_service_is_told_so(
    site: Site, reason: str
) -> None:
    began = NOW - LIMIT + 1 if reason == "limit" else NOW - 60

    def too_late(_token: str) -> None:
        site.clock.now += 1
        raise Refused(401, "invalid-token", {}, 5)

    site.auth.answers["renew"] = too_late
    browser = site.signed_in(60, auth_time=began, exp=NOW + 1)
    answer = browser.get("/dashboard")
    assert site.auth.asked == ["renew"]
    assert (answer.notice, answer.cleared("session")) == (reason, True)


# --- what auth-service may answer


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("session-ended", "ended"),
        ("session-limit-reached", "limit"),
        ("invalid-token", "ended"),
        ("", "ended"),
    ],
)
def test_a_refused_session_is_over_at_once(site: Site, code: str, reason: str) -> None:
    site.auth.answers["renew"] = Refused(401, code, {}, 5)
    answer = site.signed_in(31).get("/dashboard")
    assert answer.status == 303
    assert (answer.location, answer.notice) == ("/login?next=/dashboard", reason)
    assert answer.cleared("session")


@pytest.mark.parametrize(
    "error", [Refused(404, "x", {}, 5), Refused(429, "x", {}, 5), RuntimeError("a bug")], ids=str
)
def test_an_answer_about_something_else_ends_no_session(site: Site, error: Exception) -> None:
    site.auth.answers["renew"] = error
    browser = site.signed_in(31)
    answer = browser.get("/dashboard")
    assert answer.status >= 400
    assert NOTICE not in answer.words, "auth-service is not taken for unreachable"
    assert "session" in browser.jar


WRONG_ANSWERS: dict[str, Any] = {
    "nonsense": "garbage",
    "nothing": "",
    "another key": lambda site: site.mint.token(key=b"k" * 32),
    "a key that is unknown": lambda site: site.mint.token(kid="else", key=b"k" * 32),
    "another type": lambda site: site.mint.token(typ="JWT"),
    "expired": lambda site: site.mint.token(IDLE),
    "another user's": lambda site: site.mint.token(sub="user-2"),
    "another session's": lambda site: site.mint.token(sid="session-2"),
    "a longer session's": lambda site: site.mint.token(sid="session-11"),
    "another user's and session's": lambda site: site.mint.token(sub="user-2", sid="session-2"),
    "a line break": lambda site: site.mint.token() + "\r\nSet-Cookie: a=b",
    "a cookie with attributes": lambda site: site.mint.token() + "; Domain=evil.example",
}


@pytest.mark.fault(16)
@pytest.mark.proves("V16.5.3")
@pytest.mark.parametrize("case", WRONG_ANSWERS)
@pytest.mark.parametrize("age", [31, -61])
def test_a_renewal_that_is_not_of_this_session_sets_no_cookie(
    site: Site, case: str, age: int
) -> None:
    made = WRONG_ANSWERS[case]
    site.auth.answers["renew"] = site.mint.issued(made(site) if callable(made) else made)
    browser = site.signed_in(age)
    answer = browser.get("/dashboard")
    assert answer.status == 503
    assert not answer.cookies
    assert "without use" not in answer.text
    assert answer.headers["Retry-After"]


@pytest.mark.proves("V16.5.3")
def test_a_503_is_an_answer_and_shows_no_page_but_keeps_the_session(site: Site) -> None:
    site.auth.answers["renew"] = Unavailable("busy", 7)
    browser = site.signed_in(31)
    answer = browser.get("/dashboard")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert "Hello" not in answer.words
    assert not answer.cookies
    site.auth.answers["renew"] = site.auth._renewed
    assert browser.get("/dashboard").status == 200


@pytest.mark.fault(12)
@pytest.mark.parametrize(
    ("age", "status"), [(31, 200), (299, 200), (300, 200), (301, 503), (IDLE - 1, 503), (-61, 503)]
)
def test_without_auth_service_a_session_is_readable_for_5_minutes(
    site: Site, age: int, status: int
) -> None:
    site.auth.answers["renew"] = UNREACHABLE
    browser = site.signed_in(age)
    answer = browser.get("/dashboard")
    assert answer.status == status
    assert (NOTICE in answer.words) is (status == 200)
    assert ("Hello, Alice" in answer.words) is (status == 200)
    assert "session" not in answer.cookies
    assert site.auth.asked == ["renew"]


def test_the_5_minutes_do_not_begin_anew_at_each_visit(site: Site) -> None:
    site.auth.answers["renew"] = UNREACHABLE
    browser = site.signed_in(0)
    assert NOTICE not in browser.get("/dashboard").words
    for now, status in [(100, 200), (200, 200), (300, 200), (301, 503), (1000, 503)]:
        site.clock.now = NOW + now
        assert browser.get("/dashboard").status == status
    site.auth.answers["renew"] = site.auth._renewed
    assert browser.get("/dashboard").status == 200


# --- ended while a renewal is under way


def late_renewal(site: Site, browser: Browser, meanwhile: Any) -> tuple[Answer, str]:
    """Open the dashboard and do something else in this browser before the renewal is answered."""
    answered = site.auth.answers["renew"]

    def renew(token: str) -> Any:
        other_tab = threading.Thread(target=meanwhile)
        other_tab.start()
        other_tab.join()
        return answered(token)

    site.auth.answers["renew"] = renew
    answer = browser.get("/dashboard")
    site.auth.answers["renew"] = answered
    assert browser.jar["session"] == answer.cookies["session"][0]
    return answer, browser.jar["session"]


def test_a_renewal_that_is_answered_after_sign_out_does_not_bring_the_session_back(
    site: Site,
) -> None:
    browser = site.signed_in()
    form = browser.csrf()
    site.clock.now += 31
    late_renewal(site, browser, lambda: browser.send("/logout", form))
    assert site.auth.asked == ["renew", "end"]
    answer = browser.get("/dashboard")
    assert (answer.status, answer.notice, answer.cleared("session")) == (303, "ended", True)
    assert browser.get("/").location == "/login"
    assert site.auth.asked == ["renew", "end"], "the session is not even asked about"


def test_a_late_renewal_keeps_nobody_from_the_sign_in_page(site: Site) -> None:
    browser = site.signed_in()
    form = browser.csrf()
    site.clock.now += 31
    _, late = late_renewal(site, browser, lambda: browser.send("/logout", form))
    assert browser.get("/").location == "/login"
    token = str(browser.get("/login").page.inputs["csrf_token"]["value"])
    assert browser.sign_in(token=token, username="Bob").status == 303
    assert site.auth.calls[-1] == ("end", late)
    assert "Hello, Bob" in browser.get("/dashboard").words


def test_a_late_renewal_does_not_bring_back_the_user_before_this_one(site: Site) -> None:
    browser = site.signed_in()
    form = browser.csrf()
    site.clock.now += 31
    late_renewal(site, browser, lambda: browser.sign_in(token=form, username="Bob"))
    assert "end" in site.auth.asked
    assert "Hello, Alice" not in browser.get("/dashboard").words


def test_many_pages_at_once_all_get_an_answer_and_a_cookie_of_their_session(site: Site) -> None:
    token, answers = site.mint.token(31), []

    def visit() -> None:
        answers.append(site.browser(session=token).get("/dashboard"))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 8
    assert all(answer.cookies["session"][0] in site.mint.made for answer in answers)


@pytest.mark.proves("V7.4.1")
def test_a_session_that_was_refused_once_stays_out_while_auth_service_is_busy(site: Site) -> None:
    """Or whoever holds a copied token could bring it back by keeping auth-service busy."""
    thief = site.signed_in(60)
    token = thief.jar["session"]
    site.auth.answers["renew"] = Refused(401, "session-ended", {}, 5)
    assert thief.get("/dashboard").notice == "ended"
    site.auth.answers["renew"] = UNREACHABLE
    thief.jar["session"] = token
    assert thief.get("/dashboard").notice == "ended"
    assert site.signed_in(60, sid="session-2").get("/dashboard").status == 200, (
        "others go on reading"
    )


def test_a_renewed_token_goes_on_with_a_page_that_refuses_what_was_sent(site: Site) -> None:
    browser = site.signed_in()
    token = browser.csrf()
    site.clock.now += 31
    answer = browser.post(
        "/account/password", {"csrf_token": token, "current_password": "", "new_password": ""}
    )
    assert answer.status == 422
    assert answer.cookies["session"][0] == site.mint.made[-1]

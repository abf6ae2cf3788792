"""What a browser keeps of us: cookies of known names, and in a token nothing but what it is for."""

import pytest
from playwright.sync_api import Page

from browser import portal
from browser.conftest import Person
from journeys.visitor import claims

COOKIES = {"session", "csrf", "ended", "device"}
CLAIMS = {"iss", "aud", "sub", "preferred_username", "sid", "jti", "iat", "auth_time", "exp"}
FACTS = {"prev_at", "prev_ua", "wrong", "live", "pwd_at"}
KEPT = """async () => ({
    local: localStorage.length,
    session: sessionStorage.length,
    databases: (await indexedDB.databases()).length,
    caches: window.caches ? (await caches.keys()).length : 0,
    workers: navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length :
    0,
    readable: document.cookie,
    name: window.name,
})"""
NOTHING = {
    "local": 0,
    "session": 0,
    "databases": 0,
    "caches": 0,
    "workers": 0,
    "readable": "",
    "name": "",
}


@pytest.mark.proves("V14.3.3", "V3.3.4")
def test_a_browser_keeps_nothing_but_tokens_in_cookies_that_no_script_can_read(
    page: Page, person: Person
) -> None:
    portal.sign_in(page, person.name)
    for path in ("/dashboard", portal.SESSIONS, portal.CHANGE):
        page.goto(path)
        assert page.evaluate(KEPT) == NOTHING, path
    kept = {
        str(cookie["name"]).removeprefix("__Host-"): str(cookie["value"])
        for cookie in page.context.cookies()
    }
    assert {"session", "csrf"} <= set(kept) <= COOKIES
    assert CLAIMS <= set(claims(kept.pop("session"))) <= CLAIMS | FACTS
    for value in kept.values():
        assert person.name not in value
        assert person.password not in value


@pytest.mark.proves("V14.3.1")
def test_after_signing_out_a_browser_keeps_no_token_of_the_session(
    page: Page, person: Person
) -> None:
    portal.sign_in(page, person.name)
    tokens = {
        str(cookie["value"])
        for cookie in page.context.cookies()
        if "session" in str(cookie["name"])
    }
    portal.sign_out(page)
    assert page.evaluate(KEPT) == NOTHING
    left = {str(cookie["name"]): str(cookie["value"]) for cookie in page.context.cookies()}
    assert not [name for name in left if name.endswith("session")]
    assert not tokens & set(left.values())

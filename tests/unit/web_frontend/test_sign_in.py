"""Signing in: what is asked of auth-service, what is shown, and where it leads."""

from urllib.parse import urlencode

import pytest

from tests.unit.web_frontend.conftest import IDLE, PASSWORD, Site, refused
from web_frontend.auth_service.answers import Unavailable, Unreachable

UNREACHABLE = Unreachable("no answer")
WRONG = refused(401, "invalid-credentials")


def test_signing_in_sets_the_session_and_leads_to_the_dashboard(site: Site) -> None:
    browser = site.browser()
    answer = browser.sign_in(username="  Alice ")
    assert (answer.status, answer.location, answer.text) == (303, "/dashboard", "")
    assert site.auth.calls == [("sign_in", "Alice", PASSWORD)]
    value, attributes = answer.cookies["session"]
    assert value == site.mint.made[-1]
    assert not {"max-age", "expires"} & attributes.keys()
    assert "csrf" in answer.cookies
    assert browser.get("/dashboard").status == 200


@pytest.mark.proves("V6.2.8")
@pytest.mark.parametrize(
    "password", [" leading", "trailing ", "\t", " ", "a" * 8000, "\u00e9\u0301 \U0001f600"]
)
def test_a_password_is_passed_on_as_it_was_typed(site: Site, password: str) -> None:
    for act in (site.browser().sign_in, site.browser().register):
        act(password=password)
        assert site.auth.calls[-1][2] == password
    site.signed_in().send("/account/password", current_password=password, new_password=password)
    assert site.auth.calls[-1][2:] == (password, password)


def test_a_wrong_password_shows_the_form_again_with_the_user_name_only(site: Site) -> None:
    site.auth.answers["sign_in"] = WRONG
    browser = site.browser()
    answer = browser.sign_in(username="Al&ice", next="/dashboard")
    assert answer.status == 401
    assert "Incorrect username or password" in answer.words
    assert "<title>Error: " in answer.text
    assert "form-error" in answer.page.ids
    assert "autofocus" in answer.page.inputs["password"]
    assert answer.page.inputs["username"]["value"] == "Al&ice"
    assert "value" not in answer.page.inputs["password"]
    assert answer.page.inputs["next"]["value"] == "/dashboard"
    assert "session" not in answer.cookies
    again = str(answer.page.inputs["csrf_token"]["value"])
    site.auth.answers["sign_in"] = site.auth._new_session
    assert browser.sign_in(token=again).status == 303


@pytest.mark.proves("V16.5.1")
def test_every_reason_to_refuse_a_sign_in_gives_the_same_page(site: Site) -> None:
    browser, pages = site.browser(), set()
    for code in ("invalid-credentials", "unknown-user", "disabled"):
        site.auth.answers["sign_in"] = refused(401, code, username=["unknown"])
        answer = browser.sign_in()
        pages.add(answer.shown)
    assert len(pages) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"username": ""}, ["username"]),
        ({"password": ""}, ["password"]),
        ({"username": "", "password": ""}, ["username", "password"]),
    ],
)
def test_an_empty_field_is_named_and_auth_service_is_not_asked(
    site: Site, fields: dict[str, str], named: list[str]
) -> None:
    answer = site.browser().sign_in(**fields)
    assert answer.status == 401
    for name in ("username", "password"):
        assert (answer.page.inputs[name].get("aria-invalid") == "true") is (name in named)
        is_listed = name in named and len(named) > 1
        assert (f"#{name}" in answer.page.links) is is_listed
        assert (f"{name}-error" in answer.page.ids) is (name in named)
    assert not site.auth.calls


FAILURES = {
    "too many, one second": (
        refused(429, "too-many-attempts", 1),
        429,
        "1",
        "Try again in 1 second.",
    ),
    "too many, longer": (
        refused(429, "too-many-attempts", 61),
        429,
        "61",
        "Try again in 2 minutes.",
    ),
    "too many, longest": (
        refused(429, "too-many-attempts", 900),
        429,
        "900",
        "Try again in 15 minutes.",
    ),
    "busy": (Unavailable("busy", 9), 503, "9", "not possible just now"),
    "down": (UNREACHABLE, 503, "5", "not possible just now"),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_sign_in_that_is_held_up_says_how_long_to_wait_and_sets_no_session(
    site: Site, case: str, path: str
) -> None:
    error, status, wait, said = FAILURES[case]
    site.auth.answers.update(sign_in=error, register=error)
    answer = site.browser().send(path, username="Alice", password=PASSWORD)
    assert (answer.status, answer.headers["Retry-After"]) == (status, wait)
    assert said in answer.words
    assert answer.page.inputs["username"]["value"] == "Alice"
    assert "session" not in answer.cookies
    assert len(site.auth.calls) == 1


def test_whoever_has_to_wait_is_told_of_a_way_around_it(site: Site) -> None:
    site.auth.answers["sign_in"] = refused(429, "too-many-attempts", 900)
    answer = site.browser().sign_in()
    assert "You can sign in at once with a browser that you have used before." in answer.words
    assert answer.page.forms == ["/login"]


@pytest.mark.parametrize("path", ["/login", "/register", "/account/password"])
def test_a_token_that_does_not_verify_here_is_not_passed_on(site: Site, path: str) -> None:
    passwords = {"current_password": PASSWORD, "new_password": PASSWORD}
    for token in (
        "garbage",
        site.mint.token(key=b"k" * 32),
        site.mint.token(IDLE + 1),
        site.mint.token(kid="else", key=b"k" * 32),
    ):
        for call in ("sign_in", "register", "change_password"):
            site.auth.answers[call] = site.mint.issued(token)
        browser = site.signed_in() if path == "/account/password" else site.browser()
        answer = browser.send(path, username="Alice", password=PASSWORD, **passwords)
        assert answer.status == 503
        assert "session" not in answer.cookies
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_signed_in_people_are_not_asked_to_sign_in(site: Site, path: str) -> None:
    answer = site.signed_in().get(path)
    assert (answer.status, answer.location) == (303, "/dashboard")


@pytest.mark.parametrize("path", ["/login", "/register"])
@pytest.mark.parametrize("age", [0, IDLE + 5])
def test_signing_in_ends_the_session_that_this_browser_had(site: Site, path: str, age: int) -> None:
    browser = site.signed_in(age)
    token, before = browser.csrf() if not age else None, browser.jar["session"]
    if age:
        browser.jar["session"] = before
        token = str(browser.get("/login").page.inputs["csrf_token"]["value"])
    answer = browser.send(path, token, username="Bob", password=PASSWORD)
    assert (answer.status, answer.location) == (303, "/dashboard")
    assert site.auth.calls[-1] == ("end", before)
    assert browser.jar["session"] not in ("", before)
    assert "Hello, Bob" in browser.get("/dashboard").words


@pytest.mark.parametrize("path", ["/login", "/register"])
@pytest.mark.parametrize("error", [UNREACHABLE, refused(401, "invalid-token")])
def test_who_was_signed_in_stays_so_even_if_the_session_before_could_not_be_ended(
    site: Site, path: str, error: Exception
) -> None:
    site.auth.answers["end"] = error
    browser = site.signed_in()
    before = browser.jar["session"]
    answer = browser.send(path, username="Bob", password=PASSWORD)
    assert (answer.status, answer.location) == (303, "/dashboard")
    assert "Hello, Bob" in browser.get("/dashboard").words
    browser.jar["session"] = before
    assert browser.get("/dashboard").notice == "ended", "this browser does not go back to it"


def test_a_failed_sign_in_leaves_the_session_as_it_was(site: Site) -> None:
    browser = site.signed_in()
    before = browser.jar["session"]
    for error in (WRONG, UNREACHABLE, Unavailable("busy"), refused(429)):
        site.auth.answers["sign_in"] = error
        answer = browser.sign_in()
        assert "session" not in answer.cookies
    assert browser.jar["session"] == before
    assert set(site.auth.asked) == {"sign_in"}
    assert browser.get("/dashboard").status == 200


def test_somebody_elses_cookie_is_not_shown_to_auth_service(site: Site) -> None:
    browser = site.browser(session=site.mint.token(kid="else", key=b"k" * 32))
    assert browser.sign_in().status == 303
    assert site.auth.asked == ["sign_in"]


# --- where a sign-in leads

ELSEWHERE = [
    "https://evil.example", "http://evil.example/dashboard", "//evil.example", "////evil.example",
    "//evil.example/dashboard", "/\\evil.example", "\\\\evil.example", "/%5cevil.example",
    "/%2fevil.example", "%2f%2fevil.example", "https:evil.example", "https:///evil.example",
    "http://localhost:8080@evil.example", "http://localhost:8080/dashboard",
    "//localhost:8080/dashboard", "javascript:alert(1)//evil", "data:text/html,evil",
    " //evil.example", "/\t/evil.example", "/\r\n/evil.example",
    "/dashboard\r\nLocation: https://evil.example", "/dashboard\r\nSet-Cookie: session=evil",
    "/dashboard/../../evil", "/dashboard//evil.example", "/dashboard?next=//evil.example",
    "/dashboard@evil.example", "/dashboard\x00evil", "/dashboard.evil.example", "/Dashboard?evil",
    "@evil.example", "#evil", "/\u2044evil.example", "\uff0f\uff0fevil.example",
    "/\u2028/evil.example", "//[::1]/evil", "//0x7f.1/evil", '/dashboard"><script>evil</script>',
    "{{7*7}}evil", "e" * 4000 + "vil",
]  # fmt: skip


@pytest.mark.proves("V1.2.2", "V3.7.2")
def test_a_sign_in_leads_nowhere_but_to_our_own_pages(site: Site) -> None:
    for address in ELSEWHERE:
        answer = site.browser().sign_in(next=address)
        where = (answer.status, answer.location, answer.text)
        assert where == (303, "/dashboard", ""), ascii(address)
        assert "vil" not in answer.shown


@pytest.mark.parametrize("case", ["wrong password", "no password", "stale form"])
def test_the_address_asked_for_is_never_echoed_by_a_form_that_is_shown_again(
    site: Site, case: str
) -> None:
    site.auth.answers["sign_in"] = WRONG
    fields = {"password": ""} if case == "no password" else {}
    token = "stale" if case == "stale form" else None
    browser = site.browser()
    browser.csrf()
    for address in ELSEWHERE:
        form = browser.get(f"/login?{urlencode({'next': address})}")
        assert (form.status, "vil" in form.shown) == (200, False), ascii(address)
        assert form.page.inputs["next"]["value"] == ""
        answer = browser.sign_in(next=address, token=token, **fields)
        assert (answer.status in (400, 401), "vil" in answer.shown) == (True, False), ascii(address)
        assert answer.page.inputs["next"]["value"] in ("", "/dashboard")


def test_the_page_asked_for_is_kept_and_led_to(site: Site) -> None:
    browser = site.browser()
    form = browser.get("/login?next=/dashboard").page
    assert form.inputs["next"]["value"] == "/dashboard"
    assert browser.get("/login").page.inputs["next"]["value"] == ""
    assert browser.sign_in(next="/dashboard").location == "/dashboard"
    assert site.browser().sign_in(next="").location == "/dashboard"

"""CSRF: no form counts that was not sent from a page of ours, in this browser and this session."""

import base64

import pytest
from werkzeug.datastructures import Headers

from tests.unit.web_frontend.conftest import PASSWORD, SECRETS, Browser, Site
from web_frontend.auth_service.answers import Refused
from web_frontend.csrf import CsrfProtection, CsrfRejected

ORIGIN = "http://localhost:8080"
FIELDS = {"username": "Alice", "password": PASSWORD, "next": ""}
FORMS = ["/login", "/register", "/logout"]


def form_routes(site: Site) -> list[str]:
    """The routes that change something, whatever they are: a new one is covered by itself."""
    safe = {"GET", "HEAD", "OPTIONS"}
    return [rule.rule for rule in site.app.url_map.iter_rules() if set(rule.methods or ()) - safe]


# --- every route


@pytest.mark.proves("V3.5.1")
def test_every_route_that_changes_something_refuses_without_a_good_token(site: Site) -> None:
    routes = form_routes(site)
    assert set(FORMS) <= set(routes)
    for route in routes:
        for browser in (site.signed_in(), site.browser()):
            # Who is signed out is led to signing in, and needs no form of an account's page.
            is_led_on = "session" not in browser.jar and route not in ("/login", "/register")
            status = 303 if is_led_on else 400
            cookies = dict(browser.jar)
            good = browser.csrf()
            for token in (None, "", "x", good[:-4], good[:-4] + "AAAA", good + "A", "=" * 64):
                sent = FIELDS if token is None else {**FIELDS, "csrf_token": token}
                answer = browser.post(route, sent)
                assert answer.status == status, (route, token)
                assert "session" not in answer.cookies
            browser.jar = cookies
            answer = browser.post(route, {**FIELDS, "csrf_token": good})
            assert answer.status == status, "the cookie is missing"
    assert not site.auth.calls


@pytest.mark.proves("V3.5.3")
def test_only_post_changes_anything(site: Site) -> None:
    for rule in site.app.url_map.iter_rules():
        assert set(rule.methods or ()) <= {"GET", "HEAD", "POST"}, rule


def test_a_token_in_the_address_or_a_header_does_not_count(site: Site) -> None:
    browser = site.signed_in()
    token = browser.csrf()
    for answer in (
        browser.post(f"/logout?csrf_token={token}"),
        browser.post("/logout", {}, {"X-CSRF-Token": token, "X-CSRFToken": token}),
    ):
        assert answer.status == 400
    assert not site.auth.calls


# --- who a token is for


def swapped(target: Browser, source: Browser, *, cookie: bool) -> str:
    """Return `source`'s form token, and plant its CSRF cookie in `target` as well where asked."""
    token = source.csrf()
    if cookie:
        target.jar["csrf"] = source.jar["csrf"]
    else:
        target.csrf()
    return token


@pytest.mark.proves("V3.5.1")
@pytest.mark.parametrize("planted", [True, False], ids=["with its cookie planted", "alone"])
@pytest.mark.parametrize("path", FORMS)
def test_a_token_of_another_browser_or_session_is_refused(
    site: Site, path: str, planted: bool
) -> None:
    makers = {
        "anonymous in signed-in": (site.signed_in(), site.browser()),
        "another session's": (site.signed_in(sid="mine"), site.signed_in(sid="theirs")),
        "another session of the same user": (site.signed_in(sid="a"), site.signed_in(sid="a2")),
    }
    if path != "/logout":
        makers["signed-in in anonymous"] = (site.browser(), site.signed_in())
    if not planted and path != "/logout":
        makers["another browser's"] = (site.browser(), site.browser())
    for name, (target, source) in makers.items():
        token = swapped(target, source, cookie=planted)
        assert target.send(path, token, **FIELDS).status == 400, name
    assert not site.auth.calls


def test_a_token_with_a_foreign_session_cookie_counts_as_anonymous(site: Site) -> None:
    browser = site.browser()
    token = browser.csrf()
    browser.jar["session"] = site.mint.token(kid="else", key=b"k" * 32)
    assert browser.send("/login", token, **FIELDS).status == 303


@pytest.mark.parametrize("path", FORMS)
def test_forms_from_before_signing_in_or_out_are_stale(site: Site, path: str) -> None:
    browser = site.browser()
    before = browser.csrf()
    browser.sign_in()
    assert browser.send(path, before, **FIELDS).status == 400
    signed_in = browser.csrf()
    assert browser.send("/logout", signed_in).status == 303
    refused = 303 if path == "/logout" else 400
    assert browser.send(path, signed_in, **FIELDS).status == refused
    assert browser.send(path, before, **FIELDS).status == refused
    assert site.auth.asked == ["sign_in", "end"]


def test_the_csrf_cookie_changes_at_signing_in_and_out_only(site: Site) -> None:
    browser = site.browser()
    browser.get("/login")
    anonymous = browser.jar["csrf"]
    site.auth.answers["sign_in"], answers = Exception(), site.auth.answers["sign_in"]
    for path in ("/login", "/register", "/", "/dashboard"):
        browser.get(path)
    assert browser.jar["csrf"] == anonymous
    site.auth.answers["sign_in"] = answers
    browser.sign_in()
    signed_in = browser.jar["csrf"]
    browser.get("/dashboard")
    assert signed_in not in (anonymous, "")
    assert browser.jar["csrf"] == signed_in
    browser.send("/logout")
    assert browser.jar["csrf"] not in (anonymous, signed_in, "")


def test_the_csrf_cookie_has_no_end_of_its_own(site: Site) -> None:
    _, attributes = site.browser().get("/login").cookies["csrf"]
    assert not {"max-age", "expires"} & attributes.keys()
    browser = site.browser()
    token = browser.csrf()
    site.clock.now += 400 * 86_400
    assert browser.send("/login", token, **FIELDS).status == 303


def test_every_rendering_masks_the_token_anew(site: Site) -> None:
    browser = site.browser()
    tokens = [browser.csrf() for _ in range(20)]
    assert len(set(tokens)) == 20
    pieces = {
        base64.urlsafe_b64decode(token)[start : start + 6]
        for token in tokens
        for start in range(70)
    }
    assert len(pieces) == 20 * 70, "some part of the token stays the same"
    assert browser.jar["csrf"] not in "".join(tokens)
    for token in tokens[:3]:
        assert browser.send("/login", token, username="", password="").status == 401, "all count"


@pytest.mark.proves("V11.5.1")
def test_the_cookies_are_unguessable_and_differ(site: Site) -> None:
    values = set()
    for _ in range(20):
        browser = site.browser()
        browser.csrf()
        values.add(browser.jar["csrf"])
    assert len(values) == 20
    assert min(len(value) for value in values) >= 22, "at least 128 bits"


# --- where a form was sent from

FOREIGN_ORIGINS = [
    "null", "", "http://evil.example", "http://localhost:9090", "http://localhost",
    "https://localhost:8080", "http://localhost:8080.evil.example", "http://localhost:80801",
    "http://localhost:8080/", f"http://evil.example, {ORIGIN}", f"{ORIGIN},{ORIGIN}",
    "//localhost:8080", "file://", "chrome-extension://abc", "\xff",
]  # fmt: skip
FOREIGN_SITES = ["cross-site", "same-site", "", "something-new", "none, cross-site"]
FOREIGN = [
    *({"Origin": origin} for origin in FOREIGN_ORIGINS),
    *({"Sec-Fetch-Site": site} for site in FOREIGN_SITES),
    {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_from_elsewhere_is_refused_with_a_good_token_too(site: Site, path: str) -> None:
    for browser in (site.browser(), site.signed_in()):
        is_led_on = "session" not in browser.jar and path == "/logout"
        token = browser.csrf()
        for headers in FOREIGN:
            answer = browser.post(path, {**FIELDS, "csrf_token": token}, headers)
            assert answer.status == (303 if is_led_on else 400), headers
            assert is_led_on or "another site" in answer.words
            assert is_led_on or f"Open {ORIGIN}" in answer.words
            assert "evil" not in answer.shown
    assert not site.auth.calls


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ORIGIN},
        {"Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://evil.example/"},
    ],
    ids=str,
)
def test_a_form_from_our_own_pages_counts(site: Site, headers: dict[str, str]) -> None:
    browser = site.browser()
    assert browser.post("/login", {**FIELDS, "csrf_token": browser.csrf()}, headers).status == 303


def test_the_public_url_says_which_origin_is_ours(https_site: Site) -> None:
    browser = https_site.browser()
    for origin, status in {
        "http://portal.example": 400,
        "https://portal.example:8443": 400,
        "https://www.portal.example": 400,
        "https://localhost": 400,
        "https://portal.example": 303,
    }.items():
        token = browser.csrf()
        answer = browser.post("/login", {**FIELDS, "csrf_token": token}, {"Origin": origin})
        assert answer.status == status, origin


# --- what the refused are told


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_refused_form_is_shown_again_with_its_user_name_and_can_be_sent(
    site: Site, path: str
) -> None:
    browser = site.browser()
    browser.csrf()
    answer = browser.send(path, "stale", username="Zoe & <b>", password=PASSWORD, next="/dashboard")
    assert answer.status == 400
    assert "<title>Error: " in answer.text
    assert "llow cookies" not in answer.words
    assert answer.page.forms == [path]
    assert answer.page.inputs["username"]["value"] == "Zoe & <b>"
    assert "value" not in answer.page.inputs["password"]
    if path == "/login":
        assert answer.page.inputs["next"]["value"] == "/dashboard"
    again = str(answer.page.inputs["csrf_token"]["value"])
    assert browser.send(path, again, username="Zoe", password=PASSWORD).status == 303


# --- the mechanism itself


def accepted(protection: CsrfProtection, cookie: str, token: str, session: str) -> bool:
    try:
        protection.check(Headers(), [cookie], token, session, is_signed_in=True)
    except CsrfRejected:
        return False
    return True


def test_a_token_is_good_for_its_key_cookie_and_session_only() -> None:
    protection = CsrfProtection(SECRETS["CSRF_KEY"], [ORIGIN])
    token = protection.token("cookie", "session", is_signed_in=True)
    assert accepted(protection, "cookie", token, "session")
    for cookie, session in (
        *(("cookie2", "session"), ("cookie", "session2"), ("cookie", ""), ("session", "cookie")),
        *(("sessioncookie", ""), ("ncookie", "sessio"), ("session\0cookie", "")),
    ):
        assert not accepted(protection, cookie, token, session), (cookie, session)
    other = CsrfProtection(SECRETS["EDGE_CREDENTIAL"], [ORIGIN])
    assert not accepted(other, "cookie", token, "session")


def test_every_bit_of_a_token_counts() -> None:
    protection = CsrfProtection(SECRETS["CSRF_KEY"], [ORIGIN])
    raw = base64.urlsafe_b64decode(protection.token("cookie", "session", is_signed_in=True))
    for position in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        token = base64.urlsafe_b64encode(changed).decode()
        assert not accepted(protection, "cookie", token, "session")
    cut = [base64.urlsafe_b64encode(raw[:length]).decode() for length in range(len(raw))]
    for token in (*cut, "é", "\0", "====", "\U0001f600", "%", "A" * 10_000, " ", "\n"):
        assert not accepted(protection, "cookie", token, "session"), token


def test_a_planted_csrf_cookie_is_of_no_use_without_its_token(site: Site) -> None:
    for planted in ("x", "\xe9", "a" * 4000, "a.b", '"'):
        browser = site.browser(csrf=planted)
        assert browser.send("/login", "", **FIELDS).status == 400
        assert browser.send("/login", planted, **FIELDS).status == 400
    assert not site.auth.calls


# --- cookies of one name, planted by another port of localhost


def test_a_second_csrf_cookie_of_a_neighbour_does_not_make_forms_stale(site: Site) -> None:
    site.auth.answers["sign_in"] = Refused(401, "invalid-credentials", {}, 5)
    browser = site.browser()
    token = browser.csrf()
    for planted in ("abc", "A" * 24):
        cookies = {"Cookie": f"csrf={planted}; csrf={browser.jar['csrf']}"}
        sent = {**FIELDS, "csrf_token": token}
        assert browser.post("/login", sent, cookies).status == 401, planted
        shown = str(browser.get("/login", cookies).page.inputs["csrf_token"]["value"])
        assert browser.post("/login", {**FIELDS, "csrf_token": shown}).status == 401, planted


# --- when the cookie is set


@pytest.mark.parametrize("path", [*FORMS, "/account/password"])
def test_a_request_from_elsewhere_sets_no_csrf_cookie(site: Site, path: str) -> None:
    """The browser keeps ours from it (Lax), and would take another one in its place."""
    for headers in FOREIGN:
        foreign = site.browser().post(path, FIELDS, headers)
        assert foreign.status == (303 if path == "/logout" else 400), headers
        assert not foreign.cookies
        assert not site.browser().get("/login", headers).cookies, headers


def test_a_link_from_another_site_leads_to_a_form_that_can_be_sent(site: Site) -> None:
    """Lax cookies come with a link: where none came there was none."""
    followed = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    browser = site.browser()
    token = str(browser.get("/login", followed).page.inputs["csrf_token"]["value"])
    assert browser.send("/login", token, **FIELDS).status == 303


@pytest.mark.parametrize("path", FORMS)
def test_a_refused_form_keeps_the_csrf_cookie_that_came(site: Site, path: str) -> None:
    for headers in ({}, *FOREIGN):
        browser = site.browser()
        browser.csrf()
        assert "csrf" not in browser.post(path, FIELDS, headers).cookies


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_form_from_elsewhere_is_shown_with_its_user_name_and_can_be_sent(
    site: Site, path: str
) -> None:
    answer = site.browser().post(path, FIELDS, {"Origin": "http://evil.example"})
    assert answer.page.inputs["username"]["value"] == "Alice"
    browser = site.browser()
    browser.csrf()
    stale = browser.send(path, str(answer.page.inputs["csrf_token"]["value"]), **FIELDS)
    assert stale.status == 400
    again = str(stale.page.inputs["csrf_token"]["value"])
    assert browser.send(path, again, **FIELDS).status == 303

"""The pages: every line of the contract's table, through the whole application."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.unit.web_frontend.conftest import IDLE, LIMIT, NOW, PASSWORD, MakeSite, Site
from web_frontend.auth_service.answers import Refused, Unavailable, Unreachable

UNREACHABLE = Unreachable("no answer")
WRONG = Refused(401, "invalid-credentials", {}, 5)


def refused(status: int, code: str = "a-code", wait: int = 5, **errors: list[str]) -> Refused:
    return Refused(status, code, errors, wait)


# --- the start page and what may be done where


def test_the_start_page_leads_to_where_the_visitor_belongs(site: Site) -> None:
    stranger, member = site.browser().get("/"), site.signed_in().get("/")
    assert (stranger.status, stranger.location) == (303, "/login")
    assert (member.status, member.location) == (303, "/dashboard")
    assert not site.auth.calls


ROUTES = {
    "/": {"GET", "HEAD"},
    "/register": {"GET", "HEAD", "POST"},
    "/login": {"GET", "HEAD", "POST"},
    "/dashboard": {"GET", "HEAD"},
    "/logout": {"POST"},
    "/account/sessions": {"GET", "HEAD", "POST"},
    "/account/password": {"GET", "HEAD", "POST"},
    "/account/delete": {"GET", "HEAD", "POST"},
    "/.well-known/change-password": {"GET", "HEAD"},
    "/healthz": {"GET", "HEAD"},
    "/robots.txt": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("who", ["stranger", "member"])
def test_methods_that_a_page_does_not_have_are_answered_405(
    site: Site, path: str, who: str
) -> None:
    browser = site.signed_in() if who == "member" else site.browser()
    token = browser.csrf()
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"}
    for method in methods - ROUTES[path]:
        for fields in ({}, {"csrf_token": token}):
            answer = browser.open(method, path, data=fields)
            assert answer.status == 405, method
            assert set(answer.headers["Allow"].split(", ")) == ROUTES[path]
    assert not site.auth.calls


def test_head_says_what_get_says_without_a_body(site: Site) -> None:
    answer = site.signed_in().open("HEAD", "/dashboard")
    assert (answer.status, answer.text) == (200, "")


ODD_PATHS = [
    "//dashboard", "//", "/dashboard/", "/dashboard//", "/dashboard;jsessionid=1", "/dashboard/..",
    "/./dashboard", "/static/../dashboard", "/dashboard%2f", "/%2fdashboard", "/dashboard\0",
    "/dashboard\n", "/dashboard ", "/DASHBOARD", "\\dashboard", "/\\dashboard", "/dashboard\xff",
    "/dashboard.html", "/login/", "//logout", "/.well-known/security.txt",
    "/.well-known/change-password/", "/account", "/account/sessions/session-1",
    "/account//sessions", "/account/sessions%2f", "/account/Password", "/api/v1/users", "/static/",
    "/static/doorward.css", "/static/../web_frontend/app.py", "/static/%2e%2e/app.py", "/console",
]  # fmt: skip


def test_odd_spellings_of_an_address_lead_nowhere(site: Site) -> None:
    for path in ODD_PATHS:
        for browser in (site.browser(), site.signed_in()):
            answer = browser.get(path)
            assert (answer.status, answer.location) == (404, None), path
            assert "Signed in since" not in answer.text
    assert not site.auth.calls


# --- the dashboard


def test_the_dashboard_is_rendered_from_the_token_alone(site: Site) -> None:
    answer = site.signed_in(age=20, auth_time=NOW - 3600, preferred_username="Zoe.1").get(
        "/dashboard"
    )
    assert answer.status == 200
    assert "Hello, Zoe.1" in answer.words
    for moment in (NOW - 3600, NOW - 20 + IDLE, NOW - 3600 + LIMIT):
        assert _stamp(moment) in answer.text
    assert not site.auth.calls
    assert "session" not in answer.cookies


@pytest.mark.proves("V1.1.2", "V1.2.1")
def test_a_user_name_is_text_and_never_markup(site: Site) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    answer = site.signed_in(preferred_username=hostile).get("/dashboard")
    assert "<script>alert" not in answer.text
    assert hostile in answer.words


NO_SESSION: dict[str, tuple[Callable[[Site], str] | str | None, str | None, bool]] = {
    # what the cookie holds, the reason that is given, whether the cookie is cleared
    "no cookie": (None, None, False),
    "an empty cookie": ("", None, False),
    "past the idle limit": (lambda site: site.mint.token(IDLE + 1), "idle", True),
    "at the idle limit, to the second": (lambda site: site.mint.token(IDLE), "idle", True),
    "at the absolute limit": (
        lambda site: site.mint.token(100, auth_time=NOW - LIMIT, exp=NOW),
        "limit",
        True,
    ),
    "our kid, another key": (lambda site: site.mint.token(key=b"k" * 32), "ended", True),
    "our kid, another type of token": (lambda site: site.mint.token(typ="JWT"), "ended", True),
    "our kid, no session": (lambda site: site.mint.token(sid=None), "ended", True),
    "an unknown kid": (lambda site: site.mint.token(kid="else", key=b"k" * 32), None, False),
    "an unknown kid and our key": (
        lambda site: site.mint.token(kid="else", key=site.mint.keys["first"]),
        None,
        False,
    ),
    "another program's cookie": ("s%3Aabc.def", None, False),
    "nonsense": ("a.b.c", None, False),
    "a token with padding": (lambda site: site.mint.token() + "=", None, False),
    "two tokens": (lambda site: f"{site.mint.token()}.{site.mint.token()}", None, False),
    "a cookie of 5 KB": ("a" * 5000, None, False),
    "a token of 5 KB": (lambda site: site.mint.token(preferred_username="a" * 4000), None, False),
}


@pytest.mark.parametrize("case", NO_SESSION)
def test_the_dashboard_without_a_live_session_leads_to_signing_in_and_says_why(
    site: Site, case: str
) -> None:
    make, reason, cleared = NO_SESSION[case]
    token = make(site) if callable(make) else make
    browser = site.browser() if token is None else site.browser(session=token)
    answer = browser.get("/dashboard")
    assert answer.status == 303
    where = urlsplit(answer.location)
    assert (where.scheme, where.netloc, where.path) == ("", "", "/login")
    expected = {"next": ["/dashboard"]} | ({"reason": [reason]} if reason else {})
    assert parse_qs(where.query) == expected
    assert answer.cleared("session") is cleared
    assert cleared or "session" not in answer.cookies
    assert not site.auth.calls
    form = browser.get(answer.location)
    assert form.status == 200
    assert form.page.inputs["next"]["value"] == "/dashboard"
    assert ('class="notice"' in form.text) is (reason is not None)


def test_a_retired_key_opens_nothing_and_its_cookie_is_left_alone(site: Site) -> None:
    browser = site.signed_in()
    site.mint.use("second", "first", retires_at=NOW)
    answer = browser.get("/dashboard")
    assert (answer.location, answer.cookies) == ("/login?next=/dashboard", {})


def test_a_changed_key_set_counts_at_once(site: Site) -> None:
    browser = site.signed_in()
    assert browser.get("/dashboard").status == 200
    site.mint.use("second")
    assert browser.get("/dashboard").status == 303
    site.mint.use("second", "first")
    assert browser.get("/dashboard").status == 200


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("idle", "30 minutes without activity"),
        ("ended", "was ended"),
        ("limit", "12 hours at most"),
    ],
)
def test_the_sign_in_page_says_why_the_session_is_over(site: Site, reason: str, said: str) -> None:
    assert said in site.browser().get(f"/login?reason={reason}").words


@pytest.mark.parametrize("reason", ["idle", "ended", "limit"])
def test_a_link_from_elsewhere_does_not_say_why_a_session_is_over(site: Site, reason: str) -> None:
    browser = site.browser()
    for origin, is_told in (
        ("cross-site", False),
        ("same-site", False),
        ("same-origin", True),
        ("none", True),
    ):
        answer = browser.get(f"/login?reason={reason}", {"Sec-Fetch-Site": origin})
        assert ('class="notice"' in answer.text) is is_told, origin


def test_the_reasons_name_the_limits_that_were_set(make_site: MakeSite) -> None:
    browser = make_site(idle_seconds=60, absolute_seconds=3600, renew_seconds=1).browser()
    assert "1 minute without" in browser.get("/login?reason=idle").words
    assert "1 hour at most" in browser.get("/login?reason=limit").words
    site = make_site(idle_seconds=61, absolute_seconds=5400)
    assert _stamp(NOW + 5400) in site.signed_in().get("/dashboard").text
    browser = site.browser()
    assert "61 seconds without" in browser.get("/login?reason=idle").words
    assert "90 minutes at most" in browser.get("/login?reason=limit").words


@pytest.mark.parametrize("reason", ["", "IDLE", "<b>boohoo</b>", "call 555-1234", "idle%00"])
def test_no_other_reason_is_shown_or_echoed(site: Site, reason: str) -> None:
    answer = site.browser().open("GET", f"/login?reason={reason}")
    assert 'class="notice"' not in answer.text
    assert "boohoo" not in answer.text
    assert "555-1234" not in answer.text


# --- signing in


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
    assert "error-summary" in answer.page.ids
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
        assert (f"#{name}" in answer.page.links) is (name in named)
        assert (f"{name}-error" in answer.page.ids) is (name in named)
    assert not site.auth.calls


FAILURES = {
    "too many, one second": (refused(429, "too-many-attempts", 1), 429, "1", "Wait 1 second,"),
    "too many, longer": (refused(429, "too-many-attempts", 61), 429, "61", "Wait 2 minutes,"),
    "too many, longest": (refused(429, "too-many-attempts", 900), 429, "900", "Wait 15 minutes,"),
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
    assert "session" not in answer.cookies
    assert len(site.auth.calls) == 1


def test_whoever_has_to_wait_is_told_of_a_way_around_it_and_finds_the_way_back(site: Site) -> None:
    site.auth.answers["sign_in"] = refused(429, "too-many-attempts", 900)
    answer = site.browser().sign_in()
    assert "You can sign in at once with a browser that you have used before." in answer.words
    assert "/login" in answer.page.links
    member = site.signed_in().get("/dashboard")
    assert "used before" not in member.words


# --- the browser is known


TOKENS = [letter * 43 for letter in "ABCDE"]


@pytest.mark.parametrize("act", ["sign_in", "register"])
def test_a_browser_is_marked_for_a_year_by_whoever_signs_in_with_it(site: Site, act: str) -> None:
    answer = getattr(site.browser(), act)()
    value, attributes = answer.cookies["device"]
    assert (value, attributes["max-age"]) == ("device-of-fresh-1".ljust(43, "-"), "31536000")
    assert site.auth.devices == [""]


def test_four_people_may_share_a_browser_and_who_signed_in_last_comes_first(site: Site) -> None:
    browser = site.browser()
    browser.jar["device"] = ".".join(TOKENS)
    browser.sign_in()
    newest = "device-of-fresh-1".ljust(43, "-")
    assert site.auth.devices == [".".join(TOKENS[:4])]
    assert browser.jar["device"] == ".".join([newest, *TOKENS[:3]])
    again = site.browser()
    again.jar["device"] = ".".join([TOKENS[0], newest.replace("1", "2"), TOKENS[1]])
    again.sign_in()
    assert again.jar["device"] == ".".join([newest.replace("1", "2"), *TOKENS[:2]])


@pytest.mark.parametrize(
    "odd", ["", ".", "x", "A" * 42, "A" * 44, "A" * 42 + "!", "A" * 5000, "..." + "B" * 42]
)
def test_what_is_no_mark_of_ours_goes_no_further(site: Site, odd: str) -> None:
    browser = site.browser()
    browser.jar["device"] = f"{odd}.{TOKENS[0]}.{odd}"
    browser.sign_in()
    assert site.auth.devices == [TOKENS[0]]


def test_a_failed_sign_in_and_signing_out_leave_the_mark_as_it_is(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    marked = browser.jar["device"]
    assert "device" not in browser.get("/dashboard").cookies
    browser.send("/logout")
    site.auth.answers["sign_in"] = refused(401, "invalid-credentials")
    assert "device" not in browser.sign_in().cookies
    assert browser.jar["device"] == marked
    assert marked in site.auth.devices


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
    assert browser.get("/dashboard").reason == "ended", "this browser does not go back to it"


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


# --- registering


def test_registering_signs_the_new_user_in(site: Site) -> None:
    browser = site.browser()
    answer = browser.register(username=" Zoe ")
    assert (answer.status, answer.location, answer.text) == (303, "/dashboard", "")
    assert site.auth.calls == [("register", "Zoe", PASSWORD)]
    assert answer.cookies["session"][0] == site.mint.made[-1]
    assert "Hello, Zoe" in browser.get("/dashboard").words


def test_what_is_wrong_with_a_registration_stands_beside_its_field(site: Site) -> None:
    site.auth.answers["register"] = refused(
        422, "x", username=["Too <short>."], password=["Too common.", "Too like your name."]
    )
    answer = site.browser().register(username="Zoe")
    assert answer.status == 422
    assert "<title>Error: " in answer.text
    for said in ("Too <short>.", "Too common.", "Too like your name."):
        assert answer.words.count(said) == 2, "in the summary and beside the field"
    assert {"#username", "#password"} <= set(answer.page.links)
    for name in ("username", "password"):
        described = str(answer.page.inputs[name]["aria-describedby"]).split()
        assert f"{name}-error" in described
        assert set(described) <= answer.page.ids
    assert answer.page.inputs["username"]["value"] == "Zoe"
    assert "value" not in answer.page.inputs["password"]
    assert "session" not in answer.cookies


def test_a_taken_name_is_answered_409_and_says_so_beside_the_name(site: Site) -> None:
    site.auth.answers["register"] = refused(409, "username-taken")
    answer = site.browser().register(username="Zoe")
    assert answer.status == 409
    assert answer.words.count("taken") == 2
    assert answer.page.inputs["username"]["aria-invalid"] == "true"
    assert answer.page.inputs["username"]["value"] == "Zoe"
    assert "session" not in answer.cookies


def test_a_registration_refused_without_a_reason_claims_no_taken_name(site: Site) -> None:
    site.auth.answers["register"] = refused(422, "invalid-fields")
    answer = site.browser().register()
    assert answer.status >= 400
    assert "taken" not in answer.words
    assert "session" not in answer.cookies


def test_a_closed_registration_has_no_form_and_no_link(make_site: MakeSite) -> None:
    assert "/register" in make_site().browser().get("/login").page.links
    closed = make_site(registration="closed")
    answer = closed.browser().get("/register")
    assert answer.status == 403
    assert not answer.page.forms
    assert "/register" not in answer.page.links
    assert "/login" in answer.page.links
    assert "/register" not in closed.browser().get("/login").page.links
    assert closed.browser().register().status == 403
    assert closed.signed_in().register().status == 403
    stale = closed.browser().post("/register", {"username": "Zoe", "password": PASSWORD})
    assert stale.status in (400, 403)
    assert not stale.page.forms
    assert not closed.auth.calls
    assert closed.browser().sign_in().status == 303


def test_a_registration_that_auth_service_has_closed_is_answered_403(site: Site) -> None:
    site.auth.answers["register"] = refused(403, "registration-closed")
    assert site.browser().register().status == 403


def test_the_contact_is_shown_as_text(make_site: MakeSite) -> None:
    assert "Forgot" not in make_site().browser().get("/login").words
    shown = make_site(contact="<Ann> & Bob").browser().get("/login")
    assert "Forgot your password? Ask <Ann> & Bob" in shown.words
    assert "<Ann>" not in shown.text


# --- signing out


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
        assert browser.get("/dashboard").reason == "ended"


@pytest.mark.parametrize(
    "marker", ["", ".", "...", "session", "session-1x", "x.session-11", "SESSION-1"]
)
def test_a_marker_of_other_sessions_ends_nothing(site: Site, marker: str) -> None:
    browser = site.signed_in()
    browser.jar["ended"] = marker
    assert browser.get("/dashboard").status == 200


# --- cookies


@pytest.mark.proves("V3.3.1", "V3.3.3")
def test_cookies_have_the_host_prefix_and_are_secure_under_https(https_site: Site) -> None:
    browser = https_site.browser()
    answer = browser.sign_in()  # the browser checks names and attributes
    assert {"__Host-session", "__Host-csrf", "__Host-device"} == answer.cookies.keys()
    assert browser.get("/dashboard").status == 200
    answer = browser.send("/logout")
    assert {"__Host-session", "__Host-csrf", "__Host-ended"} == answer.cookies.keys()
    assert answer.cleared("__Host-session")


def test_the_name_without_a_prefix_is_ignored_under_https(https_site: Site) -> None:
    token = https_site.mint.token()
    answer = https_site.browser(session=token).get("/dashboard")
    assert (answer.location, answer.cookies) == ("/login?next=/dashboard", {})
    for name in ("__host-session", "__Secure-session", " session", "__Host-session2"):
        assert https_site.browser(**{name: token}).get("/dashboard").status == 303
    browser = https_site.browser(token)
    browser.jar["ended"] = "session-1"
    assert browser.get("/dashboard").status == 200
    planter, victim = https_site.browser(), https_site.browser()
    form = planter.csrf()
    victim.jar["csrf"] = planter.jar["__Host-csrf"]
    assert victim.send("/login", form, username="Eve", password=PASSWORD).status == 400
    assert not https_site.auth.calls


@pytest.mark.parametrize(
    "cookie", ["=eyJ", "session", "=; session=", "session=\xff\xfe", 'session="', ";;;,=,"]
)
def test_malformed_cookies_are_nobodys(site: Site, cookie: str) -> None:
    for path, status in {"/dashboard": 303, "/login": 200}.items():
        answer = site.browser().open("GET", path, {"Cookie": cookie})
        assert answer.status == status
    token = site.mint.token()
    for shifted in (f"=session={token}", f'x="; session={token}"', f"__Host-session={token}"):
        assert site.browser().get("/dashboard", {"Cookie": shifted}).status == 303, shifted


# --- who may ask


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("evil.example", False),
        ("localhost:8080@evil.example", False),
        ("", False),
    ],
)
def test_pages_answer_to_their_own_host_names_only(site: Site, host: str, answered: bool) -> None:
    answer = site.browser().get("/login", {"Host": host})
    assert answer.status == (200 if answered else 400)
    assert answered or not answer.page.forms
    assert answered or "evil" not in answer.shown


# --- every page


@pytest.mark.proves("V14.2.2", "V14.3.2")
def test_no_page_may_be_stored_on_the_way(site: Site) -> None:
    for rule in site.app.url_map.iter_rules():
        if rule.rule in ("/livez", "/healthz", "/robots.txt", "/static/<name>"):
            continue
        for browser in (site.browser(), site.signed_in()):
            for method in ("GET", "POST"):
                answer = browser.open(method, rule.rule)
                assert answer.headers.get("Cache-Control") == "no-store", rule
                assert answer.headers.get("Vary") == "Cookie", rule


@pytest.mark.proves("V6.2.6", "V6.2.7")
@pytest.mark.parametrize(
    ("path", "kind"), [("/login", "current-password"), ("/register", "new-password")]
)
def test_every_form_is_complete_without_script_and_plain_to_password_managers(
    site: Site, path: str, kind: str
) -> None:
    page = site.browser().get(path).page
    assert page.forms == [path]
    username, password = page.inputs["username"], page.inputs["password"]
    plain = {"autocapitalize": "none", "spellcheck": "false"}
    assert username.items() >= ({"id": "username", "autocomplete": "username"} | plain).items()
    assert password.items() >= {"id": "password", "type": "password", "autocomplete": kind}.items()
    # Nobody has to type a password twice: it can be shown.
    assert [each["type"] for each in page.inputs.values()].count("password") == 1
    assert page.inputs["csrf_token"]["type"] == "hidden"
    assert not {"style", "onpaste"} & {*page.tags, *password}


def _stamp(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

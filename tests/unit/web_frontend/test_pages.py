"""What every page has in common: methods, hosts, cookies, caches; and the dashboard."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.web_frontend.conftest import IDLE, LIMIT, NOW, PASSWORD, MakeSite, Site

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
    "/logout": {"GET", "HEAD", "POST"},
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
    "/.well-known/change-password/", "/account/", "/account/sessions/session-1",
    "/account//sessions", "/account/sessions%2f", "/account/Password", "/api/v1/users", "/static/",
    "/static/doorward.css", "/static/../web_frontend/app.py", "/static/%2e%2e/app.py", "/console",
]  # fmt: skip


def test_odd_spellings_of_an_address_lead_nowhere(site: Site) -> None:
    for path in ODD_PATHS:
        for browser in (site.browser(), site.signed_in()):
            answer = browser.get(path)
            assert (answer.status, answer.location) == (404, None), path
            assert "without use" not in answer.text
    assert not site.auth.calls


# --- the dashboard


def test_the_dashboard_is_rendered_from_the_token_alone(site: Site) -> None:
    answer = site.signed_in(age=20, auth_time=NOW - 3600, preferred_username="Zoe.1").get(
        "/dashboard"
    )
    assert answer.status == 200
    assert "Hello, Zoe.1" in answer.words
    assert f'data-seconds="{IDLE - 20}"' in answer.text
    assert _stamp(NOW - 3600 + LIMIT) in answer.text
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
    assert parse_qs(where.query) == {"next": ["/dashboard"]}
    assert answer.notice == reason
    assert answer.cleared("session") is cleared
    assert cleared or "session" not in answer.cookies
    assert not site.auth.calls
    form = browser.get(answer.location)
    assert form.status == 200
    assert form.page.inputs["next"]["value"] == "/dashboard"
    assert ('role="status"' in form.text) is (reason is not None)


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
    assert said in site.browser(notice=reason).get("/login").words


def test_the_reasons_name_the_limits_that_were_set(make_site: MakeSite) -> None:
    site = make_site(idle_seconds=60, absolute_seconds=3600, renew_seconds=1)
    assert "1 minute without" in site.browser(notice="idle").get("/login").words
    assert "1 hour at most" in site.browser(notice="limit").get("/login").words
    site = make_site(idle_seconds=61, absolute_seconds=5400)
    assert _stamp(NOW + 5400) in site.signed_in().get("/dashboard").text
    assert "61 seconds without" in site.browser(notice="idle").get("/login").words
    assert "90 minutes at most" in site.browser(notice="limit").get("/login").words


# --- cookies


@pytest.mark.proves("V3.3.1", "V3.3.3")
def test_cookies_have_the_host_prefix_and_are_secure_under_https(https_site: Site) -> None:
    browser = https_site.browser()
    answer = browser.sign_in()  # the browser checks names and attributes
    assert {"__Host-session", "__Host-csrf", "__Host-device"} == answer.cookies.keys()
    assert browser.get("/dashboard").status == 200
    answer = browser.send("/logout")
    names = {"__Host-session", "__Host-csrf", "__Host-ended", "__Host-notice"}
    assert names == answer.cookies.keys()
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


@pytest.mark.parametrize(
    ("host", "is_told"),
    [("localhost:8080", False), ("LOCALHOST:8080", False), ("127.0.0.1:8080", False),
     ("localhost:9000", True), ("localhost", True)],
)  # fmt: skip
def test_a_page_at_a_forwarded_port_says_at_once_that_its_forms_do_not_work(
    make_site: MakeSite, host: str, is_told: bool
) -> None:
    answer = make_site().browser().get("/login", {"Host": host})
    assert answer.status == 200
    assert ("http://localhost:8080" in answer.page.links) is is_told
    behind_a_proxy = make_site(public_url="https://portal.example", trusted_proxies="192.0.2.1")
    inner = behind_a_proxy.browser().get("/login", {"Host": "portal.example:8080"})
    assert "https://portal.example" not in inner.page.links, "only the script can know"


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
                assert answer.headers.get("Vary") == "Cookie, Accept-Language", rule


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
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

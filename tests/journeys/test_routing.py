"""What can be reached through nginx, by which method, and by which spelling."""

import pytest

from journeys.visitor import Api, RawAnswer, Visitor, answer_to, new_name, raw_request, send_raw
from running_stack import Stack

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# What each address takes; everything else is answered 405.
PAGES = {
    "/": {"GET"},
    "/login": {"GET", "POST"},
    "/register": {"GET", "POST"},
    "/dashboard": {"GET"},
    "/logout": {"GET", "POST"},
    "/account": {"GET"},
    "/healthz": {"GET"},
    "/robots.txt": {"GET"},
    "/account/name": {"GET", "POST"},
    "/account/sessions": {"GET", "POST"},
    "/account/password": {"GET", "POST"},
    "/account/delete": {"GET", "POST"},
    "/account/username": {"GET", "POST"},
    "/account/data": {"GET"},
    "/.well-known/change-password": {"GET"},
}
CALLS = {
    "/api/v1/users": {"POST"},
    "/api/v1/users/me": {"DELETE"},
    "/api/v1/users/me/password": {"PUT"},
    "/api/v1/users/me/display-name": {"PUT"},
    "/api/v1/users/me/username": {"PUT"},
    "/api/v1/users/me/data": {"GET"},
    "/api/v1/sessions": {"GET", "POST", "DELETE"},
    "/api/v1/sessions/some-session": {"DELETE"},
    "/api/v1/sessions/current/reauthentication": {"POST"},
    "/api/v1/sessions/current": {"GET", "DELETE"},
    "/api/v1/sessions/current/renew": {"POST"},
    "/api/v1/openapi.json": {"GET"},
}
ALSO_TAKEN = {"HEAD": "GET"}


def taken(methods: set[str], method: str) -> bool:
    """Whether a method is one of these, HEAD going with GET."""
    return ALSO_TAKEN.get(method, method) in methods


@pytest.mark.proves("V3.5.3", "V13.4.4")
@pytest.mark.parametrize("addresses", [PAGES, CALLS], ids=["pages", "API"])
def test_every_other_method_is_answered_405_or_400(
    addresses: dict[str, set[str]], visitor: Visitor
) -> None:
    for path, methods in addresses.items():
        for method in METHODS:
            answer = visitor.request(method, path)
            if taken(methods, method):
                assert answer.status_code != 405, (method, path)
                continue
            # OPTIONS tells which methods there are; TRACE never gets past nginx.
            expected = {405, 200} if method == "OPTIONS" and path in CALLS else {405}
            if path in PAGES and method == "POST":
                expected |= {400}
            # Who is signed out needs no form of the account's pages.
            if method == "POST" and path.startswith(("/account", "/logout")):
                expected |= {303}
            assert answer.status_code in expected, (method, path)
            if answer.status_code == 405 and method != "TRACE":
                assert set(answer.headers["Allow"].split(", ")) >= methods


def test_robots_are_told_to_read_nothing(visitor: Visitor) -> None:
    assert visitor.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


@pytest.mark.proves("V13.4.5")
def test_the_containers_own_checks_are_not_reachable(stack: Stack) -> None:
    for path in (
        "/livez", "/readyz", "/livez/", "//readyz", "/api/livez", "/api/../readyz",
        "/api/v1/../../readyz", "/api/%2e%2e/readyz", "/api/..%2freadyz", "/%6civez", "/LIVEZ",
    ):  # fmt: skip
        answer = answer_to(stack.base_url, f"GET {path} HTTP/1.0", "Host: localhost")
        assert answer.status in (400, 404), path
        assert b'"ok"' not in answer.body


def test_there_is_nothing_else_below_api(visitor: Visitor) -> None:
    for path in ("/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/users", "/api/v1/users/"):
        answer = visitor.get(path)
        assert answer.status_code == 404, path
        assert "Location" not in answer.headers


@pytest.mark.proves("V13.4.1", "V13.4.2", "V13.4.3", "V13.4.5")
def test_nothing_else_is_served(visitor: Visitor, stack: Stack) -> None:
    visitor.register(new_name())
    for path in (
        *("/metrics", "/admin", "/.env", "/.git/config", "/users.json", "/debug", "/console"),
        *("/static/", "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/settings.py"),
        *("/nginx-error.html", "/nginx-problem.json", "/nginx_status", "/server-status"),
        *("/favicon.ico", "/.well-known/unknown", "/dashboard/", "/dashboard.html"),
        *("/dashboard;x", "/dashboard%00", "/dashboard%20"),
        *(f"/{'a1' * (length // 2)}" for length in (8, 64, 512)),
    ):
        headers = ("Host: localhost", f"Cookie: {visitor.session_cookie}")
        answer = answer_to(stack.base_url, f"GET {path} HTTP/1.0", *headers)
        assert answer.status in (400, 404), path


def get(stack: Stack, target: str, *headers: str) -> RawAnswer | None:
    """Send a request line just as it is written."""
    return send_raw(stack.base_url, raw_request(f"GET {target} HTTP/1.1", *headers))


SPELLINGS = (
    "//dashboard", "///dashboard", "/./dashboard", "/x/../dashboard", "/x/..%2fdashboard",
    "/..%2fdashboard", "/%2e/dashboard", "/%2fdashboard", "/dashboard%2f", "/dashboard/.",
    "/dashboard/x/..", "/%64ashboard", "/dashboard;", "/dashboard;a=b", "/dashboard%3b",
    "/dashboard%00", "/dashboard%00.css", "/dashboard%0a", "/dashboard%0d%0aX-Injected:%201",
    "/dashboard?", "/dashboard?%00", "/dashboard#", "/dashboard%23", "/dashboard\\", "\\dashboard",
    "/\\dashboard", "/dashboard%5c", "/dashboard ", "/dash board", "/dashboard%", "/dashboard%zz",
    "/dashboard%c0%af", "/%c0%afdashboard", "/\xffdashboard", "/DASHBOARD", "/Dashboard",
    "/api/../dashboard", "/api/..%2fdashboard", "/api/%2e%2e/dashboard", "/static/../dashboard",
    "/static/..%2fdashboard", "/static/../../dashboard", "/api/v1/..;/dashboard", "dashboard", "*",
    "?", "http://localhost/dashboard", "http://evil.example/dashboard",
    "https://localhost/dashboard", "http://localhost//dashboard",
    "http://localhost@evil.example/dashboard", "//evil.example/dashboard",
)  # fmt: skip


@pytest.mark.proves("V1.1.1", "V8.2.1", "V8.3.1")
def test_no_spelling_of_the_dashboard_opens_it_without_a_session(stack: Stack) -> None:
    for target in SPELLINGS:
        answer = get(stack, target, "Host: localhost")
        if answer is None:
            continue
        assert answer.status in (303, 400, 404, 405), target
        assert "X-Injected" not in answer.headers, target
        if answer.status == 303:
            assert answer.headers["Location"] in ("/login?next=/dashboard", "/login"), target
        assert b"Sign out" not in answer.body, target
        assert answer.headers["X-Request-ID"]


def test_no_spelling_is_stored_or_confused_while_signed_in(stack: Stack, visitor: Visitor) -> None:
    visitor.register(new_name())
    for target in SPELLINGS[::4]:
        answer = get(stack, target, "Host: localhost", f"Cookie: {visitor.session_cookie}")
        assert answer is None or answer.status in (200, 303, 400, 404, 405), target
        if answer is not None and answer.status == 200:
            assert answer.headers["Cache-Control"] == "no-store", target


@pytest.mark.proves("V4.2.1")
def test_contradictory_headers_are_refused(stack: Stack) -> None:
    for lines in (
        [],
        ["Host:"],
        ["Host: localhost", "Host: evil.example"],
        ["Host: evil.example"],
        ["Host: localhost:1@evil.example"],
        ["Host: localhost/evil"],
        ["Host: localhost", "X Bad: 1"],
        ["Host: localhost", " folded: 1"],
        ["Host: localhost", "X-Nul: a\0b"],
    ):
        answer = get(stack, "/login", *lines)
        assert answer is None or answer.status == 400, lines


def test_the_same_paths_of_the_api_in_other_spellings_do_nothing(stack: Stack, api: Api) -> None:
    name = new_name()
    body = f'{{"username":"{name}","password":"nine tin otters juggle pears"}}'
    for path in (
        "/api//v1/users",
        "//api/v1/users",
        "/api/v1/users/",
        "/api/v1/users;x",
        "/api/v1/Users",
    ):
        headers = ("Host: localhost", "Content-Type: application/json")
        length = f"Content-Length: {len(body)}"
        answer = answer_to(stack.base_url, f"POST {path} HTTP/1.1", *headers, length, body=body)
        assert answer.status in (400, 404, 405), path
    assert api.sign_in(name).status_code == 401, "no account was made"

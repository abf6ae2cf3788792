"""The cookies: names, attributes, and when they come and go."""

from collections.abc import Callable

import pytest
import requests

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Page, RawAnswer, Visitor, new_name, send_raw
from running_stack import Stack

HTTPS = {"DOORWARD_PUBLIC_URL": "https://door.example", "DOORWARD_TRUSTED_PROXIES": "127.0.0.1"}


def cookies(answer: requests.Response) -> dict[str, tuple[str, set[str]]]:
    """Return what an answer sets: name to value and attributes."""
    found = {}
    for line in answer.raw.headers.getlist("Set-Cookie"):
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        assert name not in found, "set twice"
        found[name] = (value, set(attributes))
    return found


def own(visitor: Visitor, answer: requests.Response) -> dict[str, tuple[str, set[str]]]:
    """Return what an answer sets by the names without the prefix that all of them must have here."""
    found = cookies(answer)
    prefix = visitor.cookie_name("")
    assert all(name.startswith(prefix) for name in found)
    return {name.removeprefix(prefix): cookie for name, cookie in found.items()}


def with_cookie_lines(visitor: Visitor, path: str, lines: list[str]) -> RawAnswer | None:
    """Ask for a page with a Cookie header for each line; `requests` would send one only."""
    headers = "".join(f"Cookie: {line}\r\n" for line in lines)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"
    return send_raw(visitor.base_url, request.encode())


def usual(visitor: Visitor) -> set[str]:
    """Return the attributes that every cookie has."""
    secure = {"Secure"} if visitor.base_url.startswith("https:") else set()
    return secure | {"HttpOnly", "SameSite=Lax", "Path=/"}


@pytest.mark.proves("V3.3.2", "V3.3.4")
def test_the_session_cookie_is_closed_to_scripts_and_other_sites(visitor: Visitor) -> None:
    value, attributes = own(visitor, visitor.register(new_name()))["session"]
    assert value.count(".") == 2
    assert attributes == usual(visitor), "no Domain, and gone with the browser"


@pytest.mark.proves("V3.3.2")
def test_the_csrf_cookie_has_the_same_attributes(visitor: Visitor) -> None:
    value, attributes = own(visitor, visitor.get("/login"))["csrf"]
    assert len(value) >= 22
    assert attributes == usual(visitor)


def test_the_csrf_cookie_is_new_after_signing_in_and_out(visitor: Visitor, username: str) -> None:
    before = own(visitor, visitor.get("/login"))["csrf"][0]
    signed_in = own(visitor, visitor.sign_in(username))["csrf"][0]
    signed_out = own(visitor, visitor.sign_out())["csrf"][0]
    assert len({before, signed_in, signed_out}) == 3


@pytest.mark.proves("V14.3.1")
def test_signing_out_clears_the_session_and_stored_pages_but_no_foreign_cookie(
    visitor: Visitor,
) -> None:
    visitor.register(new_name())
    answer = visitor.sign_out()
    value, attributes = own(visitor, answer)["session"]
    assert value == ""
    assert "Max-Age=0" in attributes
    assert usual(visitor) <= attributes
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


def test_signing_out_leaves_a_marker_of_a_minute(visitor: Visitor) -> None:
    visitor.register(new_name())
    old = visitor.token
    value, attributes = own(visitor, visitor.sign_out())["ended"]
    assert value
    assert "Max-Age=60" in attributes
    assert usual(visitor) <= attributes

    visitor.token = old
    answer = visitor.get("/dashboard")
    assert answer.headers["Location"] == "/login?next=/dashboard&reason=ended"
    assert own(visitor, answer)["session"][0] == ""


def test_a_fresh_session_sets_no_cookie_again(visitor: Visitor) -> None:
    visitor.register(new_name())
    visitor.get("/dashboard")
    answer = visitor.get("/dashboard")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_another_programs_session_cookie_is_left_alone(visitor: Visitor) -> None:
    for foreign in ("theirs", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 3000):
        visitor.token = foreign
        answer = visitor.get("/dashboard")
        assert answer.headers["Location"] == "/login?next=/dashboard", (
            "no reason: it was never ours"
        )
        assert "session" not in own(visitor, answer)
        assert visitor.page("/login").forms


@pytest.mark.proves("V14.2.2")
def test_static_files_and_health_set_no_cookie(visitor: Visitor) -> None:
    visitor.register(new_name())
    page = visitor.get("/dashboard").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    for path in (address, "/healthz"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in visitor.get(address).headers.get("Vary", ""), "the same for everybody"


@pytest.mark.proves("V3.3.1", "V3.3.3")
def test_under_https_every_cookie_has_the_host_prefix_and_no_other_name_counts(
    stack_with: Callable[..., Stack], new_visitor: NewVisitor
) -> None:
    secure = stack_with(**HTTPS)
    visitor = new_visitor(secure)
    visitor.http.headers["Host"] = "door.example"
    # The proxy that ends TLS is played by the test, which carries the cookies by hand.
    start = visitor.get("/register")
    sent = cookies(start)
    assert set(sent) == {"__Host-csrf"}
    assert sent["__Host-csrf"][1] == {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
    form = Page(start).form("/register")

    def jar(cookies: dict[str, tuple[str, set[str]]]) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, (value, _) in cookies.items())}

    origin = {"Origin": "https://door.example"}
    answer = visitor.submit(form, origin | jar(sent), username=new_name(), password=PASSWORD)
    assert answer.status_code == 303
    sent |= cookies(answer)
    assert set(sent) == {"__Host-csrf", "__Host-session", "__Host-device"}
    year = "Max-Age=31536000"
    assert sent["__Host-device"][1] >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", year}
    assert sent["__Host-session"][1] == {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
    dashboard = visitor.get("/dashboard", headers=jar(sent))
    assert dashboard.status_code == 200

    unprefixed = {"Cookie": f"session={sent['__Host-session'][0]}"}
    assert visitor.get("/dashboard", headers=unprefixed).status_code == 303

    http_origin = visitor.submit(
        Page(dashboard).form("/logout"), {"Origin": "http://door.example"} | jar(sent)
    )
    assert http_origin.status_code == 400
    answer = visitor.submit(Page(dashboard).form("/logout"), origin | jar(sent))
    assert answer.status_code == 303
    cleared = cookies(answer)
    assert {"Secure", "Max-Age=0"} <= cleared["__Host-session"][1]
    assert "Secure" in cleared["__Host-ended"][1]


def test_a_session_cookie_in_a_line_of_its_own_counts(visitor: Visitor) -> None:
    """Some fronts that speak HTTP/2 pass cookies on in several lines (RFC 9113, 8.2.3)."""
    visitor.register(new_name())
    session = f"{visitor.cookie_name('session')}={visitor.token}"
    for lines in (["theme=dark", session], [session, "theme=dark"], ["a=1; b=2", session, "c=3"]):
        answer = with_cookie_lines(visitor, "/dashboard", lines)
        assert answer is not None
        assert answer.status == 200, lines


def test_a_neighbours_cookie_of_the_same_name_does_not_hide_the_session(visitor: Visitor) -> None:
    visitor.register(new_name())
    name = visitor.cookie_name("session")
    line = f"{name}=abc; {name}={visitor.token}"
    answer = with_cookie_lines(visitor, "/dashboard", [line])
    assert answer is not None
    assert answer.status == 200

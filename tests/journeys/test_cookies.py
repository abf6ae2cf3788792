"""The cookies: names, attributes, and when they come and go."""

import pytest
import requests

from journeys.visitor import RawAnswer, Visitor, answer_to, new_name


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
    """Return what an answer sets, by name without the prefix that every name must have here."""
    found = cookies(answer)
    prefix = visitor.cookie_name("")
    assert all(name.startswith(prefix) for name in found)
    return {name.removeprefix(prefix): cookie for name, cookie in found.items()}


def with_cookie_lines(visitor: Visitor, path: str, lines: list[str]) -> RawAnswer:
    """Ask for a page with a Cookie header for each line; `requests` would send one only."""
    cookies = [f"Cookie: {line}" for line in lines]
    return answer_to(visitor.base_url, f"GET {path} HTTP/1.1", "Host: localhost", *cookies)


def usual(visitor: Visitor) -> set[str]:
    """Return the attributes that every cookie has."""
    secure = {"Secure"} if visitor.base_url.startswith("https:") else set()
    return secure | {"HttpOnly", "SameSite=Lax", "Path=/"}


@pytest.mark.proves("V3.3.2", "V3.3.4")
def test_our_cookies_are_closed_to_scripts_and_other_sites(visitor: Visitor) -> None:
    set_at_once = own(visitor, visitor.register(new_name()))
    for name in ("session", "csrf"):
        assert set_at_once[name][1] == usual(visitor), "no Domain, and gone with the browser"
    assert set_at_once["session"][0].count(".") == 2
    assert len(set_at_once["csrf"][0]) >= 22


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
    assert answer.headers["Clear-Site-Data"] == '"storage"'


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


def test_a_session_cookie_counts_in_any_line_and_beside_a_neighbours(visitor: Visitor) -> None:
    """Some fronts that speak HTTP/2 pass cookies on in several lines (RFC 9113, 8.2.3)."""
    visitor.register(new_name())
    session = visitor.session_cookie
    neighbours = f"{visitor.cookie_name('session')}=abc; {session}"
    for lines in (["theme=dark", session], ["a=1; b=2", session, "c=3"], [neighbours]):
        answer = with_cookie_lines(visitor, "/dashboard", lines)
        assert answer.status == 200, lines

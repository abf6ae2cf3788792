"""The headers that every answer has, nginx's own answers included."""

import re
from collections.abc import Mapping

import pytest

from journeys.attack_lists import LARGE, REFUSED, STRANGE, unusual
from journeys.visitor import Api, RawAnswer, Visitor, answer_to, send_raw
from running_stack import Stack

PAGE_POLICY = {
    "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'",
    "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
}  # fmt: skip
REQUEST_ID = re.compile(r"[0-9a-f]{32}")


def check(headers: Mapping[str, str], *, api: bool = False) -> None:
    """Check the headers that have to be everywhere."""
    policy = set(headers["Content-Security-Policy"].split("; "))
    assert policy == ({"default-src 'none'", "frame-ancestors 'none'"} if api else PAGE_POLICY)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert REQUEST_ID.fullmatch(headers["X-Request-ID"])
    assert not re.search(r"\d", headers.get("Server", "")), "no version"
    for told_too_much in ("X-Powered-By", "Via", "X-Edge-Credential", "X-Service-Credential"):
        assert told_too_much not in headers


@pytest.mark.proves("V3.4.3", "V3.4.4", "V3.4.5", "V3.4.6")
def test_pages_have_them(visitor: Visitor) -> None:
    for path, status in (
        ("/", 303),
        ("/login", 200),
        ("/logout", 303),
        ("/healthz", 200),
        ("/nothing", 404),
        ("/static/nothing.css", 404),
        ("/livez", 404),
    ):
        answer = visitor.get(path)
        assert answer.status_code == status, path
        check(answer.headers)


@pytest.mark.proves("V3.2.1", "V3.4.3", "V3.4.4", "V3.4.6", "V16.5.1")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/openapi.json", 200),
        ("GET", "/sessions/current", 401),
        ("DELETE", "/sessions/current", 401),
        ("GET", "/users", 405),
        ("GET", "/nothing", 404),
        ("POST", "/users", 415),
    ],
)
def test_api_answers_have_them(method: str, path: str, status: int, api: Api) -> None:
    answer = api.request(method, path)
    assert answer.status_code == status
    check(answer.headers, api=True)
    assert answer.headers["Cache-Control"] == "no-store"
    if status >= 400:
        problem = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert set(problem) >= {"type", "title", "status", "detail"}
        assert problem["type"].startswith("urn:doorward:problem:")
        assert problem["status"] == status
        assert problem["request_id"] == answer.headers["X-Request-ID"]


def test_a_static_file_has_one_spelling_so_that_it_is_cached_once(
    visitor: Visitor, stack: Stack
) -> None:
    address = re.findall(r'"(/static/[^"]+\.css)"', visitor.get("/login").text)[0]
    last = ord(address[-1])
    for other in (
        f"{address[:-1]}%{last:02x}", f"{address[:-1]}%{last:02X}",
        f"/static/%{ord(address[8]):02x}{address[9:]}", f"/static/./{address[8:]}",
        f"/static/x/../{address[8:]}", f"/static%2f{address[8:]}", f"/%73tatic/{address[8:]}",
        f"/x/..{address}", f"{address}/", f"{address}%3fx",
    ):  # fmt: skip
        answer = answer_to(stack.base_url, f"GET {other} HTTP/1.1", "Host: localhost")
        assert answer.status == 404, other
        check(answer.headers)
        assert answer.headers["Cache-Control"] == "no-store"
    assert visitor.get(f"{address}?x").status_code == 200


def raw(stack: Stack, request: bytes) -> RawAnswer:
    """Send a request that has to be answered."""
    answer = send_raw(stack.base_url, request)
    assert answer is not None
    return answer


@pytest.mark.proves("V3.4.4", "V3.4.6", "V16.5.1")
@pytest.mark.parametrize("path", ["/login", "/api/v1/sessions"])
def test_what_nginx_refuses_itself_has_them(path: str, stack: Stack) -> None:
    api = path.startswith("/api/")
    for status, line, headers in REFUSED:
        answer = raw(stack, unusual(line, headers, path, "localhost"))
        assert answer.status == status, (line[:40], headers[:40])
        check(answer.headers, api=api)
        assert answer.headers["Cache-Control"] == "no-store"
        if api:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert f'"status":{status}'.encode() in answer.body
        else:
            assert answer.headers["Content-Type"].startswith("text/html")
            assert answer.headers["X-Request-ID"].encode() in answer.body, "the page quotes it"
        assert b"nginx/" not in re.sub(rb"/nginx-error\.(css|svg)", b"", answer.body)


@pytest.mark.parametrize(("path", "status"), [("/login", 200), ("/api/v1/sessions", 401)])
def test_what_nginx_lets_through_is_answered_by_the_services(
    path: str, status: int, stack: Stack
) -> None:
    strange = [("GET {path} HTTP/1.1", f"{{host}}{header}\r\n") for header in STRANGE]
    for line, headers in (*LARGE, *strange):
        answer = raw(stack, unusual(line, headers, path, "localhost"))
        assert answer.status == status, (line[:40], headers[:40])
        check(answer.headers, api=status == 401)
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_api_is_passed_no_header_that_it_does_not_read(stack: Stack) -> None:
    odd = "{host}X-Anything: a\x01b\x7f\r\n" + "X-Other: c\r\n" * 900
    answer = raw(stack, unusual("GET {path} HTTP/1.1", odd, "/api/v1/sessions", "localhost"))
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_request_has_an_id_of_its_own_and_pages_quote_it(visitor: Visitor) -> None:
    first, second = visitor.get("/nothing"), visitor.get("/nothing")
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert first.headers["X-Request-ID"] in first.text


def test_pages_are_compressed_and_api_answers_are_not(
    visitor: Visitor, api: Api, username: str
) -> None:
    page = visitor.get("/login", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    answer = api.request(
        "GET", "/sessions/current", token=api.token(username), headers={"Accept-Encoding": "gzip"}
    )
    assert "Content-Encoding" not in answer.headers


@pytest.mark.proves("V3.4.2", "V3.5.2")
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "own"])
def test_no_other_origin_is_let_in(origin: str, visitor: Visitor) -> None:
    asked = {
        "Origin": visitor.base_url if origin == "own" else origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in ("/login", "/nothing", "/api/v1/sessions", "/api/v1/openapi.json"):
        for method in ("OPTIONS", "GET", "POST"):
            answer = visitor.request(method, path, headers=asked)
            names = {name.lower() for name in answer.headers}
            assert [name for name in names if name.startswith("access-control-")] == []

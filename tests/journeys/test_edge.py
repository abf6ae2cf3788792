"""What nginx answers by itself: health for whoever asks, foreign hosts, and TRACE."""

import json

import pytest

from journeys.visitor import RawAnswer, answer_to
from running_stack import Stack


def ask(stack: Stack, first_line: str, *headers: str) -> RawAnswer:
    return answer_to(stack.base_url, first_line, *headers)


@pytest.mark.parametrize(
    ("first_line", "headers"),
    [
        ("GET /healthz HTTP/1.1", ["Host: 192.0.2.7"]),
        ("GET /healthz HTTP/1.1", ["Host: evil.example:81"]),
        ("GET /healthz HTTP/1.1", ["Host: localhost."]),
        ("GET /healthz HTTP/1.1", ["Host: [2001:db8::1]"]),
        ("GET /healthz HTTP/1.1", ["Host: x", "Cookie: a\tb=c", "Origin: null"]),
        ("GET /healthz HTTP/1.0", []),
        ("GET /healthz HTTP/1.0", ["Host: evil.example"]),
        ("GET http://evil.example/healthz HTTP/1.1", ["Host: evil.example"]),
    ],
)
def test_whoever_asks_for_the_health_is_told_nothing_but_the_status(
    stack: Stack, first_line: str, headers: list[str]
) -> None:
    answer = ask(stack, first_line, *headers)
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok"}
    assert "Set-Cookie" not in answer.headers


FOREIGN = ["localhost:8080@evil", "localhost.", "localhost:abc", "localhost:", "evil.example"]


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/login", "/api/v1/openapi.json"])
def test_pages_and_api_refuse_the_same_hosts(stack: Stack, path: str, host: str) -> None:
    assert ask(stack, f"GET {path} HTTP/1.1", f"Host: {host}").status == 400


@pytest.mark.parametrize("path", ["/login", "/api/v1/openapi.json"])
def test_a_foreign_host_in_the_request_line_is_refused(stack: Stack, path: str) -> None:
    """It counts before the header Host (RFC 9112, section 3.2.2)."""
    for host in ("evil.example", "evil.example:8080", "localhost.evil.example"):
        assert ask(stack, f"GET http://{host}{path} HTTP/1.1", "Host: localhost").status == 400
    assert ask(stack, f"GET http://localhost{path} HTTP/1.1", "Host: localhost").status == 200


@pytest.mark.parametrize("path", ["/login", "/api/v1/openapi.json"])
def test_pages_and_api_take_the_hosts_of_this_site_with_any_port(stack: Stack, path: str) -> None:
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:65535"):
        assert ask(stack, f"GET {path} HTTP/1.1", f"Host: {host}").status == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/login", "GET, HEAD, POST"),
        ("/nothing", "GET, HEAD, POST"),
        ("/api/v1/sessions", "GET, HEAD, POST, PUT, DELETE"),
    ],
)
def test_trace_is_refused_with_the_methods_that_are_allowed(
    stack: Stack, path: str, allowed: str
) -> None:
    answer = ask(stack, f"TRACE {path} HTTP/1.1", "Host: localhost")
    assert answer.status == 405
    assert answer.headers.get_all("Allow") == [allowed]

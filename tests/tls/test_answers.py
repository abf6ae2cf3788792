"""What a certificate changes in the answers: cookies, HSTS, and the plain port."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from journeys.attack_lists import REFUSED, unusual
from journeys.test_cookies import cookies
from journeys.visitor import PASSWORD, Api, Page, Visitor, answer_to, new_name, send_raw
from running_stack import Stack
from tls.conftest import PUBLIC_URL

HSTS = "max-age=31536000; includeSubDomains"
FLAGS = {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}


@pytest.fixture
def visitor(secure: Stack) -> Iterator[Visitor]:
    """A person with a fresh browser."""
    with Visitor(secure.base_url) as person:
        yield person


@pytest.fixture
def of_domain(domain: Stack) -> Iterator[Visitor]:
    """A person who comes by the name."""
    with Visitor(domain.base_url) as person:
        person.http.headers["Host"] = "door.example:8123"
        yield person


@pytest.fixture
def plain(secure: Stack) -> Iterator[Visitor]:
    """A person who comes without TLS."""
    with Visitor(secure.plain_url) as person:
        yield person


# --- cookies


@pytest.mark.proves("V3.3.1", "V3.3.3")
def test_every_cookie_has_the_prefix_and_all_flags(visitor: Visitor) -> None:
    start = visitor.get("/register")
    form = Page(start).form("/register")
    signed_in = visitor.submit(form, username=new_name(), password=PASSWORD)
    assert signed_in.status_code == 303
    signed_out = visitor.sign_out()
    seen = [cookies(answer) for answer in (start, signed_in, signed_out)]
    assert "__Host-session" in seen[1]
    assert "__Host-session" in seen[2]
    for name, (_, attributes) in [cookie for found in seen for cookie in found.items()]:
        assert name.startswith("__Host-")
        assert attributes >= FLAGS
        assert not [word for word in attributes if word.startswith("Domain")]


@pytest.mark.proves("V3.3.3")
def test_a_cookie_without_the_prefix_counts_for_nothing(visitor: Visitor) -> None:
    visitor.register(new_name())
    token = visitor.token
    assert visitor.get("/dashboard", headers={"Cookie": visitor.session_cookie}).status_code == 200
    for cookie in (f"session={token}", f"__Secure-session={token}", f"__host-session={token}"):
        answer = visitor.get("/dashboard", headers={"Cookie": cookie})
        assert (answer.status_code, answer.headers["Location"]) == (
            303,
            "/login?next=/dashboard",
        ), cookie


# --- HSTS


@pytest.mark.proves("V3.4.1")
def test_every_answer_tells_browsers_to_come_by_https_only(of_domain: Visitor) -> None:
    for method, path, status in (
        ("GET", "/", 303),
        ("GET", "/login", 200),
        ("GET", "/nothing", 404),
        ("POST", "/login", 400),
        ("GET", "/healthz", 200),
        ("GET", "/livez", 404),
        ("GET", "/nginx-error.css", 200),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/api/v1/sessions/current", 401),
        ("DELETE", "/api/v1/nothing", 404),
        ("TRACE", "/", 405),
    ):
        answer = of_domain.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["Strict-Transport-Security"] == HSTS, path


@pytest.mark.proves("V3.4.1")
@pytest.mark.parametrize("path", ["/login", "/api/v1/sessions"])
def test_what_nginx_refuses_itself_has_it_too(path: str, domain: Stack) -> None:
    for status, line, headers in REFUSED[::3]:
        answer = send_raw(domain.base_url, unusual(line, headers, path, "door.example"))
        assert answer is not None
        assert answer.status == status, (line[:40], headers[:40])
        assert answer.headers.get_all("Strict-Transport-Security") == [HSTS]


def test_it_is_sent_while_a_service_is_away(domain: Stack, of_domain: Visitor) -> None:
    with domain.stopped("web-frontend"):
        answer = of_domain.get("/login")
        assert answer.status_code == 503
        assert answer.headers["Strict-Transport-Security"] == HSTS


def test_localhost_gets_none(visitor: Visitor) -> None:
    for path in ("/", "/login", "/nothing", "/healthz", "/api/v1/openapi.json"):
        assert "Strict-Transport-Security" not in visitor.get(path).headers


# --- the plain port


@pytest.mark.proves("V4.1.2", "V12.2.1")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_pages_are_redirected_to_the_public_url(method: str, plain: Visitor, secure: Stack) -> None:
    for path in ("/", "/login?next=/dashboard", "/nothing/%C3%A4?a=b&c=%0A"):
        answer = plain.request(method, path)
        assert (answer.status_code, answer.headers["Location"]) == (301, secure.base_url + path)
        assert "Strict-Transport-Security" not in answer.headers, "RFC 6797, section 7.2"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/login", "//evil.example/x", "/\\evil.example", "/@evil.example"]
)
def test_the_redirect_goes_to_no_host_but_our_own(path: str, domain: Stack) -> None:
    for target in (path, f"http://evil.example{path}"):
        for host in ("evil.example", "door.example:1", "localhost", "evil.example:443"):
            answer = answer_to(domain.plain_url, f"GET {target} HTTP/1.1", f"Host: {host}")
            if answer.status != 400:
                location = urlsplit(answer.headers["Location"])
                assert answer.status == 301
                assert f"{location.scheme}://{location.netloc}" == PUBLIC_URL


@pytest.mark.proves("V4.1.2", "V12.2.1")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_the_api_is_refused_and_never_redirected(method: str, secure: Stack) -> None:
    body = {"username": new_name(), "password": PASSWORD}
    with Api(secure.plain_url) as program:
        for path in ("/users", "/sessions", "/sessions/current", "/openapi.json", "/nothing", "/"):
            answer = program.request(method, path, json=body)
            check_refused(answer)
            if method == "HEAD":
                continue
            problem = answer.json()
            assert problem["type"] == "urn:doorward:problem:https-required"
            assert problem["status"] == 403
            assert problem["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.proves("V12.2.1")
def test_forms_are_refused_with_a_page(plain: Visitor) -> None:
    for path in ("/login", "/register", "/logout", "/nothing"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = plain.request(method, path, data={"username": "alice", "password": PASSWORD})
            check_refused(answer)
            assert "This connection is not secure" in Page(answer).text


def check_refused(answer: requests.Response) -> None:
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_plain_http_on_the_https_port_gets_nothing(secure: Stack) -> None:
    wrong = f"http://localhost:{secure.port}"
    for path in ("/login", "/api/v1/openapi.json"):
        answer = answer_to(wrong, f"GET {path} HTTP/1.1", "Host: localhost")
        assert answer.status == 400
        assert "Set-Cookie" not in answer.headers

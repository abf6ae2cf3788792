"""Health: whoever asks is answered, is told nothing else, and leaves no trace."""

from typing import Any

import pytest

from tests.unit.web_frontend.conftest import SECRETS, Site
from web_frontend.auth_service.answers import Unavailable, Unreachable

FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Host": "10.0.0.7:8080"},
    {"Host": ""},
    {"Host": "localhost:8080@evil"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    {"Cookie": "session=abc"},
    {"X-Edge-Credential": "not the right one"},
    {"Transfer-Encoding": "chunked"},
    {"Content-Type": "x" * 300},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
@pytest.mark.parametrize("path", ["/healthz", "/livez"])
def test_health_is_told_whoever_asks_and_never_recorded(
    site: Site, path: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    expired, forged = site.mint.token(5000), site.mint.token(key=b"k" * 32)
    for browser in (site.browser(), site.browser(expired), site.browser(forged)):
        answer = browser.get(path, headers)
        assert (answer.status, answer.response.json) == (200, {"status": "ok"})
        assert not answer.cookies
    assert not caplog.records


def test_health_is_told_to_a_program_that_names_no_host(site: Site) -> None:
    """HTTP/1.0 knows no Host."""
    environ: dict[str, Any] = {"HTTP_HOST": "", "SERVER_PROTOCOL": "HTTP/1.0"}
    assert site.browser().open("GET", "/healthz", environ=environ).status == 200


@pytest.mark.parametrize("error", [Unreachable("secret inside"), Unavailable("secret inside", 60)])
def test_health_says_nothing_but_that_the_site_is_not_ready(
    site: Site, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    site.auth.answers["check_ready"] = error
    answer = site.browser().get("/healthz", {"Host": "10.0.0.7"})
    assert (answer.status, answer.response.json) == (503, {"status": "unavailable"})
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not caplog.records


def test_auth_service_is_told_who_asks_where_nginx_says_so(site: Site) -> None:
    headers = {
        "X-Edge-Credential": SECRETS["EDGE_CREDENTIAL"],
        "X-Forwarded-For": "203.0.113.9",
        "X-Request-ID": "feedc0de-0123456789",
    }
    site.browser().get("/healthz", headers)
    caller = site.auth.callers[-1]
    assert (caller.address, caller.request_id) == ("203.0.113.9", "feedc0de-0123456789")

"""Who the client is: only nginx, which shows the edge credential, may say so."""

import pytest

from tests.unit.web_frontend.conftest import SECRETS, Site

EDGE = SECRETS["EDGE_CREDENTIAL"]
FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "feedc0de-1234"}


def caller(site: Site, headers: dict[str, str], peer: str = "198.51.100.7") -> tuple[str, str, str]:
    """Sign in with these headers; return who auth-service is told that the client is."""
    browser = site.browser()
    fields = {"csrf_token": browser.csrf(), "username": "Alice", "password": "a password"}
    answer = browser.post("/login", fields, headers, environ={"REMOTE_ADDR": peer})
    assert answer.status == 303
    told = site.auth.callers[-1]
    return told.address, told.request_id, told.user_agent


def test_with_the_edge_credential_the_forwarded_client_is_believed(site: Site) -> None:
    headers = {**FORWARDED, "X-Edge-Credential": EDGE, "User-Agent": "Lynx"}
    assert caller(site, headers) == ("203.0.113.9", "feedc0de-1234", "Lynx")


@pytest.mark.parametrize(
    "shown",
    [{}, {"X-Edge-Credential": ""}, {"X-Service-Credential": SECRETS["SERVICE_CREDENTIAL"]}],
)
def test_without_the_edge_credential_the_peer_is_the_client(
    site: Site, shown: dict[str, str]
) -> None:
    address, request_id, _ = caller(site, FORWARDED | shown)
    assert address == "198.51.100.7"
    assert request_id != "feedc0de-1234"


@pytest.mark.proves("V13.2.1", "V4.1.3")
@pytest.mark.parametrize(
    "shown", ["x", EDGE[:-1], f"{EDGE}, {EDGE}", SECRETS["SERVICE_CREDENTIAL"], "\xff" * 43]
)
def test_a_wrong_edge_credential_is_an_error_page_and_one_warning_without_it(
    site: Site, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/login", "/nothing"):
        caplog.clear()
        answer = site.browser().get(path, {**FORWARDED, "X-Edge-Credential": shown})
        assert answer.status == 502
        assert "feedc0de-1234" not in answer.text
        [record] = caplog.records
        assert record.levelname == "WARNING"
        assert len(shown) < 2 or shown not in caplog.text


def test_forwarded_headers_change_neither_scheme_nor_host(site: Site) -> None:
    headers = {
        "X-Edge-Credential": EDGE,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Port": "666",
    }
    answer = site.browser().get("/dashboard", headers)
    assert answer.location == "/login?next=/dashboard"
    assert "csrf" in site.browser().get("/login", headers).cookies

"""Pages in front of a real connection to an auth-service that misbehaves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_settings.web_frontend import read_settings
from misbehaving_server import Script, answer, problem, sends
from unit.web_frontend.auth_client.calls import HTML, ISSUED, ODD_AGENTS, reset, silence
from unit.web_frontend.auth_client.conftest import Serve
from unit.web_frontend.conftest import Clock, FakeAuth, Mint, Site
from web_frontend.app import create_app

pytestmark = pytest.mark.enable_socket
SiteBefore = Callable[[str], Site]
NO_USE = answer(200, HTML, Content_Type="text/html")


@pytest.fixture
def site_before(environment: pytest.MonkeyPatch, tmp_path: Path) -> SiteBefore:
    """Return a function that builds web-frontend in front of the auth-service at an address."""

    def build(url: str) -> Site:
        environment.setenv("DOORWARD_AUTH_URL", url)
        clock = Clock()
        mint = Mint(tmp_path / "keys.json", clock)
        app = create_app(read_settings(), clock)
        return Site(app, mint, clock, FakeAuth(mint), https=False, host="localhost:8080")

    return build


def issued(token: str) -> Script:
    """Return a script that answers with this token, to whatever was asked."""
    session = {**ISSUED, "token": token}
    return sends(answer(200, {**session, "session": session}))


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("script", "age", "status"),
    [
        (reset, 299, 200),
        (reset, 301, 503),
        (silence, 100, 200),
        (sends(answer(503)), 100, 503),
        (sends(NO_USE), 100, 503),
        (issued("x\r\nSet-Cookie: a=b"), 100, 503),
    ],
    ids=["unreachable", "unreachable for long", "silent", "busy", "HTML", "no token"],
)
def test_a_dashboard_before_a_misbehaving_auth_service(
    serve: Serve,
    site_before: SiteBefore,
    short_deadlines: float,
    script: Script,
    age: int,
    status: int,
) -> None:
    site = site_before(serve(script).url)
    answered = site.signed_in(age=age).get("/dashboard")
    assert answered.status == status
    assert answered.cookies.keys() <= {"csrf"}
    assert ("Hello, Alice" in answered.words) is (status == 200)
    assert ("could not be renewed just now" in answered.words) is (status == 200)


def test_an_odd_browser_cannot_make_auth_service_look_unreachable(
    serve: Serve, site_before: SiteBefore
) -> None:
    server = serve(sends(problem(401, "session-ended")))
    for agent in ODD_AGENTS:
        site = site_before(server.url)  # which remembers whom auth-service has refused
        answered = site.signed_in(age=100).get("/dashboard", {"User-Agent": agent})
        assert "Hello, Alice" not in answered.words
        assert answered.cleared("session")
    assert len(server.requests) == len(ODD_AGENTS)


@pytest.mark.fault(16)
@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_form_before_a_misbehaving_auth_service_is_sent_once_and_signs_nobody_in(
    serve: Serve, site_before: SiteBefore, short_deadlines: float, path: str
) -> None:
    for script in (reset, silence, sends(NO_USE)):
        server = serve(script)
        browser = site_before(server.url).browser()
        answered = browser.send(path, username="Alice", password="a password")
        assert answered.status == 503
        assert "session" not in browser.jar
        assert len(server.requests) == 1

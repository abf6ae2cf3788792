"""Servers that misbehave, and clients of them."""

from collections.abc import Callable, Iterator

import pytest

from misbehaving_server import Script, Server
from session_contract.credentials import Credential
from unit.web_frontend.auth_client.calls import CREDENTIAL
from web_frontend.auth_service import client
from web_frontend.auth_service.client import AuthClient

Serve = Callable[..., Server]
Connect = Callable[[str], AuthClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server with these scripts."""
    started: list[Server] = []

    def start(*scripts: Script) -> Server:
        started.append(Server(*scripts))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return a function that makes a client of an address."""

    def make(url: str) -> AuthClient:
        made = AuthClient(url, Credential(CREDENTIAL))
        request.addfinalizer(made._transport._session.close)
        return made

    return make


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let every call end after the seconds that are returned, so that no test takes long."""
    seconds = 0.3
    for name in ("SIGN_IN_SECONDS", "CHANGE_SECONDS", "SESSION_SECONDS", "HEALTH_SECONDS"):
        monkeypatch.setattr(client, name, seconds)
    return seconds

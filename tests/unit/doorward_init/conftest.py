"""What tests of init and nginx share: good settings, and certificates."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_init import nginx
from doorward_settings.edge import Settings
from doorward_settings.reading import read
from scripts.doorward_stack.authority import Authority

AUTHORITY = Authority("tests of init")
Render = Callable[..., str]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Set what nginx needs and nothing of a developer's own; return the patcher."""
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    values = {
        # A checkout may well lie under a path with a space or an ampersand.
        "NGINX_DIR": str(tmp_path / "run & more" / "nginx"),
        "NGINX_LISTEN": "127.0.0.1:18080 [::1]:18080",
        "EDGE_CREDENTIAL": secrets.token_urlsafe(32),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"DOORWARD_{name}", value)
    return monkeypatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the configuration is written."""
    return tmp_path / "run & more" / "nginx"


@pytest.fixture
def render(environment: pytest.MonkeyPatch, folder: Path) -> Render:
    """Return a function that renders the configuration with some settings changed."""

    def rendered(**changes: str) -> str:
        for name, value in changes.items():
            environment.setenv(f"DOORWARD_{name.upper()}", value)
        settings = read(Settings)
        addresses = {name: name for name in (settings.auth_upstream, settings.web_upstream)}
        return nginx.render(settings, addresses, folder)

    return rendered


def put_pair(certs: Path, days: int = 30) -> None:
    """Write a certificate that ends in so many days, and its key."""
    certs.mkdir(exist_ok=True)
    certificate, key = AUTHORITY.issue(["door.example", "localhost"], days)
    (certs / "fullchain.pem").write_bytes(certificate)
    (certs / "privkey.pem").write_bytes(key)


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """A folder with a certificate and its key."""
    made = tmp_path / "certs of ours"
    put_pair(made)
    return made


@pytest.fixture
def secure(environment: pytest.MonkeyPatch, certs: Path) -> pytest.MonkeyPatch:
    """The environment with a certificate."""
    environment.setenv("DOORWARD_NGINX_TLS_LISTEN", "127.0.0.1:18443")
    environment.setenv("DOORWARD_TLS_DIR", str(certs))
    environment.setenv("DOORWARD_PUBLIC_URL", "https://Door.Example:18443/")
    return environment

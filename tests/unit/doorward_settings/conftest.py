"""What tests of the settings share: an environment in which nothing is wrong."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_settings.web_frontend import Settings, read_settings

ReadSettings = Callable[..., Settings]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Set what web-frontend needs and nothing of a developer's own; return the patcher."""
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    for name in ("EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY"):
        monkeypatch.setenv(f"DOORWARD_{name}", secrets.token_urlsafe(32))
    monkeypatch.setenv("DOORWARD_KEY_SET_FILE", str(tmp_path / "keys.json"))
    return monkeypatch


@pytest.fixture
def read(environment: pytest.MonkeyPatch) -> ReadSettings:
    """Return a function that reads web-frontend's settings with some of them changed."""

    def with_changes(**changes: str) -> Settings:
        for name, value in changes.items():
            environment.setenv(f"DOORWARD_{name.upper()}", value)
        return read_settings()

    return with_changes

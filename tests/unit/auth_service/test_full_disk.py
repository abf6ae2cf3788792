"""Room that was taken while there was some: signing in goes on for a while on a full disk."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_service.storage.sql import database
from doorward_settings.auth_service import Settings

GOOD = {"username": "Alice", "password": "a quiet harbour at dawn"}
SIGN_INS = 100


@contextmanager
def no_file_grows(folder: Path) -> Iterator[None]:
    """Let no file become longer than the longest one is, as on a full disk."""
    longest = max(file.stat().st_size for file in folder.glob("*.db*"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def begin(app: Flask) -> Callable[[], None]:
    """Return what gunicorn calls in each worker before it serves."""
    work: Callable[[], None] = app.extensions["begin_work"]
    return work


@pytest.mark.fault(6)
def test_a_hundred_sign_in_renew_and_sign_out_while_the_databases_cannot_grow(
    client: FlaskClient, begin: Callable[[], None], settings: Settings
) -> None:
    begin()
    assert client.post("/api/v1/users", json=GOOD).status_code == 201
    with no_file_grows(settings.data_dir):
        for _ in range(SIGN_INS):
            answer = client.post("/api/v1/sessions", json=GOOD)
            assert answer.status_code == 201, answer.get_json()
            header = {"Authorization": f"Bearer {answer.get_json()['token']}"}
            assert client.post("/api/v1/sessions/current/renew", headers=header).status_code == 200
        assert client.delete("/api/v1/sessions/current", headers=header).status_code == 204


@pytest.mark.fault(6)
def test_without_that_space_a_sign_in_is_refused_and_not_half_made(
    client: FlaskClient, settings: Settings
) -> None:
    assert client.post("/api/v1/users", json=GOOD).status_code == 201
    with no_file_grows(settings.data_dir):
        answers = [client.post("/api/v1/sessions", json=GOOD) for _ in range(SIGN_INS)]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert client.post("/api/v1/sessions", json=GOOD).status_code == 201


def test_space_is_reserved_once_however_often_a_worker_begins(
    begin: Callable[[], None], settings: Settings
) -> None:
    begin()
    sizes = {file.name: file.stat().st_size for file in settings.data_dir.glob("*.db*")}
    begin()
    assert {file.name: file.stat().st_size for file in settings.data_dir.glob("*.db*")} == sizes
    for name in ("state.db", "throttle.db"):
        assert database.RESERVED_BYTES < sizes[name] < 2 * database.RESERVED_BYTES
        assert database.RESERVED_BYTES < sizes[f"{name}-wal"] < 2 * database.RESERVED_BYTES


def test_a_worker_begins_although_no_space_can_be_reserved(
    client: FlaskClient, begin: Callable[[], None], settings: Settings
) -> None:
    with no_file_grows(settings.data_dir):
        begin()
    assert client.post("/api/v1/users", json=GOOD).status_code == 201


def test_nothing_is_reserved_of_a_disk_that_is_nearly_full(
    begin: Callable[[], None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 4 * database.RESERVED_BYTES
    monkeypatch.setattr(
        database.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free})
    )
    begin()
    assert all(
        file.stat().st_size < database.RESERVED_BYTES for file in settings.data_dir.glob("*.db*")
    )

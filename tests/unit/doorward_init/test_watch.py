"""What is taken up while nginx runs, look by look."""

import secrets
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_init import watch
from doorward_init.watch import Edge, Watch
from doorward_settings.edge import read_settings
from tests.unit.doorward_init.conftest import AUTHORITY, put_pair

PID = 4711


class Running:
    """An nginx that is only there in name, and the watch beside it."""

    def __init__(self) -> None:
        self.edge = Edge(read_settings())
        state = self.edge.state()
        self.edge.install()
        self.signals: list[signal.Signals] = []
        self.said: list[str] = []
        self.watch = Watch(self.edge, state, self.signals.append, self.said.append)
        (self.edge.folder / "nginx.pid").write_text(f"{PID}\n")

    @property
    def configuration(self) -> str:
        return (self.edge.folder / "nginx.conf").read_text()

    def look(self) -> list[signal.Signals]:
        """Look once; return the signals that nginx was sent."""
        self.signals.clear()
        self.watch.look(PID)
        return list(self.signals)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Running]:
    """Return a function that starts it; nginx takes every configuration."""
    monkeypatch.setattr("doorward_init.nginx._test", lambda _file: None)
    return Running


@pytest.fixture
def credential(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that the edge credential is in."""
    file = tmp_path / "credential"
    file.write_text(secrets.token_urlsafe(32) + "\n")
    environment.delenv("DOORWARD_EDGE_CREDENTIAL")
    environment.setenv("DOORWARD_EDGE_CREDENTIAL_FILE", str(file))
    return file


@pytest.mark.proves("V13.2.1")
def test_a_rotated_credential_is_taken_up(credential: Path, start: Callable[[], Running]) -> None:
    running = start()
    assert (running.look(), running.said) == ([], []), "nothing has changed yet"
    new = secrets.token_urlsafe(32)
    credential.write_text(new)
    assert running.look() == [signal.SIGHUP]
    assert f'"{new}"' in running.configuration
    assert new not in "".join(running.said)
    assert running.look() == []


@pytest.mark.parametrize("slip", ["", "short", "A" * 43])
def test_a_credential_that_cannot_be_used_leaves_the_old_one(
    credential: Path, start: Callable[[], Running], slip: str
) -> None:
    running = start()
    before = running.configuration
    credential.write_text(slip)
    assert running.look() == []
    assert running.configuration == before
    assert "the old state stays" in running.said[-1]
    assert len(running.said) == 2
    assert running.look() == []
    assert len(running.said) == 2, "it is told once"


@pytest.mark.usefixtures("secure")
def test_a_renewed_certificate_is_taken_up_and_a_broken_or_vanished_one_is_not(
    certs: Path, start: Callable[[], Running]
) -> None:
    running = start()
    put_pair(certs)
    assert running.look() == [signal.SIGHUP]
    (certs / "privkey.pem").write_bytes(AUTHORITY.issue(["localhost"])[1])
    assert running.look() == []
    assert "does not belong to" in "".join(running.said)
    for name in ("fullchain.pem", "privkey.pem"):
        (certs / name).unlink()
    assert running.look() == []
    assert "fullchain.pem is not there" in "".join(running.said)
    assert "ssl_certificate" in running.configuration, "plain HTTP does not come back"
    put_pair(certs)
    assert running.look() == [signal.SIGHUP]


@pytest.mark.usefixtures("secure")
def test_two_changes_within_one_second_are_both_noticed(
    certs: Path, start: Callable[[], Running]
) -> None:
    # Written over in its place, a key keeps inode and size; only the time of change tells.
    running = start()
    key = certs / "privkey.pem"
    content = key.read_bytes()
    for _ in range(3):
        with key.open("r+b") as file:
            file.write(content)
        assert running.look() == [signal.SIGHUP]


def test_a_certificate_that_has_come_waits_for_the_next_start(
    environment: pytest.MonkeyPatch, tmp_path: Path, start: Callable[[], Running]
) -> None:
    (tmp_path / "certs").mkdir()
    environment.setenv("DOORWARD_TLS_DIR", str(tmp_path / "certs"))
    running = start()
    put_pair(tmp_path / "certs")
    running.look()
    assert "start Doorward again to use it" in running.said[0]
    assert "ssl" not in running.configuration


def test_a_service_at_another_address_is_taken_up(
    environment: pytest.MonkeyPatch, start: Callable[[], Running]
) -> None:
    environment.setenv("DOORWARD_AUTH_UPSTREAM", "auth-service:8001")
    known: dict[str, list[str]] = {}
    environment.setattr("doorward_init.addresses._addresses_of", lambda host: known.get(host, []))
    running = start()
    assert "server 127.0.0.1:1 max_fails=0;" in running.configuration, "nobody listens there"
    known["auth-service"] = ["172.18.0.5"]
    assert running.look() == [signal.SIGHUP]
    assert "server 172.18.0.5:8001 max_fails=0;" in running.configuration
    known.clear()
    assert running.look() == [], "it is being restarted"


def test_before_nginx_is_ready_it_gets_no_signal(
    credential: Path, start: Callable[[], Running]
) -> None:
    running = start()
    pid_file = running.edge.folder / "nginx.pid"
    credential.write_text(secrets.token_urlsafe(32))
    for content in ("", "1\n"):
        pid_file.write_text(content)
        assert running.look() == []
    pid_file.unlink()
    assert running.look() == []
    pid_file.write_text(f"{PID}\n")
    assert running.look() == [signal.SIGHUP]


def test_a_long_access_log_is_rotated(
    environment: pytest.MonkeyPatch, tmp_path: Path, start: Callable[[], Running]
) -> None:
    log = tmp_path / "access.log"
    environment.setenv("DOORWARD_NGINX_LOG", str(log))
    environment.setattr(watch, "LONGEST_LOG", 3)
    running = start()
    log.write_text("one")
    assert running.look() == []
    for content in ("first", "second", "third"):
        log.write_text(content)
        assert running.look() == [signal.SIGUSR1]
    assert not log.exists()
    assert (tmp_path / "access.log.1").read_text() == "third"
    assert (tmp_path / "access.log.2").read_text() == "second"

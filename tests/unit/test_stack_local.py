"""Local mode: ports, processes, logs and what `make clean` removes."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scripts.doorward_stack import (
    cli,
    local,
    local_checks,
    ports,
    processes,
    state,
    supervisor,
)
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.health import Address
from scripts.doorward_stack.layout import ROOT, Layout


@pytest.mark.enable_socket
def test_a_port_in_use_is_refused_naming_the_setting_and_the_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = Address("127.0.0.1", port, 8443, tls=False, public_url="http://localhost")
        with pytest.raises(StackError, match=rf"DOORWARD_PORT.*\(process {os.getpid()}\)"):
            local_checks.refuse_taken_ports(where, [])
        local_checks.refuse_taken_ports(where, [psutil.Process()])
    local_checks.refuse_taken_ports(where, [])


@pytest.mark.enable_socket
def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StackError, match=r"DOORWARD_BIND: 192\.0\.2\.1 is not an address"):
        ports.refuse_unusable("DOORWARD_PORT", "192.0.2.1", 28080)


@pytest.mark.enable_socket
def test_service_ports_are_kept_while_they_are_free() -> None:
    first = ports.free_port(None, set())
    assert ports.free_port(first, set()) == first
    with socket.create_server(("127.0.0.1", first)):
        assert ports.free_port(first, set()) != first


def test_the_supervisor_socket_stays_short_in_a_deep_checkout(tmp_path: Path) -> None:
    deep = supervisor.socket_path(tmp_path / ("a" * 100))
    assert len(str(deep)) <= supervisor.LONGEST_SOCKET_PATH
    assert deep.parent.stat().st_mode & 0o77 == 0
    deep.parent.rmdir()
    assert supervisor.socket_path(Path("/r")) == Path("/r/supervisor.sock")


def test_a_second_command_on_the_same_stack_is_refused(layout: Layout) -> None:
    with layout.locked(), pytest.raises(StackError, match="Another command"), layout.locked():
        pytest.fail("it must not get here")


def test_a_stack_that_the_first_version_started_is_found(layout: Layout) -> None:
    layout.state_file.write_text('{"mode": "local", "supervisord": {"pid": 7, "boot": "b"}}')
    assert state.read(layout.state_file) == {"mode": "local", "supervisor": 7, "boot": "b"}


@pytest.fixture
def session() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start a shell command as a supervisor is started."""
    started = []

    def start(command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, processes.MARK: "/a/state"}
        shell = ["/bin/sh", "-c", command]
        started.append(subprocess.Popen(shell, cwd=ROOT, env=environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        for left in processes.members(remembered(process)):
            left.kill()
        process.wait()


def remembered(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """Return the state of a stack with this supervisor."""
    return {"supervisor": process.pid, "boot": processes.boot_id()}


def wait_for(number: int, process: subprocess.Popen[bytes]) -> None:
    """Return when so many processes of a session run."""
    deadline = time.monotonic() + 5
    while len(processes.members(remembered(process))) != number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_supervisor_is_found_the_moment_it_was_started(
    session: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    for _ in range(20):
        known = remembered(session("sleep 60"))
        assert processes.supervisor(known, Path("/a/state")) is not None


def test_a_changed_setting_or_source_is_noticed(tmp_path: Path) -> None:
    for folder in local_checks.SOURCES:
        (tmp_path / folder).mkdir(parents=True)
    source = tmp_path / "nginx" / "nginx.conf.j2"
    source.touch()
    leader = psutil.Process()
    os.utime(source, (leader.create_time() - 1, leader.create_time() - 1))
    environment = leader.environ()
    assert not local_checks.changed_since(tmp_path, leader, environment)
    assert local_checks.changed_since(tmp_path, leader, environment | {"DOORWARD_CONTACT": "me"})
    logo = tmp_path / "brand" / "logo.svg"
    logo.parent.mkdir()
    logo.touch()
    assert local_checks.changed_since(tmp_path, leader, environment)
    logo.unlink()
    os.utime(source, (leader.create_time() + 1, leader.create_time() + 1))
    assert local_checks.changed_since(tmp_path, leader, environment)


def test_only_processes_of_the_stack_are_found_and_ended(
    session: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    ours = session("sleep 60 & sleep 60")
    other = session("sleep 60")
    wait_for(3, ours)
    known = remembered(ours)
    assert processes.supervisor(known, Path("/a/state")) == psutil.Process(ours.pid)
    assert processes.supervisor(known, Path("/another/state")) is None
    assert processes.members({**known, "boot": "another"}) == []
    ours.kill()
    ours.wait()
    assert processes.supervisor(known, Path("/a/state")) is None
    assert len(processes.members(known)) == 2, "without their supervisor"
    processes.stop(None, known)
    assert processes.members(known) == []
    assert other.poll() is None


def test_a_process_that_does_not_end_by_itself_is_killed(
    session: Callable[[str], subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0.3)
    stubborn = session("trap '' TERM; while :; do sleep 0.1; done")
    wait_for(2, stubborn)
    processes.stop(psutil.Process(stubborn.pid), remembered(stubborn))
    assert processes.members(remembered(stubborn)) == []


def test_cleaning_removes_the_data_and_leaves_other_files(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = layout.root / "data"
    monkeypatch.setenv("DOORWARD_DATA_DIR", str(data))
    for name in ("secrets/keys/keys.json", "users.json", "state.db-wal", "mine.txt"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    local.LocalStack(layout).clean()
    assert [path.name for path in data.iterdir()] == ["mine.txt"]
    assert not layout.state.exists()


def test_cleaning_needs_a_yes(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users = layout.state / "users.json"
    users.touch()
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert cli.main(["clean", "--state", str(layout.state), "--mode", "local"]) == 1
    said = capsys.readouterr().err
    assert "CONFIRM=yes" in said
    assert str(layout.state) in said
    assert users.exists()


def test_problems_are_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DOORWARD_PROT", "1")
    assert cli.main(["up", "--state", str(tmp_path / "s"), "--mode", "local"]) == 1
    assert "Did you mean DOORWARD_PORT?" in capsys.readouterr().err

"""A service goes on when nobody reads its log, and says afterwards what was lost."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from journeys.visitor import PASSWORD, Api, Visitor, new_name, patiently
from local.hand_started import Service
from running_stack import ROOT, LocalStack, eventually

QUEUED, PIPE_BYTES = 4096, 65_536
Line = dict[str, Any]


class Unread:
    """A pipe as a service's stdout, which nobody reads until `read` is called."""

    def __init__(self, service: Service) -> None:
        self._reading_end, writing_end = os.pipe()
        self.lines: list[Line] = []
        self.service = service
        service.start(writing_end)
        os.close(writing_end)
        self._reader = threading.Thread(target=self._read)

    def read(self) -> None:
        """Begin to read."""
        self._reader.start()

    def _read(self) -> None:
        with os.fdopen(self._reading_end) as lines:
            for line in lines:
                self.lines.append(json.loads(line))

    def end(self) -> None:
        """Stop the service and read to the end."""
        if not self._reader.ident:
            self.read()
        assert self.service.stop() == 0
        self._reader.join()

    def lost(self) -> int:
        """Return how many lines the service said were lost."""
        told = (re.match(r"(\d+) lines were lost", line.get("message", "")) for line in self.lines)
        return sum(int(match[1]) for match in told if match)

    def count(self, event: str) -> int:
        return sum(line.get("event") == event for line in self.lines)


@pytest.fixture
def unread() -> Iterator[Callable[[Service], Unread]]:
    """Start a service whose log nobody reads."""
    started: list[Unread] = []

    def start(service: Service) -> Unread:
        started.append(Unread(service))
        return started[-1]

    yield start
    for each in started:
        if each.service.is_running():
            each.end()


def many(count: int, act: Callable[[], int]) -> set[int]:
    """Do something many times, eight at once; return the statuses that came."""
    with ThreadPoolExecutor(8) as pool:
        return {future.result() for future in [pool.submit(act) for _ in range(count)]}


@pytest.mark.fault(25)
@pytest.mark.proves("V16.5.2", "V16.3.1")
def test_signing_in_goes_on_when_nobody_reads_the_log_and_the_loss_is_told(
    given: dict[str, str], log: Path, unread: Callable[[Service], Unread]
) -> None:
    pipe = unread(Service("auth_service", given, log))
    api, name = Api(pipe.service.base_url), new_name()
    assert api.register(name).status_code == 201
    asked = QUEUED + 300
    assert many(asked, lambda: api.request("GET", "/sessions/current").status_code) == {401}

    def sign_in_and_fail() -> int:
        assert patiently(lambda: api.sign_in(new_name(), "not the password")).status_code == 401
        return patiently(lambda: api.sign_in(name, PASSWORD)).status_code

    assert many(150, sign_in_and_fail) == {201}
    assert api.request("POST", "/sessions/current/renew", token=api.token(name)).status_code == 200
    assert pipe.lines == []
    pipe.read()
    eventually(lambda: pipe.lost() > 0, "the loss was not told")
    before = pipe.count("authn_login_success")
    assert api.sign_in(name).status_code == 201
    eventually(lambda: pipe.count("authn_login_success") > before, "the log did not go on")
    pipe.end()
    recorded = sum("event" in line for line in pipe.lines) - pipe.count("sys_startup")
    recorded -= pipe.count("sys_shutdown")
    made = 1 + asked + 2 * 150 + 2
    assert recorded + pipe.lost() == made
    assert pipe.lost() <= made - QUEUED


@pytest.mark.fault(25)
def test_pages_go_on_when_nobody_reads_the_log_and_the_queue_loses_nothing(
    given: dict[str, str], log: Path, unread: Callable[[Service], Unread]
) -> None:
    pipe = unread(Service("web_frontend", given, log))
    forged = {"Origin": "https://evil.example"}
    visitor = Visitor(pipe.service.base_url)
    attempts = 600
    assert attempts * 300 > 2 * PIPE_BYTES
    assert many(
        attempts, lambda: visitor.request("POST", "/login", headers=forged, data={}).status_code
    ) == {400}
    assert visitor.get("/login").status_code == 200
    pipe.end()
    assert pipe.count("malicious_cors") == attempts
    assert pipe.lost() == 0


@pytest.mark.fault(25)
def test_signing_in_goes_on_while_the_disk_of_the_log_is_full(
    given: dict[str, str], log: Path
) -> None:
    service, name = Service("auth_service", given, log), new_name()
    with Path("/dev/full").open("wb") as full:
        service.start(full.fileno())
    try:
        with Api(service.base_url) as api:
            assert api.register(name).status_code == 201
            assert many(50, lambda: patiently(lambda: api.sign_in(name)).status_code) == {201}
    finally:
        assert service.stop() == 0


def test_a_service_ends_in_time_although_nobody_reads_its_log(
    given: dict[str, str], log: Path, unread: Callable[[Service], Unread]
) -> None:
    pipe = unread(Service("auth_service", given, log))
    api = Api(pipe.service.base_url)
    assert many(1000, lambda: api.request("GET", "/sessions/current").status_code) == {401}
    assert pipe.service.stop(20) == 0


def test_commands_write_into_the_log_that_they_are_given(
    given: dict[str, str], tmp_path: Path
) -> None:
    reading_end, writing_end = os.pipe()
    # As under Compose: the stdout of another process of the same user.
    given |= {"DOORWARD_COMMAND_LOG_FILE": f"/proc/{os.getpid()}/fd/{writing_end}"}
    command = [sys.executable, "-m", "flask", "--app", "auth_service", "keys", "rotate"]
    done = subprocess.run(command, env=given, cwd=ROOT, check=True, capture_output=True, text=True)
    os.close(writing_end)
    with os.fdopen(reading_end) as lines:
        assert json.loads(lines.read())["event"] == "sensitive_update"
    assert done.stderr == ""


def test_nginxs_access_log_is_rotated_before_it_fills_the_disk(own_stack: LocalStack) -> None:
    log = own_stack.folder / "log" / "nginx.access.log"
    size = 6_000_000
    for filled, oldest in ((1, False), (2, True)):
        with log.open("a") as file:
            file.write(f"{filled}" * size + "\n")
        rotated = log.with_name(log.name + ".1")
        eventually(
            lambda: rotated.exists() and log.exists() and log.stat().st_size < size,  # noqa: B023
            "it was not rotated",
        )
        assert f"{filled}" * 100 in rotated.read_text()
        assert log.with_name(log.name + ".2").exists() is oldest
        assert own_stack.health() == 200
        eventually(lambda: "/healthz" in log.read_text(), "nginx did not go on with a new file")
        assert log.stat().st_mode & 0o077 == 0

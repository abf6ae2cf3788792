"""Calls to the system fail under auth-service as it runs: nothing is acknowledged that is not kept.

With both calls of `os.fsync` taken out of `file_locks`, the experiments with fsync see
registrations answered 201 instead of 503.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from conftest import Tally
from journeys.visitor import Api, new_name
from local.hand_started import Service, answers
from local.system_calls import OF_A_WRITE, files_of_users, injected
from running_stack import eventually, tracebacks

pytestmark = pytest.mark.usefixtures("strace")
TRIES = 10


@pytest.fixture
def service(given: dict[str, str], log: Path) -> Iterator[Service]:
    """auth-service alone."""
    with Service("auth_service", given, log) as service:
        yield service
        assert tracebacks(log.read_text()) == []


@pytest.fixture
def data(given: dict[str, str]) -> Path:
    """Where its files are."""
    return Path(given["DOORWARD_DATA_DIR"])


class Oracle:
    """A client that keeps a log of what it was told."""

    def __init__(self, api: Api, tally: Tally) -> None:
        self.api = api
        self.tally = tally
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    def register(self) -> int:
        """Register somebody; return the status, or 0 where the connection broke."""
        name = new_name()
        try:
            status = self.api.register(name).status_code
        except requests.RequestException:
            status = 0
        (self.acknowledged if status == 201 else self.refused).append(name)
        self.tally.acknowledged += status == 201
        return status

    def sign_in(self) -> int:
        """Let somebody who has an account sign in; return the status."""
        return self.api.sign_in(self.acknowledged[0]).status_code

    def settle(self, data: Path) -> None:
        """Count who is lost; nobody may be half-made, and the file must parse."""
        for name in self.acknowledged:
            self.tally.lost += self.api.sign_in(name).status_code != 201
        for name in self.refused:
            assert self.api.register(name).status_code in (201, 409)
            assert self.api.sign_in(name).status_code == 201
        names = [
            user["username"]
            for user in json.loads((data / "users.json").read_text())["users"].values()
        ]
        assert {*self.acknowledged, *self.refused} <= set(names)
        assert len(names) == len(set(names))
        assert list(data.glob("*.rejected-*")) == []


@pytest.fixture
def oracle(service: Service, tally: Tally) -> Iterator[Oracle]:
    """A client that has registered somebody already."""
    with Api(service.base_url) as api:
        made = Oracle(api, tally)
        assert made.register() == 201
        yield made


@pytest.mark.fault(7)
def test_nobody_is_told_yes_while_fsync_fails_and_all_goes_on_when_it_works_again(
    service: Service, data: Path, oracle: Oracle, tally: Tally
) -> None:
    tally.unit = "writes without fsync"
    with injected([service.pid, *service.workers()], ["fsync", "fdatasync"], "error=EIO"):
        for _ in range(TRIES):
            assert oracle.register() == 503
            assert oracle.sign_in() == 503, "no session that could be lost"
        tally.tried += 2 * TRIES
    assert oracle.register() == 201
    service.kill()
    service.start()
    oracle.settle(data)


@pytest.mark.fault(7, 8)
@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        pytest.param(["fsync"], "error=EIO", id="fsync"),
        pytest.param(["rename"], "error=EIO", id="rename"),
        pytest.param(["openat", "unlink", "rename"], "error=EROFS", id="read-only"),
    ],
)
def test_signing_in_goes_on_while_users_cannot_be_written(
    calls: list[str], fault: str, service: Service, data: Path, oracle: Oracle, tally: Tally
) -> None:
    tally.unit = "failed writes"
    token = oracle.api.token(oracle.acknowledged[0])
    paths = [data, data / "users.json.tmp"]
    with injected([service.pid, *service.workers()], calls, fault, paths):
        for _ in range(TRIES):
            assert oracle.register() == 503
            assert oracle.sign_in() == 201
            assert oracle.api.current(token).status_code == 200
            assert oracle.api.renew(token).status_code == 200
        tally.tried += TRIES
    assert oracle.register() == 201
    oracle.settle(data)


@pytest.mark.fault(3)
def test_a_service_killed_at_any_call_of_a_write_keeps_the_old_or_new_version(
    service: Service, data: Path, oracle: Oracle, tally: Tally, long_run: bool
) -> None:
    tally.unit = "kills at a call"
    for call in OF_A_WRITE if long_run else ("write", "fsync", "rename", "link"):
        for number in itertools.count(1):
            (worker,) = service.workers()
            with injected([worker], [call], f"signal=SIGKILL:when={number}", files_of_users(data)):
                status = oracle.register()
            if status == 201:
                break
            assert status == 0
            tally.tried += 1
            eventually(
                lambda: service.workers() not in ([], [worker]),  # noqa: B023
                "no new worker",
            )
            eventually(lambda: answers(service.base_url), "it did not answer")
    assert tally.tried >= 6
    oracle.settle(data)

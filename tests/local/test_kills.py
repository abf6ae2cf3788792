"""auth-service is killed again and again while people register: nobody who was told yes is lost."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from conftest import Tally
from journeys.registrants import CLIENTS, Registrants, settled
from local.hand_started import Service, answers
from local.system_calls import files_of_users, injected
from running_stack import eventually, tracebacks

KILLS = 10
LONG_KILLS = 200
# With LONG=1 on a busy machine.
pytestmark = pytest.mark.timeout(3600)


def kill(service: Service, *, whole: bool) -> None:
    """Kill everything, or only what serves and has the users in memory; return when it is back."""
    if whole:
        service.kill()
        service.start()
    else:
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: answers(service.base_url), "no new worker came")


def check_file(data: Path) -> None:
    """Check that users.json is one of ours, and that nobody stands twice in it."""
    document = json.loads((data / "users.json").read_text())
    names = [user["canonical"] for user in document["users"].values()]
    assert len(names) == len(set(names))
    assert list(data.glob("*.rejected-*")) == [], "nothing of ours was taken for a hand edit"


@pytest.mark.proves("V2.3.3")
@pytest.mark.fault(1)
def test_kills_while_twenty_clients_register_lose_nobody(
    given: dict[str, str], log: Path, measured: list[str], tally: Tally, long_run: bool
) -> None:
    tally.unit = "kills"
    with Service("auth_service", given, log) as service:
        clients = Registrants(service.base_url)
        clients.start()
        slowest = 0.0
        try:
            for number in range(LONG_KILLS if long_run else KILLS):
                wanted = len(clients.acknowledged) + CLIENTS // 4
                eventually(
                    lambda: len(clients.acknowledged) >= wanted,  # noqa: B023
                    "registering did not go on",
                )
                # In the middle of whatever it does then.
                time.sleep(random.uniform(0, 0.1))
                began = time.monotonic()
                kill(service, whole=number % 2 == 0)
                tally.tried += 1
                slowest = max(slowest, time.monotonic() - began)
                tally.took("ready again after a kill", time.monotonic() - began)
        finally:
            clients.stop()
        settled(clients, service.base_url, tally)
    measured.append(
        f"{tally.tried} SIGKILLs of auth-service while {CLIENTS} clients registered: "
        f"{len(clients.acknowledged)} users acknowledged, {len(clients.unknown)} not answered; "
        f"ready again after {slowest:.1f} s at most"
    )
    check_file(Path(given["DOORWARD_DATA_DIR"]))
    assert tracebacks(log.read_text()) == []


@pytest.mark.fault(2)
@pytest.mark.usefixtures("strace")
def test_while_one_of_two_workers_is_killed_in_a_write_the_other_goes_on(
    given: dict[str, str], log: Path, tally: Tally, long_run: bool
) -> None:
    """The lock is the kernel's, so that nobody holds it who is dead."""
    tally.unit = "kills in a write"
    data = Path(given["DOORWARD_DATA_DIR"])
    with Service("auth_service", given, log, "--workers", "2") as service:
        clients = Registrants(service.base_url)
        clients.start()
        try:
            for call in ["fsync", "rename", "link", "write"] * (25 if long_run else 2):
                eventually(lambda: len(service.workers()) == 2, "there are not two workers")
                dying, other = service.workers()
                with injected([dying], [call], "signal=SIGKILL", files_of_users(data)):
                    eventually(lambda: dying not in service.workers(), "nobody died")  # noqa: B023
                    wanted = len(clients.acknowledged) + CLIENTS
                    eventually(
                        lambda: len(clients.acknowledged) >= wanted,  # noqa: B023 - called at once
                        "the other did not go on",
                    )
                assert other in service.workers()
                tally.tried += 1
        finally:
            clients.stop()
        settled(clients, service.base_url, tally)
    check_file(data)
    assert tracebacks(log.read_text()) == []

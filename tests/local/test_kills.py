"""auth-service is killed again and again while people register: nobody who was told yes is lost."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from journeys.visitor import Api, new_name
from local.hand_started import Service, answers
from running_stack import eventually, tracebacks

KILLS, CLIENTS = 50, 20


class Registrants:
    """Clients that register one user after the other, and keep a log of what they were told."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._register) for _ in range(CLIENTS)]
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.unexpected: list[int] = []

    def _register(self) -> None:
        with Api(self._base_url) as api:
            while not self._over.is_set():
                name = new_name()
                try:
                    status = api.register(name).status_code
                except requests.RequestException as error:
                    # Nobody was there to be asked, so that nothing can have been made.
                    status = -1 if "refused" in str(error) else 0
                if status == 201:
                    self.acknowledged.append(name)
                elif status in (-1, 0, 503):
                    if status >= 0:
                        self.unknown.append(name)
                    self._over.wait(0.2)
                else:
                    self.unexpected.append(status)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=60)


def those_that_fail(names: list[str], check: Callable[[str], bool]) -> list[str]:
    """Return the names that do not pass a check."""
    with ThreadPoolExecutor(8) as pool:
        return [name for name, good in zip(names, pool.map(check, names), strict=True) if not good]


def kill(service: Service, *, whole: bool) -> None:
    """Kill everything, or only what serves and keeps the users in memory; return when it is back."""
    if whole:
        service.kill()
        service.start()
    else:
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: answers(service.base_url), "no new worker came")


@pytest.mark.proves("V2.3.3")
@pytest.mark.fault(1)
def test_fifty_kills_while_twenty_clients_register_lose_nobody(
    given: dict[str, str], log: Path, measured: list[str]
) -> None:
    data = Path(given["DOORWARD_DATA_DIR"])
    with Service("auth_service", given, log) as service:
        clients = Registrants(service.base_url)
        clients.start()
        slowest = 0.0
        try:
            for number in range(KILLS):
                wanted = len(clients.acknowledged) + CLIENTS // 4
                eventually(lambda: len(clients.acknowledged) >= wanted, "registering did not go on")  # noqa: B023
                # In the middle of whatever it does then.
                time.sleep(random.uniform(0, 0.1))
                began = time.monotonic()
                kill(service, whole=number % 2 == 0)
                slowest = max(slowest, time.monotonic() - began)
        finally:
            clients.stop()

        with Api(service.base_url) as api:
            lost = those_that_fail(clients.acknowledged, lambda name: api.sign_in(name).status_code == 201)
            half = those_that_fail(
                clients.unknown,
                lambda name: (
                    api.register(name).status_code in (201, 409) and api.sign_in(name).status_code == 201
                ),
            )
    measured.append(
        f"{KILLS} SIGKILLs of auth-service while {CLIENTS} clients registered: "
        f"{len(clients.acknowledged)} users acknowledged, {len(lost)} lost; {len(clients.unknown)} not "
        f"answered, {len(half)} half-made; ready again after {slowest:.1f} s at most"
    )
    assert lost == []
    assert half == []
    assert clients.unexpected == []
    document = json.loads((data / "users.json").read_text())
    names = [user["canonical"] for user in document["users"].values()]
    assert len(names) == len(set(names))
    assert list(data.glob("*.rejected-*")) == [], "nothing of ours was taken for a hand edit"
    assert tracebacks(log.read_text()) == []

"""Clients that register while something is done to the stack, with a log of what they were told."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from conftest import Tally
from journeys.visitor import Api, new_name, patiently

CLIENTS = 20
# What nginx says while it cannot reach a service, and what a service says that cannot do it now.
NOT_NOW = (502, 503, 504)


class Registrants:
    """Clients that register one user after the other, and keep a log of what they were told."""

    def __init__(self, base_url: str, clients: int = CLIENTS) -> None:
        self._base_url = base_url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._register) for _ in range(clients)]
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.unexpected: list[str] = []

    def _register(self) -> None:
        with Api(self._base_url) as api:
            # Kept connections would all end up with whichever worker lives longest.
            api.http.headers["Connection"] = "close"
            while not self._over.is_set():
                name = new_name()
                answer = None
                try:
                    answer = api.register(name)
                    status = answer.status_code
                except requests.RequestException as error:
                    # Nobody was there to be asked, so that nothing can have been made.
                    status = -1 if "refused" in str(error) else 0
                if status == 201:
                    self.acknowledged.append(name)
                elif status in (-1, 0, *NOT_NOW):
                    if status >= 0:
                        self.unknown.append(name)
                    self._over.wait(0.2)
                else:
                    self.unexpected.append(f"{status} {answer.text}")

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


def settled(clients: Registrants, base_url: str, tally: Tally) -> None:
    """Count whom it lost of those who were told yes; nobody else may be half-made."""
    with Api(base_url) as api:

        def signs_in(name: str) -> bool:
            return patiently(lambda: api.sign_in(name)).status_code == 201

        def can_be_made(name: str) -> bool:
            return patiently(lambda: api.register(name)).status_code in (201, 409)

        lost = those_that_fail(clients.acknowledged, signs_in)
        half = those_that_fail(clients.unknown, can_be_made) + those_that_fail(
            clients.unknown, signs_in
        )
    tally.acknowledged += len(clients.acknowledged)
    tally.lost += len(lost)
    assert half == [], half
    assert clients.unexpected == [], clients.unexpected

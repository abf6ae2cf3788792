"""Programs that may open 32 files and no more: load is shed, and all is well afterwards.

gunicorn ends a worker that cannot accept a connection and starts another; what it had under way is
cut off, so nobody was told yes.
"""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import Tally
from journeys.registrants import Registrants, settled
from journeys.visitor import Api, new_name
from local.hand_started import Service, answers
from running_stack import eventually

DESCRIPTORS = 32
CONNECTIONS = 200
CROWDS = 3
LIMITED = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")


@contextmanager
def crowd(base_url: str) -> Iterator[None]:
    """Hold many connections that ask for nothing."""
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            # Some wait in the kernel's queue, and those that do not fit are not even connected.
            connection = held.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", urlsplit(base_url).port))
        yield


@pytest.mark.fault(9)
def test_with_32_descriptors_registrations_are_shed_and_none_is_lost(
    given: dict[str, str], log: Path, tally: Tally, long_run: bool
) -> None:
    tally.unit = "connections"
    with Service("auth_service", given, log, under=LIMITED) as service:
        clients = Registrants(service.base_url, clients=3)
        clients.start()
        try:
            for _ in range(CROWDS * 10 if long_run else CROWDS):
                wanted = len(clients.acknowledged) + 10
                eventually(
                    lambda: len(clients.acknowledged) >= wanted,  # noqa: B023 - called at once
                    "registering did not go on",
                    60,
                )
                with crowd(service.base_url):
                    threading.Event().wait(random.uniform(0.2, 1))
                tally.tried += CONNECTIONS
        finally:
            clients.stop()
        eventually(lambda: answers(service.base_url), "it did not recover")
        settled(clients, service.base_url, tally)
        with Api(service.base_url) as api:
            assert api.register(new_name()).status_code == 201

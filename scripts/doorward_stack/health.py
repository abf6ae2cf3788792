"""Asks a starting stack, through nginx, whether the whole of it is ready."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from .errors import StackError
from .settings import Settings


def status(settings: Settings) -> int | None:
    """Return the status that /healthz answers, None where nobody answers."""
    connection = _connection(settings)
    try:
        connection.request("GET", "/healthz", headers={"Host": settings.host_header})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _connection(settings: Settings) -> http.client.HTTPConnection:
    host = settings.connect_host
    if not settings.tls:
        return http.client.HTTPConnection(host, settings.port, timeout=5)
    # Not verified: it may be made for another name than this address, by an authority that only
    # browsers were told of. Nothing secret is sent, and nothing is believed but that it answers.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.https_port, timeout=5, context=context)


def listens(address: str) -> bool:
    """Whether somebody takes connections at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def wait(
    settings: Settings, seconds: float, check: Callable[[], None], services: Sequence[str] = ()
) -> None:
    """Return once it answers 200; `check` is asked in between and raises to give up early.

    nginx is asked only after the services listen: it logs every failure to reach them.
    """
    deadline = time.monotonic() + seconds
    answer: int | None = None
    while time.monotonic() < deadline:
        check()
        if all(map(listens, services)):
            answer = status(settings)
        if answer == 200:
            return
        time.sleep(0.1)
    said = "nothing" if answer is None else str(answer)
    raise StackError(f"/healthz answered {said}, not 200, for {seconds:.0f} seconds.")

"""Asks a starting stack, through nginx, whether it is ready."""

import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import StackError

READY_SECONDS = 60
PAUSE_SECONDS = 0.25
# Where nginx is reached if it listens on every address.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104


@dataclass(frozen=True)
class Address:
    """The address at which nginx listens, and the public URL."""

    bind: str
    port: int
    https_port: int
    tls: bool
    public_url: str

    def status(self) -> int | None:
        """Return the status of /healthz, or None if nothing answers."""
        connection = self._connection()
        try:
            connection.request(
                "GET", "/healthz", headers={"Host": urlsplit(self.public_url).netloc}
            )
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host = LOOPBACK.get(self.bind, self.bind.strip("[]"))
        if not self.tls:
            return http.client.HTTPConnection(host, self.port, timeout=5)
        # Not verified: the certificate may name another host, and nothing secret is sent.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, self.https_port, timeout=5, context=context)

    def wait(self, is_worth_asking: Callable[[], bool]) -> None:
        """Return when it answers 200.

        Args:
            is_worth_asking: whether the services are there, which log it if they cannot be asked.
                It raises StackError if they never will be.
        """
        deadline = time.monotonic() + READY_SECONDS
        answer = None
        while time.monotonic() < deadline:
            if is_worth_asking():
                answer = self.status()
            if answer == 200:
                return
            time.sleep(PAUSE_SECONDS)
        found = "did not answer" if answer is None else f"answered {answer}"
        raise StackError(f"/healthz {found} for {READY_SECONDS} seconds.")

"""Who is asking: believed only from those who show a credential, nginx and the frontend."""

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from session_contract.credentials import Credential

log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}|unix:")
"""What nginx writes: IPv4, IPv6, or that the client came by a Unix socket."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the client's address and browser, and the request's id in every log."""

    address: str
    user_agent: str
    request_id: str


class WrongCredential(Exception):
    """Who passed the request on, `caller`, showed a credential that is not ours."""

    def __init__(self, header: str, caller: Caller) -> None:
        super().__init__(f"{caller.address} shows a wrong {header}")
        self.header, self.caller = header, caller


class CallerReader:
    """Reads the client's address and the request's id.

    Without one of these credentials, which are named by the header that shows them, the forwarded
    headers count for nothing: the peer's address is the client's, and the request gets an id of
    its own.
    """

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._credentials = credentials
        self._has_warned = False

    def read(self, environ: Mapping[str, Any]) -> Caller:
        """Return who made a request, from its WSGI environment (PEP 3333).

        Raises WrongCredential: what is shown must be right.
        """
        user_agent = environ.get("HTTP_USER_AGENT", "")[:256]
        address = environ.get("REMOTE_ADDR", "")
        request_id = ""
        shown = {name: value for name in self._credentials if (value := environ.get(_key(name)))}
        for name, value in shown.items():
            if not self._credentials[name].accepts(value):
                raise WrongCredential(name, Caller(address, user_agent, secrets.token_hex(16)))
        if shown:
            self._warn(environ.get("HTTP_X_UNTRUSTED_FORWARDER", ""))
            forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
            # Two lines are joined with a comma, and neither is believed then.
            address = forwarded if _ADDRESS.fullmatch(forwarded) else address
            request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16)
        return Caller(address, user_agent, request_id)

    def _warn(self, untrusted: str) -> None:
        if untrusted and not self._has_warned:
            self._has_warned = True
            log.warning(
                "%.64s names clients, but is not in DOORWARD_TRUSTED_PROXIES: ignored", untrusted
            )


def _key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"

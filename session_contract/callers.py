"""Finds the sender of a request. Only nginx and the frontend may name it: they have credentials."""

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
"""The form in which nginx writes addresses; `unix:` is a client on a Unix socket."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: the client's address and browser, and the id in all logs."""

    address: str
    user_agent: str
    request_id: str


class WrongCredential(Exception):
    """The request has a wrong credential in `header`; `caller` describes the peer."""

    def __init__(self, header: str, caller: Caller) -> None:
        super().__init__(f"{caller.address} shows a wrong {header}")
        self.header = header
        self.caller = caller


class CallerReader:
    """Reads the client's address and the request's id.

    `credentials` maps a header to the credential that it must hold. Without a credential the
    forwarded headers are ignored: the peer's address counts as the client's, and the request gets
    an id of its own.
    """

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._credentials = credentials
        self._has_warned = False

    def read(self, environ: Mapping[str, Any]) -> Caller:
        """Return the sender of a request, from its WSGI environment (PEP 3333).

        gunicorn joins a repeated header with a comma, and such a value is never accepted.

        Raises:
            WrongCredential: a header holds a wrong credential.
        """
        user_agent = environ.get("HTTP_USER_AGENT", "")[:256]
        peer = environ.get("REMOTE_ADDR", "")
        shown = self._shown_credentials(environ)
        for header, value in shown.items():
            if not self._credentials[header].accepts(value):
                raise WrongCredential(header, Caller(peer, user_agent, _new_request_id()))
        if not shown:
            return Caller(peer, user_agent, _new_request_id())
        self._warn(environ.get("HTTP_X_UNTRUSTED_FORWARDER", ""))
        address = environ.get("HTTP_X_FORWARDED_FOR", "")
        if not _ADDRESS.fullmatch(address):
            address = peer
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = _new_request_id()
        return Caller(address, user_agent, request_id)

    def _shown_credentials(self, environ: Mapping[str, Any]) -> dict[str, str]:
        shown = {}
        for header in self._credentials:
            value = environ.get(f"HTTP_{header.upper().replace('-', '_')}")
            if value:
                shown[header] = value
        return shown

    def _warn(self, untrusted: str) -> None:
        if untrusted and not self._has_warned:
            self._has_warned = True
            log.warning(
                "%.64s names clients, but is not in DOORWARD_TRUSTED_PROXIES: ignored", untrusted
            )


def _new_request_id() -> str:
    return secrets.token_hex(16)

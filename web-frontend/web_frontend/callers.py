"""Who is asking: believed only from nginx, which shows the edge credential."""

import logging
import re
import secrets
from dataclasses import dataclass

from flask import Request, g, has_app_context

from session_contract.credentials import Credential

log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the client's address and browser, and the request's id in every log."""

    address: str
    user_agent: str
    request_id: str


class WrongCredential(Exception):
    """Who passed the request on, `caller`, showed a credential that is not nginx's."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(f"{caller.address} shows a wrong X-Edge-Credential")
        self.caller = caller


class CallerReader:
    """Reads the client's address and the request's id, which without the edge credential are the peer's."""

    def __init__(self, edge: Credential) -> None:
        self._edge = edge
        self._has_warned = False

    def read(self, request: Request) -> Caller:
        """Return who made the request. Raises WrongCredential: what is shown must be right."""
        user_agent = request.headers.get("User-Agent", "")
        address, request_id = request.remote_addr or "", ""
        if shown := request.headers.get("X-Edge-Credential", ""):
            if not self._edge.accepts(shown):
                raise WrongCredential(Caller(address, user_agent, secrets.token_hex(16)))
            self._warn(request.headers.get("X-Untrusted-Forwarder", ""))
            address = request.headers.get("X-Forwarded-For", address)
            request_id = request.headers.get("X-Request-ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16)
        return Caller(address, user_agent, request_id)

    def _warn(self, untrusted: str) -> None:
        if untrusted and not self._has_warned:
            self._has_warned = True
            log.warning("%.64s names clients, but is not in DOORWARD_TRUSTED_PROXIES: ignored", untrusted)


def in_log_lines() -> dict[str, str]:
    """Return what every log line says of the request in which it was written."""
    caller: Caller | None = g.get("caller") if has_app_context() else None
    return {"request_id": caller.request_id, "client_address": caller.address} if caller else {}

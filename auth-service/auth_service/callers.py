"""Who is asking: believed only from nginx and the frontend, which show a credential."""

import logging
import re
import secrets

from flask import Request, g, has_app_context

from auth_service.models import Caller
from session_contract.credentials import Credential

log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class WrongCredential(Exception):
    """Who passed the request on, `caller`, showed a credential that is not ours."""

    def __init__(self, header: str, caller: Caller) -> None:
        super().__init__(f"{caller.address} shows a wrong {header}")
        self.header, self.caller = header, caller


class CallerReader:
    """Reads the client's address and the request's id.

    Without the edge or the service credential the forwarded headers count for nothing: the
    peer's address is the client's, and the request gets an id of its own.
    """

    def __init__(self, edge: Credential, service: Credential) -> None:
        self._credentials = {"X-Edge-Credential": edge, "X-Service-Credential": service}
        self._has_warned = False

    def read(self, request: Request) -> Caller:
        """Return who made the request. Raises WrongCredential: what is shown must be right."""
        user_agent = request.headers.get("User-Agent", "")
        address, request_id = request.remote_addr or "", ""
        shown = {name: value for name in self._credentials if (value := request.headers.get(name))}
        for name, value in shown.items():
            if not self._credentials[name].accepts(value):
                raise WrongCredential(name, Caller(address, user_agent, secrets.token_hex(16)))
        if shown:
            self._warn(request.headers.get("X-Untrusted-Forwarder", ""))
            address = request.headers.get("X-Forwarded-For", address)[:64]
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

"""Who is asking: believed only from nginx and the frontend, which show a credential."""

import hmac
import re
import secrets

from flask import Request, g, has_app_context

from auth_service.models import Caller

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class CallerReader:
    """Reads the client's address and the request's id.

    Without the edge or the service credential the forwarded headers count for nothing: the
    peer's address is the client's, and the request gets an id of its own.
    """

    def __init__(self, edge_credential: str, service_credential: str) -> None:
        self._credentials = {
            "X-Edge-Credential": edge_credential.encode(),
            "X-Service-Credential": service_credential.encode(),
        }

    def read(self, request: Request) -> Caller:
        """Return who made the request."""
        user_agent = request.headers.get("User-Agent", "")
        address, request_id = request.remote_addr or "", ""
        if self._is_trusted(request):
            address = request.headers.get("X-Forwarded-For", address)[:64]
            request_id = request.headers.get("X-Request-ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16)
        return Caller(address, user_agent, request_id)

    def shows_wrong_credential(self, request: Request) -> bool:
        """Whether somebody tries to pass for nginx or the frontend."""
        return any(request.headers.get(name) for name in self._credentials) and not self._is_trusted(request)

    def _is_trusted(self, request: Request) -> bool:
        shown = {name: request.headers.get(name, "").encode() for name in self._credentials}
        return any(hmac.compare_digest(shown[name], secret) for name, secret in self._credentials.items())


def in_log_lines() -> dict[str, str]:
    """Return what every log line says of the request in which it was written."""
    caller: Caller | None = g.get("caller") if has_app_context() else None
    return {"request_id": caller.request_id, "client_address": caller.address} if caller else {}

"""Who is asking: believed only from nginx, which shows the edge credential."""

import hmac
import re
import secrets
from dataclasses import dataclass

from flask import Request, g, has_app_context

from session_contract.audit_events import record_event

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the client's address and browser, and the request's id in every log."""

    address: str
    user_agent: str
    request_id: str


def read_caller(request: Request, edge_credential: str) -> Caller:
    """Return who made the request; without the edge credential that is the peer."""
    user_agent = request.headers.get("User-Agent", "")
    address, request_id = request.remote_addr or "", ""
    shown = request.headers.get("X-Edge-Credential", "")
    if hmac.compare_digest(shown.encode(), edge_credential.encode()):
        address = request.headers.get("X-Forwarded-For", address)
        request_id = request.headers.get("X-Request-ID", "")
    elif shown:
        record_event(
            "malicious_extraneous", user_agent, client_address=address, reason="a wrong edge credential"
        )
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = secrets.token_hex(16)
    return Caller(address, user_agent, request_id)


def in_log_lines() -> dict[str, str]:
    """Return what every log line says of the request in which it was written."""
    caller: Caller | None = g.get("caller") if has_app_context() else None
    return {"request_id": caller.request_id, "client_address": caller.address} if caller else {}

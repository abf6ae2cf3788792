"""What the log lines of a request say of who asks."""

from flask import g, has_app_context

from session_contract.callers import Caller


def in_log_lines() -> dict[str, str]:
    """Return what every log line says of the request in which it was written."""
    caller: Caller | None = g.get("caller") if has_app_context() else None
    return {"request_id": caller.request_id, "client_address": caller.address} if caller else {}

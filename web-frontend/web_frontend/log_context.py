"""What every log line says of the request in which it was written."""

from web_frontend.request_state import current_request, has_current_request


def in_log_lines() -> dict[str, str]:
    """Return the request's id and the client's address, where a request is under way."""
    if not has_current_request():
        return {}
    caller = current_request().caller
    return {"request_id": caller.request_id, "client_address": caller.address}

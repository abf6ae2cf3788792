"""Fields about the current request, for each log line."""

from web_frontend.request_state import current_request, has_current_request


def in_log_lines() -> dict[str, str]:
    """Return the request's id and the client's address, or nothing outside a request."""
    if not has_current_request():
        return {}
    caller = current_request().caller
    return {"request_id": caller.request_id, "client_address": caller.address}

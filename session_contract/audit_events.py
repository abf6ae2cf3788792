"""Security events under the names of OWASP's logging vocabulary, as lines of the log."""

import logging

audit_log = logging.getLogger("audit")
audit_log.setLevel(logging.INFO)


def record_event(event: str, user_agent: str | None = None, **details: object) -> None:
    """Log an event; request id and client address are added to the line as to every other.

    docs/operations.md has every event. Details that are None are left out. Never pass a password, a
    token or a whole credential.
    """
    if user_agent is not None:
        # Log lines are ASCII, and escaped characters would be six times as long.
        details["user_agent"] = user_agent.encode("ascii", "replace").decode()
    known = {name: value for name, value in details.items() if value is not None}
    level = logging.WARNING if _is_warning(event) else logging.INFO
    audit_log.log(level, event, extra={"details": known})


def _is_warning(event: str) -> bool:
    bad_endings = ("_fail", "_lock", "_expire", "_crash")
    return event.startswith("malicious_") or event.endswith(bad_endings)


def record_start(_server: object) -> None:
    """Record that a service has started. gunicorn calls it as `when_ready`."""
    record_event("sys_startup")


def record_end(_server: object) -> None:
    """Record that a service stops. gunicorn calls it as `on_exit`."""
    record_event("sys_shutdown")

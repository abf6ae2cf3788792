"""Security events under the names of OWASP's logging vocabulary, as lines of the log."""

import logging

audit_log = logging.getLogger("audit")
audit_log.setLevel(logging.INFO)


def record_event(event: str, user_agent: str | None = None, **details: object) -> None:
    """Log an event; request id and client address are added to the line as to every other.

    docs/operations.md has every event. Details that are None are left out. Never pass a password, a
    token or a whole credential.
    """
    # In the characters that it has in the line: escaped there it would be six times as long.
    details["user_agent"] = user_agent and user_agent.encode("ascii", "replace").decode()
    known = {name: value for name, value in details.items() if value is not None}
    is_bad = event.startswith("malicious_") or event.endswith(
        ("_fail", "_lock", "_expire", "_crash")
    )
    audit_log.log(logging.WARNING if is_bad else logging.INFO, event, extra={"details": known})


def record_start(_server: object) -> None:
    """Record that a service is there: gunicorn's hook `when_ready`."""
    record_event("sys_startup")


def record_end(_server: object) -> None:
    """Record that a service goes: gunicorn's hook `on_exit`."""
    record_event("sys_shutdown")

"""Security events under the names of OWASP's logging vocabulary, as lines of the log."""

import logging

USER_AGENT_LENGTH = 256
EVENTS = {
    "authn_login_success": logging.INFO,
    "authn_login_fail": logging.WARNING,
    "authn_login_lock": logging.WARNING,
    "authn_password_change": logging.INFO,
    "authn_password_change_fail": logging.WARNING,
    "authn_token_revoked": logging.INFO,
    "authz_fail": logging.INFO,
    "input_validation_fail": logging.WARNING,
    "malicious_cors": logging.WARNING,
    "malicious_extraneous": logging.WARNING,
    "sensitive_update": logging.WARNING,
    "session_created": logging.INFO,
    "session_expired": logging.INFO,
    "session_use_after_expire": logging.WARNING,
    "sys_crash": logging.ERROR,
    "sys_shutdown": logging.INFO,
    "sys_startup": logging.INFO,
    "user_created": logging.INFO,
    "user_deleted": logging.INFO,
    "user_updated": logging.INFO,
}
"""Every event with its level; docs/operations.md says when each is recorded."""

audit_log = logging.getLogger("audit")
audit_log.setLevel(logging.INFO)


def record_event(event: str, user_agent: str | None = None, **details: object) -> None:
    """Log an event; request id and client address are added to the line as to every other.

    Details that are None are left out. Never pass a password, a token or a whole credential.
    Raises KeyError for an event that `EVENTS` does not name.
    """
    if user_agent is not None:
        details["user_agent"] = user_agent[:USER_AGENT_LENGTH]
    known = {name: value for name, value in details.items() if value is not None}
    audit_log.log(EVENTS[event], event, extra={"details": known})

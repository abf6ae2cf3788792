"""Turns a line of the log into words, for `make logs`."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

EVENTS = {
    "authn_login_success": "Signed in or confirmed the password",
    "authn_login_fail": "The name or the password was wrong",
    "authn_login_lock": "Too many wrong passwords",
    "authn_password_change": "The password was changed",
    "authn_password_change_fail": "The password was not changed: the current one was wrong",
    "authn_token_revoked": "A session was ended",
    "session_created": "A session began",
    "session_expired": "An expired session was sent",
    "session_use_after_expire": "A session that had ended was used",
    "authz_fail": "Refused: no session, or no right to do this",
    "user_created": "The account was created",
    "user_updated": "The account was changed",
    "user_deleted": "The account was deleted",
    "sensitive_read": "Somebody downloaded what is kept about them",
    "sensitive_update": "A key or credential was replaced",
    "input_validation_fail": "Refused: the request broke a rule that our pages keep",
    "malicious_cors": "Refused: the form came from another site",
    "malicious_extraneous": "Refused: a forged session token or a wrong credential",
    "sys_startup": "The service is ready",
    "sys_shutdown": "The service stops",
    "sys_crash": "An unexpected error occurred",
}
"""What each event of the audit log means. docs/operations.md has the fields of each."""

# The labels of the fields at the end of a line: who, from where, and the request.
LABELS = {
    "user_id": "user",
    "unknown_name": "unknown name",
    "operator_uid": "by operator with uid",
    "client_address": "from",
    "client": "from",
    "request_id": "request",
}
# Shown without their names, after what happened.
SPEAK_FOR_THEMSELVES = ("reason", "act")
NOT_SHOWN = {"time", "level", "service", "logger", "event", "user_agent"}


def in_words(line: str) -> str:
    """Return a line for people to read, or the same line if its form is not known."""
    try:
        fields = json.loads(line)
        moment = datetime.fromisoformat(fields["time"]).astimezone()
        what = _what_happened(fields)
    except (LookupError, OverflowError, RecursionError, TypeError, ValueError):
        return line
    service = fields.get("service", "nginx")
    known = [name for name in LABELS if fields.get(name, "") != ""]
    ends = [f"{LABELS[name]} {fields[name]}" for name in known]
    return "  ".join((f"{moment:%Y-%m-%d %H:%M:%S}", f"{service!s:12}", what, *ends))


def visible(text: str) -> str:
    """Return a text with its control and invisible characters escaped, so that none takes effect.

    They could hide lines, or change the terminal (CWE-150).
    """
    return "".join(
        sign if sign.isprintable() or sign == "\t" else sign.encode("unicode_escape").decode()
        for sign in text
    )


def _what_happened(fields: Mapping[str, Any]) -> str:
    if "event" in fields:
        return EVENTS[fields["event"]] + _details(fields)
    if "message" in fields:
        return _message(fields)
    request = f"{fields['method']} {fields['path']}".strip() or "A request that is not HTTP"
    return f"{request} was answered with {fields['status']} in {fields['request_time']:.2f} s"


def _details(fields: Mapping[str, Any]) -> str:
    others = fields.keys() - NOT_SHOWN - LABELS.keys() - set(SPEAK_FOR_THEMSELVES)
    shown = [_plain(str(fields[name])) for name in SPEAK_FOR_THEMSELVES if name in fields]
    shown += [f"{name} {fields[name]}" for name in fields if name in others]
    return f" ({', '.join(shown)})" if shown else ""


def _plain(name: str) -> str:
    """Return the words in the name of an exception or of an endpoint."""
    if re.fullmatch(r"(?:[A-Z][a-z]+)+", name):
        return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
    if re.fullmatch(r"\w+\.\w+", name):
        return name.replace(".", " ").replace("_", " ")
    return name


def _message(fields: Mapping[str, Any]) -> str:
    text = str(fields["message"])
    if fields["level"] != "INFO":
        text = f"{str(fields['level']).capitalize()}: {text}"
    if "exception" in fields:
        last_line = str(fields["exception"]).rstrip().rpartition("\n")[2]
        text += f": {last_line} (RAW=1 shows the traceback)"
    return text

"""Credentials of the services: their form, their sources, and how they are replaced."""

import base64
import hmac
import logging
import os
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from session_contract.audit_events import record_event
from session_contract.file_stamps import Stamp, file_stamp
from session_contract.guessable import why_guessable_bytes, why_guessable_text

GRACE_SECONDS = 60.0
"""How long a replaced credential is still accepted, because programs notice the new one later."""
LOOK_SECONDS = 1.0

HOW_TO_MAKE = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"

log = logging.getLogger(__name__)


class Credential:
    """A credential from a value, or from a file that is reread when it changes; for many threads.

    If the file becomes unusable, the last good value stays in force and a warning is logged, so
    that a mistake in the file stops nobody. `clock` returns seconds from any point in time.
    """

    def __init__(
        self, value: str, file: Path | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._value = value
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._stamp: Stamp | None = None
        self._former: dict[str, float] = {}

    def current(self) -> str:
        """Return the value to show."""
        if self._file and file_stamp(self._file) != self._stamp:
            with self._lock:
                self._reread(self._file)
        return self._value

    def accepts(self, shown: str) -> bool:
        """Whether that is the value, or was until a minute ago.

        The file is looked at once a second, and whenever something else than the value is shown.
        """
        now = self._clock()
        if now < self._next_look and hmac.compare_digest(shown.encode(), self._value.encode()):
            return True
        self._next_look = now + LOOK_SECONDS
        # This comes first, because it may add the former value.
        good = [self.current()]
        good += [value for value, until in list(self._former.items()) if now < until]
        return any(hmac.compare_digest(shown.encode(), value.encode()) for value in good)

    def _reread(self, file: Path) -> None:
        stamp = file_stamp(file)
        if stamp == self._stamp:
            return
        value, fault = read_credential_file(file)
        if fault:
            log.warning("%s %s; the last good credential stays in force", file, fault)
        elif value != self._value:
            until = self._clock() + GRACE_SECONDS
            # Between two looks the file may have been replaced twice.
            former, is_none = read_credential_file(former_file(file))
            if not is_none:
                self._former[former] = until
            self._former[self._value] = until
            self._value = value
            record_event("sensitive_update", object=str(file))
        # This comes last, so that no other thread takes the old value for that of the new file. It
        # is the stamp from before reading, so that a change meanwhile is read the next time.
        self._stamp = stamp


def former_file(file: Path) -> Path:
    """Return where a rotation keeps the value that it replaced."""
    return file.with_name(f"{file.name}.former")


def read_credential_file(file: Path) -> tuple[str, str]:
    """Return the credential in a file, and the problem with it or ""."""
    try:
        value = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "", "is not there: use the file that init makes"
    except UnicodeDecodeError:
        return "", f"has characters that are not ASCII: {HOW_TO_MAKE}"
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        return "", f"cannot be read by user {os.geteuid()} ({reason})"
    return value, credential_fault(value)


def credential_fault(value: str) -> str:
    """Return what is wrong with a credential, or "".

    Both services and nginx use the same credentials, so their form is part of the contract: 32
    random bytes as base64url text, which has 43 characters (RFC 4648, section 5).
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
        return f"must be 43 base64url characters. {HOW_TO_MAKE}"
    secret = base64.urlsafe_b64decode(value + "=")
    if base64.urlsafe_b64encode(secret).rstrip(b"=").decode() != value:
        return f"must be 32 bytes as base64url. {HOW_TO_MAKE}"
    reason = why_guessable_text(value) or why_guessable_bytes(secret)
    return f"{reason} and can be guessed. {HOW_TO_MAKE}" if reason else ""


def new_credential() -> str:
    """Return 32 random bytes as base64url text."""
    while True:
        value = secrets.token_urlsafe(32)
        if not credential_fault(value):
            return value

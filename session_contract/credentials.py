"""Credentials of the services: where they are given, what form they have, and how they change."""

import hmac
import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from session_contract.audit_events import record_event

GRACE_SECONDS = 60.0
"""So long a credential that was replaced is accepted: whoever shows it may notice later."""
LOOK_SECONDS = 1.0

_FEWEST_DISTINCT = 12
_HOW_TO_MAKE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"

log = logging.getLogger(__name__)
Stamp = tuple[int, ...]


class Credential:
    """One that is given by value, or read anew when its file is replaced; for many threads.

    A file that has become unusable leaves the last good value in force, with a warning: a slip
    must not stop everybody. `clock` returns seconds from any beginning.
    """

    def __init__(
        self, value: str, file: Path | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._value, self._file, self._clock = value, file, clock
        self._lock, self._next_look = threading.Lock(), 0.0
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
        # The file first: what it held moves to the former ones.
        good = [self.current()]
        good += [value for value, until in list(self._former.items()) if now < until]
        return any(hmac.compare_digest(shown.encode(), value.encode()) for value in good)

    def _reread(self, file: Path) -> None:
        if (stamp := file_stamp(file)) == self._stamp:
            return
        value, fault = _read(file)
        if fault:
            log.warning("%s %s; the last good credential stays in force", file, fault)
        elif value != self._value:
            self._former[self._value] = self._clock() + GRACE_SECONDS
            self._value = value
            record_event("sensitive_update", object=str(file))
        # Last, or another thread would take the old value for the new file's; and as it was before
        # reading, so that what is written meanwhile is read the next time.
        self._stamp = stamp


def file_stamp(file: Path) -> Stamp:
    """Return what tells one version of a file from another without reading it; () where there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return ()
    except OSError:
        return (0,)  # whoever looks into it is told more
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def read_secret(name: str, problems: list[str]) -> str:
    """Return the secret in DOORWARD_<name>, or in the file that DOORWARD_<name>_FILE names.

    Both services and nginx are shown the same credentials, so their form is part of the
    contract: base64url text of 256 bits and no pattern. What is wrong is added to `problems`;
    a secret is never part of a problem.
    """
    source = f"DOORWARD_{name}"
    value, file = os.environ.get(source, "").strip(), os.environ.get(f"{source}_FILE", "").strip()
    if not (value or file):
        problems.append(f"neither {source} nor {source}_FILE is set")
        return ""
    if value and file:
        problems.append(f"{source} and {source}_FILE are both set: keep one")
    fault = _fault(value)
    if not value:
        source = f"{source}_FILE ({file})"
        value, fault = _read(Path(file))
    if fault:
        problems.append(f"{source} {fault}")
    return value


def _read(file: Path) -> tuple[str, str]:
    """Return the credential in a file, and what is wrong with it, or ""."""
    try:
        value = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        return "", f"cannot be read: {error}"
    return value, _fault(value)


def _fault(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{43,}", value):
        return f"must be at least 43 base64url characters; {_HOW_TO_MAKE}"
    if len(set(value)) < _FEWEST_DISTINCT:
        return f"is a pattern or a well-known text; {_HOW_TO_MAKE}"
    return ""

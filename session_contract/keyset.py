"""The signing keys: a JWK Set (RFC 7517) of symmetric keys in a file that may change."""

import base64
import binascii
import json
import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from session_contract.audit_events import record_event
from session_contract.file_stamps import file_stamp
from session_contract.guessable import why_guessable_bytes

KEY_BYTES = 32
"""256 bits: as long as the output of the hash that HS256 uses (RFC 7518, section 3.2)."""

log = logging.getLogger(__name__)


class KeySetError(Exception):
    """The key set cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """One symmetric key.

    `retires_at` is the Unix time, in seconds, from which the key verifies nothing any more. It is
    None for a key without an end.
    """

    kid: str
    secret: bytes
    retires_at: int | None = None

    def is_retired(self, now: float) -> bool:
        """Whether the key has come to its end at `now` (Unix seconds)."""
        return self.retires_at is not None and now >= self.retires_at


@dataclass(frozen=True)
class KeySet:
    """Keys in order. The first one signs; all that are not retired verify."""

    keys: tuple[Key, ...]

    @property
    def signing_key(self) -> Key:
        """The key that new tokens are signed with."""
        return self.keys[0]

    def find(self, kid: object) -> Key | None:
        """Return the key named `kid`, retired or not, or None."""
        return next((key for key in self.keys if key.kid == kid), None)

    def to_json(self) -> str:
        """Return the JWK Set as text; `retires_at` is a private member of each key."""
        members: list[dict[str, Any]] = []
        for key in self.keys:
            encoded = base64.urlsafe_b64encode(key.secret).rstrip(b"=").decode()
            members.append(
                {"kty": "oct", "use": "sig", "alg": "HS256", "kid": key.kid, "k": encoded}
            )
            if key.retires_at is not None:
                members[-1]["retires_at"] = key.retires_at
        return json.dumps({"keys": members}, indent=2) + "\n"


def parse_key_set(text: str) -> KeySet:
    """Read a JWK Set.

    Raises:
        KeySetError: for anything but at least one `oct` key of 256 random bits, each with
            a `kid` of its own. A key that was typed, or copied from a tutorial, is refused too
            (RFC 8725, section 3.5).
    """
    try:
        keys = tuple(_parse_key(member) for member in json.loads(text)["keys"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise KeySetError("is not a JWK Set of symmetric keys (RFC 7517)") from error
    if not keys:
        raise KeySetError("holds no key")
    if len({key.kid for key in keys}) != len(keys):
        raise KeySetError("names two keys alike")
    if keys[0].retires_at is not None:
        raise KeySetError(
            "retires the first key, which signs: put one without retires_at before it"
        )
    return KeySet(keys)


def _parse_key(member: dict[str, Any]) -> Key:
    kid = member["kid"]
    retires_at = member.get("retires_at")
    if member["kty"] != "oct" or member.get("alg", "HS256") != "HS256":
        raise KeySetError("holds a key that is not for HS256")
    if not isinstance(kid, str) or not kid or type(retires_at) not in (int, type(None)):
        raise KeySetError("holds a key with a malformed kid or retires_at")
    return Key(kid, _parse_secret(member["k"]), retires_at)


def _parse_secret(encoded: str) -> bytes:
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise KeySetError("holds a key that is not base64url") from error
    if len(secret) < KEY_BYTES:
        raise KeySetError(f"holds a key of {len(secret)} bytes; at least {KEY_BYTES} are needed")
    reason = why_guessable_bytes(secret)
    if reason:
        raise KeySetError(
            f"holds a key that {reason}, not random bytes: move the file away, and init makes "
            "new keys"
        )
    return secret


def new_key(now: float) -> Key:
    """Return a random signing key; its name says when it was made (`now` is in Unix seconds)."""
    made = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    while True:
        secret = secrets.token_bytes(KEY_BYTES)
        if not why_guessable_bytes(secret):
            return Key(f"{made}-{secrets.token_hex(4)}", secret)


class KeySetFile:
    """A key set that is reread when its file is replaced; safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        # The stamp is from before reading, so that a change meanwhile is read the next time.
        self._stamp = file_stamp(path)
        self._keys = self._read()

    def current(self) -> KeySet:
        """Return the key set in the file.

        If the file becomes unusable, the last good keys stay in force, so that a mistake while
        editing signs nobody out. The log and `problem` say what is wrong.
        """
        stamp = file_stamp(self.path)
        if stamp != self._stamp:
            with self._lock:
                before = self._keys
                try:
                    self._keys = self._read()
                except KeySetError as error:
                    if isinstance(error.__cause__, OSError):
                        return before  # this may pass, such as a lack of free descriptors
                    log.error("%s; the last good keys stay in force", error)
                self._stamp = stamp
                if self._keys != before:
                    key = self._keys.signing_key.kid
                    record_event("sensitive_update", object="signing keys", key=key)
        return self._keys

    def problem(self) -> str | None:
        """Return what is wrong with the file now, or None."""
        try:
            self._read()
        except KeySetError as error:
            return str(error)
        return None

    def _read(self) -> KeySet:
        try:
            return parse_key_set(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, KeySetError) as error:
            reason = _reason_of(error)
            raise KeySetError(
                f"{self.path} (DOORWARD_KEY_SET_FILE) cannot be used: {reason}"
            ) from error


def _reason_of(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "it cannot be read").lower()
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text file"
    return str(error)

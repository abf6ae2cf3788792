"""Makes and rotates the files that hold secrets: written whole, readable by owner and group."""

import os
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from auth_service.durable_file import file_lock
from session_contract.keyset import KEY_BYTES, Key, KeySet, KeySetFile

LOCK_SECONDS = 5.0
_FILE_MODE = 0o640
_FOLDER_MODE = 0o750


def new_key(now: float) -> Key:
    """Return a fresh random signing key; its name says when it was made."""
    made = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return Key(f"{made}-{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES))


def new_credential() -> str:
    """Return 256 random bits as one line of base64url text."""
    return secrets.token_urlsafe(KEY_BYTES) + "\n"


def make_once(path: Path, content: str) -> bool:
    """Make a secret file if there is none; return whether it was made. Raises OSError."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    if path.exists():
        return False
    temporary = _write_beside(path, content)
    try:
        # A link fails where the name exists: of two starts at once the first wins.
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
            return True
    finally:
        temporary.unlink()
    return False


def rotate_keys(path: Path, now: int, idle_seconds: int, *, revoke: bool) -> KeySet:
    """Put a new signing key first, and return the new set.

    Tokens of the old keys stay good until they would have been renewed or have expired;
    with `revoke` the old keys are dropped and open nothing any more.

    Raises:
        KeySetError, OSError: nothing was changed.
    """
    with file_lock(path.with_name(path.name + ".lock"), LOCK_SECONDS):
        old = () if revoke else KeySetFile(path).current().keys
        living = (key for key in old if not key.is_retired(now))
        retiring = (replace(key, retires_at=key.retires_at or now + idle_seconds) for key in living)
        rotated = KeySet((new_key(now), *retiring))
        replace_file(path, rotated.to_json())
    return rotated


def replace_file(path: Path, content: str) -> None:
    """Put a secret in the place of another, in one step. Raises OSError: nothing was changed."""
    temporary = _write_beside(path, content)
    try:
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_beside(path: Path, content: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    with os.fdopen(descriptor, "w") as file:
        # The umask may have taken the group's right to read.
        os.fchmod(descriptor, _FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return temporary

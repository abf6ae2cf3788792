"""Makes and rotates the files that hold secrets: written whole, readable by owner and group."""

import secrets
import time
from dataclasses import replace
from pathlib import Path

from auth_service.file_locks import file_lock, rename_synced, write_new
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
        path.hardlink_to(temporary)
    except FileExistsError:
        return False  # of two starts at once the first wins
    finally:
        temporary.unlink()
    return True


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


def replace_file(path: Path, content: str) -> bool:
    """Put a secret in the place of another, in one step. Raises OSError: nothing was changed."""
    temporary = _write_beside(path, content)
    try:
        rename_synced(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _write_beside(path: Path, content: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_new(temporary, [content.encode()], _FILE_MODE)
    return temporary

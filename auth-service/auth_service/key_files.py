"""Rotates the signing keys, in a file that owner and group may read."""

import secrets
from dataclasses import replace
from pathlib import Path

from auth_service.file_locks import file_lock, rename_synced, write_new
from session_contract.keyset import KeySet, KeySetFile, new_key

LOCK_SECONDS = 5.0
_FILE_MODE = 0o640


def rotate_keys(path: Path, now: int, idle_seconds: int, *, revoke: bool) -> KeySet:
    """Put a new signing key first, and return the new set.

    Tokens of the old keys stay valid until they would have been renewed or have expired. With
    `revoke` the old keys are dropped, and their tokens are refused at once.

    Raises:
        KeySetError, OSError: nothing was changed.
    """
    with file_lock(path.with_name(path.name + ".lock"), LOCK_SECONDS):
        old = () if revoke else KeySetFile(path).current().keys
        living = (key for key in old if not key.is_retired(now))
        retiring = (replace(key, retires_at=key.retires_at or now + idle_seconds) for key in living)
        rotated = KeySet((new_key(now), *retiring))
        _replace_file(path, rotated.to_json())
    return rotated


def _replace_file(path: Path, content: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(temporary, [content.encode()], _FILE_MODE)
        rename_synced(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

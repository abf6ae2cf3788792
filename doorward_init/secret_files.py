"""Writes secrets into files: as a whole, synced to disk, readable by owner and group."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

_FILE_MODE = 0o640
_FOLDER_MODE = 0o750


def make_once(path: Path, content: str) -> bool:
    """Make a secret file if there is none; return whether it was made. Raises OSError."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    if path.exists():
        return False
    temporary = _write_beside(path, content)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False  # another start at the same time was first
    finally:
        temporary.unlink()
        _sync(path.parent)
    return True


def replace(path: Path, content: str) -> None:
    """Replace a secret in one step. Raises OSError, and then nothing was changed."""
    temporary = _write_beside(path, content)
    try:
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync(path.parent)


def _write_beside(path: Path, content: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            # The umask may have taken rights away.
            os.fchmod(file.fileno(), _FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

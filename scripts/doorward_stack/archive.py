"""Packs and unpacks the data of a stack: `archive.py pack|unpack`, the archive on stdout or stdin.

It runs by itself, in a container too, and finds the files by the services' own settings. The
archive looks the same from both ways of running, so one may be restored into the other.
"""

import io
import json
import os
import sqlite3
import sys
import tarfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import IO

SESSIONS = "state.db"
GUESSES = "throttle.db"
SECRETS = {
    "secrets/keys/keys.json": "DOORWARD_KEY_SET_FILE",
    "secrets/edge/credential": "DOORWARD_EDGE_CREDENTIAL_FILE",
    "secrets/service/credential": "DOORWARD_SERVICE_CREDENTIAL_FILE",
    "secrets/csrf/key": "DOORWARD_CSRF_KEY_FILE",
}


def places(environ: Mapping[str, str]) -> dict[str, Path]:
    """Return where each member of the archive belongs on this system; links are followed."""
    data = Path(environ["DOORWARD_DATA_DIR"])
    found = {member: data / member for member in (SESSIONS, GUESSES, "users.json")}
    for member, name in SECRETS.items():
        if environ.get(name):
            found[member] = Path(environ[name])
    return {member: path.resolve() for member, path in found.items()}


def pack(target: IO[bytes], where: Mapping[str, Path]) -> None:
    """Write the archive. A restore ends all sessions, so they are left out."""
    with tarfile.open(fileobj=target, mode="w|gz") as archive:
        for member, path in where.items():
            if member == SESSIONS or not path.exists():
                continue
            content = _snapshot(path) if member == GUESSES else path.read_bytes()
            info = tarfile.TarInfo(member)
            info.size = len(content)
            info.mode = _mode(member)
            info.mtime = int(path.stat().st_mtime)
            archive.addfile(info, io.BytesIO(content))


def _snapshot(path: Path) -> bytes:
    """Copy a database while others write to it."""
    copy = path.with_name(f"{path.name}.backup-{os.getpid()}")
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
        return copy.read_bytes()
    finally:
        copy.unlink(missing_ok=True)


def unpack(source: IO[bytes], where: Mapping[str, Path]) -> None:
    """Put everything back, or nothing if the archive is not a whole and sound one."""
    contents = read(source)
    # Sessions that were ended after the backup was made must not live again, so all of them end.
    _remove_database(where[SESSIONS])
    for member, path in where.items():
        if member in contents and member != SESSIONS:
            _replace(member, path, contents[member])


def read(source: IO[bytes]) -> dict[str, bytes]:
    """Return the members of an archive after checking them."""
    contents: dict[str, bytes] = {}
    with tarfile.open(fileobj=source, mode="r|gz") as archive:
        for info in archive:
            handle = archive.extractfile(info) if info.isfile() else None
            # Backups of older versions hold sessions too.
            known = info.name in ("users.json", SESSIONS, GUESSES, *SECRETS)
            if handle is None or not known or info.name in contents:
                raise ValueError(f"{info.name} does not belong in a backup of Doorward")
            contents[info.name] = handle.read()
    if "users.json" not in contents:
        raise ValueError("there is no users.json in it")
    json.loads(contents["users.json"])
    if not contents.get(GUESSES, b"SQLite format 3\0").startswith(b"SQLite format 3\0"):
        raise ValueError(f"its {GUESSES} is not a database")
    return contents


def _remove_database(path: Path) -> None:
    # The log goes first: beside another database it would be taken for that one's.
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _mode(member: str) -> int:
    return 0o640 if member in SECRETS else 0o600


def _replace(member: str, path: Path, content: bytes) -> None:
    mode = _mode(member)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.restored")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        os.fchmod(descriptor, mode)
        handle.write(content)
        handle.flush()
        os.fsync(descriptor)
    if member == "users.json":
        # The service's good copy of the users that are being replaced would win over them.
        path.with_name(f"{path.name}.committed").unlink(missing_ok=True)
    if member == GUESSES:
        _remove_database(path)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def main() -> int:
    """Pack or unpack, as the only argument says."""
    os.umask(0o027)
    where = places(os.environ)
    try:
        if sys.argv[1] == "pack":
            pack(sys.stdout.buffer, where)
        else:
            unpack(sys.stdin.buffer, where)
    except (OSError, ValueError, tarfile.TarError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Backups: what is packed, what comes back, and what a restore ends."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from scripts.doorward_stack import archive


def places(folder: Path) -> dict[str, Path]:
    """Return where the members of an archive belong in a data folder."""
    secrets = {name: str(folder / member) for member, name in archive.SECRETS.items()}
    return archive.places({"DOORWARD_DATA_DIR": str(folder), **secrets})


def fill(folder: Path, text: str) -> None:
    """Write users, secrets and databases that say whose they are."""
    for member in archive.SECRETS:
        (folder / member).parent.mkdir(parents=True, exist_ok=True)
        (folder / member).write_text(f"secret of {text}")
    (folder / "users.json").write_text(f'{{"users": "{text}"}}')
    for name in ("state.db", "throttle.db"):
        with closing(sqlite3.connect(folder / name)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE entries (id)")
            database.execute("INSERT INTO entries VALUES (?)", (text,))
            database.commit()


def entries(database: Path) -> list[str]:
    """Return what `fill` wrote into a database."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM entries")]


def packed(folder: Path) -> io.BytesIO:
    """Return a backup of a data folder."""
    target = io.BytesIO()
    archive.pack(target, places(folder))
    target.seek(0)
    return target


def test_a_restore_ends_all_sessions(tmp_path: Path) -> None:
    fill(tmp_path / "old", "old")
    fill(tmp_path / "new", "new")
    archive.unpack(packed(tmp_path / "old"), places(tmp_path / "new"))
    assert list((tmp_path / "new").glob("state.db*")) == []

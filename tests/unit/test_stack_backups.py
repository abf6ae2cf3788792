"""Backups: what is packed, what comes back, and what a restore ends."""

import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from scripts.doorward_stack import archive, backups
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import Layout


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


def test_a_backup_made_while_running_comes_back_whole(tmp_path: Path) -> None:
    old = tmp_path / "old"
    new = tmp_path / "new"
    fill(old, "old")
    fill(new, "new")
    (new / "users.json.committed").write_text("new")
    (new / "throttle.db-wal").write_bytes(b"of another database")
    with closing(sqlite3.connect(old / "throttle.db")) as writer:
        writer.execute("INSERT INTO entries VALUES ('not committed')")
        backup = packed(old)
    archive.unpack(backup, places(new))
    assert (new / "users.json").read_text() == '{"users": "old"}'
    assert (new / "users.json").stat().st_mode & 0o777 == 0o600
    assert not (new / "users.json.committed").exists()
    assert entries(new / "throttle.db") == ["old"]
    for member in archive.SECRETS:
        assert (new / member).read_text() == "secret of old"
        assert (new / member).stat().st_mode & 0o777 == 0o640


def test_files_behind_links_are_restored_and_the_links_stay(tmp_path: Path) -> None:
    """The service keeps its good copy of the users beside the target of a link."""
    fill(tmp_path / "old", "old")
    new = tmp_path / "new"
    elsewhere = tmp_path / "elsewhere"
    fill(new, "new")
    elsewhere.mkdir()
    for name in ("users.json", "throttle.db", "secrets/keys/keys.json"):
        target = elsewhere / f"our-{Path(name).name}"
        (new / name).rename(target)
        (new / name).symlink_to(target)
    (elsewhere / "our-users.json.committed").write_text("new")
    (elsewhere / "our-throttle.db-wal").write_bytes(b"of another database")
    archive.unpack(packed(tmp_path / "old"), places(new))
    assert (new / "users.json").is_symlink()
    assert (elsewhere / "our-users.json").read_text() == '{"users": "old"}'
    assert not (elsewhere / "our-users.json.committed").exists()
    assert entries(elsewhere / "our-throttle.db") == ["old"]
    assert (elsewhere / "our-keys.json").read_text() == "secret of old"


@pytest.mark.parametrize(
    "members",
    [
        {"../users.json": b"{}"},
        {"users.json": b"{"},
        {"throttle.db": b"SQLite format 3\0"},
        {"users.json": b"{}", "throttle.db": b"something else"},
    ],
)
def test_nothing_is_changed_by_an_archive_that_is_not_a_backup(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    target.seek(0)
    with pytest.raises(ValueError, match=r"belong|users\.json|database|Expecting"):
        archive.unpack(target, places(tmp_path))
    assert list(tmp_path.iterdir()) == []


class Data:
    """A stack of which only the data matters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def archive(self, _action: str, **streams: BinaryIO) -> None:
        archive.pack(streams["stdout"], places(self._folder))

    def pause(self) -> bool:
        return False

    def resume(self) -> None:
        raise AssertionError("it was not running")


def test_a_backup_overwrites_nothing(layout: Layout) -> None:
    target = layout.root / "README.md"
    target.write_text("precious")
    with pytest.raises(StackError, match=r"README\.md exists already.*Choose another name"):
        backups.backup(layout, Data(layout.state), target)
    assert target.read_text() == "precious"


def test_a_backup_is_closed_to_others(layout: Layout) -> None:
    fill(layout.state, "ours")
    backups.backup(layout, Data(layout.state), None)
    [made] = layout.backups.iterdir()
    assert made.stat().st_mode & 0o777 == 0o600


def test_a_backup_of_nothing_is_refused_and_leaves_no_file(layout: Layout) -> None:
    with pytest.raises(StackError, match="nothing to back up"):
        backups.backup(layout, Data(layout.state), None)
    assert list(layout.backups.iterdir()) == []

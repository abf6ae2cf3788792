"""A file that is replaced whole or not at all."""

import json
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auth_service.file_locks import LockTimeout, file_lock, write_new
from auth_service.storage.users_json.codec import parse
from auth_service.storage.users_json.reading import FileReader
from auth_service.storage.users_json.users_file import ChangedMeanwhile, UsersFile
from auth_service.storage.users_json.versions import TICK_NANOSECONDS, Version, digest_of, stamp_at
from unit.auth_service.users_folder import act_at_the_rename


@pytest.fixture
def file(tmp_path: Path) -> Iterator[UsersFile]:
    """Return a file that does not exist yet, with its lock held."""
    file = UsersFile(tmp_path / "users.json")
    with file_lock(file.lock_path, 0):
        yield file


def names(file: UsersFile) -> set[str]:
    return {path.name for path in file.path.parent.iterdir()}


@pytest.mark.proves("V13.2.2")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_only_the_owner_may_read_or_write_any_of_the_files(tmp_path: Path, umask: int) -> None:
    file = UsersFile(tmp_path / "users.json")
    before = os.umask(umask)
    try:
        with file_lock(file.lock_path, 0):
            file.replace([b"one"], None)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"users.json": 0o600, "users.json.lock": 0o600, "users.json.committed": 0o600}


def test_the_content_is_synced_before_it_takes_the_name_and_the_directory_after(
    file: UsersFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append("sync directory" if path.is_dir() else f"sync {path.read_text()}")
        fsync(descriptor)

    def record_rename(source: Path, target: Path) -> None:
        if Path(target) == file.path:
            calls.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    file.replace([b"one"], None)
    # The file and its copy, the file's name, the copy's name.
    assert calls == ["sync one", "sync one", "rename", "sync directory", "sync directory"]


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        write_new(path, [b"new"], 0o600)
    assert path.read_bytes() == b"somebody's"


def test_what_is_kept_aside_is_named_in_utc_wherever_the_service_runs(
    file: UsersFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "FAR-12")
    time.tzset()
    try:
        named = datetime.strptime(
            file.put_aside(b"one").name, "users.json.rejected-%Y%m%dT%H%M%S.%f%z"
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(datetime.now(UTC) - named) < timedelta(hours=1)


def test_a_lock_is_held_by_one_at_a_time_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, 0):
        inode = path.stat().st_ino
        with pytest.raises(LockTimeout, match=f"{path} is held by another"), file_lock(path, 0):
            pass
    with file_lock(path, 0):
        assert path.stat().st_ino == inode


def test_whoever_waits_for_a_lock_gets_it_when_it_is_free(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", list[str]()
    inside = threading.Event()

    def second() -> None:
        inside.set()
        with file_lock(path, 30):
            order.append("second")

    with file_lock(path, 0):
        thread = threading.Thread(target=second)
        thread.start()
        inside.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lock_is_released_by_an_exception_too(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), file_lock(path, 0):
        raise ZeroDivisionError
    with file_lock(path, 0):
        pass


def test_the_first_version_is_made_and_the_next_takes_its_place(file: UsersFile) -> None:
    assert file.read() == (None, b"")
    assert (file.size(), file.read_committed()) == (0, b"")
    first = file.replace([b"on", b"e"], None)
    assert (file.path.read_bytes(), file.read_committed()) == (b"one", b"one")
    assert file.size() == 3
    second = file.replace([b"two"], first)
    assert (file.path.read_bytes(), file.read_committed()) == (b"two", b"two")
    assert second is not None
    assert file.look_again(second, closely=True) is not None
    assert first is not None
    assert file.look_again(first, closely=True) is None
    assert names(file) == {"users.json", "users.json.lock", "users.json.committed"}


@pytest.mark.parametrize("change", ["saved in place", "replaced", "deleted"])
def test_a_version_that_was_not_expected_is_not_overwritten(file: UsersFile, change: str) -> None:
    expected = file.replace([b"one"], None)
    if change != "saved in place":
        file.path.unlink()
    if change != "deleted":
        file.path.write_bytes(b"an edit")
    with pytest.raises(ChangedMeanwhile, match="was changed by somebody else just now"):
        file.replace([b"two"], expected)
    assert file.path.exists() == (change != "deleted")
    assert change == "deleted" or file.path.read_bytes() == b"an edit"
    assert file.read_committed() == b"one"


def test_a_file_that_somebody_made_before_the_first_version_is_kept(file: UsersFile) -> None:
    file.path.write_bytes(b"theirs")
    with pytest.raises(ChangedMeanwhile, match="was made by somebody else just now"):
        file.replace([b"one"], None)
    assert file.path.read_bytes() == b"theirs"


@pytest.mark.parametrize("change", ["saved", "deleted"])
def test_a_version_that_was_changed_just_after_its_rename_counts_as_unseen(
    file: UsersFile, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def act() -> None:
        if change == "saved":
            file.path.write_bytes(b"an edit")
        else:
            file.path.unlink()

    act_at_the_rename(file.path, monkeypatch, act, after=True)
    assert file.replace([b"one"], None) is None
    assert file.read_committed() == b"one"


@pytest.mark.parametrize(
    ("looked_after", "now_after", "closely", "is_read"),
    [
        pytest.param(1, 1, True, False, id="its time proves that it is unchanged"),
        pytest.param(0, 1, False, True, id="the clock has moved on"),
        pytest.param(0, 0, False, False, id="the clock has not moved on"),
        pytest.param(0, 0, True, True, id="the clock has not moved on, but it must be known"),
    ],
)
def test_a_file_with_the_same_stamp_is_read_again_only_if_its_time_proves_nothing(
    file: UsersFile,
    monkeypatch: pytest.MonkeyPatch,
    looked_after: int,
    now_after: int,
    closely: bool,
    is_read: bool,
) -> None:
    file.path.write_bytes(b"edited")
    stamp, tick_ends = stamp_at(file.path), file.path.stat().st_ctime_ns + TICK_NANOSECONDS
    before = Version(stamp, digest_of([b"one"]), tick_ends + looked_after)
    monkeypatch.setattr(time, "time_ns", lambda: tick_ends + now_after)
    assert file.look_again(before, closely=closely) == (None if is_read else before)


def text(revision: int, indent: int | None = None) -> bytes:
    return json.dumps({"schema": 2, "revision": revision, "users": {}}, indent=indent).encode()


@pytest.mark.parametrize(
    ("found", "committed", "following", "kept"),
    [
        pytest.param(text(1), text(1), text(2), text(1), id="before the rename"),
        pytest.param(text(2), text(1), text(2), text(2), id="after the rename"),
        pytest.param(text(3), text(1), text(2), text(1), id="another version in its place"),
        pytest.param(b"broken", text(1), text(2), text(2), id="broken after the rename"),
        pytest.param(b"broken", text(2), text(2, 1), text(2), id="broken, and nothing newer"),
        pytest.param(b"broken", text(1), b"half", text(1), id="died while it was written"),
        pytest.param(b"broken", b"broken too", text(2), text(2), id="only the next is whole"),
        pytest.param(b"broken", b"broken", text(2), b"broken", id="the copy is that of the file"),
    ],
)
def test_after_a_death_the_next_version_counts_only_if_it_was_in_the_file(
    file: UsersFile, found: bytes, committed: bytes, following: bytes, kept: bytes
) -> None:
    file.path.write_bytes(found)
    file.committed_path.write_bytes(committed)
    file.next_path.write_bytes(following)
    reader = FileReader(file, parse, settle_seconds=0)
    reader.end_interrupted_write(reader.once())
    assert file.read_committed() == kept
    assert names(file) == {"users.json", "users.json.lock", "users.json.committed"}


def test_every_version_kept_aside_gets_a_name_of_its_own(file: UsersFile) -> None:
    kept = []
    version = None
    for content in (b"one", b"two", b"three"):
        version = file.replace([content], version)
        # As an editor may leave it.
        file.path.chmod(0o644)
        kept.append(file.keep_aside())
        assert file.path.read_bytes() == content
        version, _ = file.read()
    kept.append(file.put_aside(b"four"))
    assert [path.read_bytes() for path in kept] == [b"one", b"two", b"three", b"four"]
    assert all(
        re.fullmatch(r"users\.json\.rejected-\d{8}T\d{6}\.\d{6}Z", path.name) for path in kept
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}

"""A file that is replaced whole or not at all."""

import errno
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auth_service.file_locks import LockTimeout, file_lock, write_new
from auth_service.storage.users_json.durable_file import ChangedMeanwhile, DurableFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DurableFile]:
    """Return a durable file that does not exist yet, with its lock held."""
    file = DurableFile(tmp_path / "users.json")
    with file_lock(file.lock_path, 0):
        yield file


def names(file: DurableFile) -> set[str]:
    return {path.name for path in file.path.parent.iterdir()}


def test_the_first_version_is_made_and_the_next_takes_its_place(file: DurableFile) -> None:
    assert (file.stamp(), file.read_committed()) == ((), None)
    first = file.replace([b"on", b"e"], (), 1)
    assert (file.path.read_bytes(), file.read_committed(), file.stamp()) == (b"one", b"one", first)
    second = file.replace([b"two"], first, 1)
    assert (file.path.read_bytes(), file.read_committed(), file.stamp()) == (b"two", b"two", second)
    assert first != second


@pytest.mark.proves("V13.2.2")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_only_the_owner_may_read_or_write_any_of_the_files(tmp_path: Path, umask: int) -> None:
    file = DurableFile(tmp_path / "users.json")
    before = os.umask(umask)
    try:
        with file_lock(file.lock_path, 0):
            file.replace([b"one"], (), 1)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"users.json": 0o600, "users.json.lock": 0o600, "users.json.committed": 0o600}


def test_the_content_is_synced_before_it_takes_the_name_and_the_directory_after(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
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
    file.replace([b"one"], (), 1)
    assert calls == ["sync one", "rename", "sync directory"]


@pytest.mark.parametrize("change", ["saved in place", "replaced", "deleted"])
def test_a_version_that_was_not_expected_is_not_overwritten(file: DurableFile, change: str) -> None:
    expected = file.replace([b"one"], (), 1)

    def pieces() -> Iterator[bytes]:
        yield b"two"
        if change == "replaced":
            file.path.unlink()
        if change != "deleted":
            file.path.write_bytes(b"an edit")
        else:
            file.path.unlink()

    with pytest.raises(ChangedMeanwhile):
        file.replace(pieces(), expected, 1)
    assert file.path.exists() == (change != "deleted")
    assert change == "deleted" or file.path.read_bytes() == b"an edit"


def test_a_file_that_appeared_is_not_overwritten_by_a_first_version(file: DurableFile) -> None:
    file.path.write_bytes(b"somebody's")
    with pytest.raises(ChangedMeanwhile):
        file.replace([b"ours"], (), 1)
    assert file.path.read_bytes() == b"somebody's"


def test_what_fails_midway_leaves_the_version_before_and_no_litter(file: DurableFile) -> None:
    expected = file.replace([b"one"], (), 1)
    before = names(file)

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space"):
        file.replace(pieces(), expected, 1)
    assert (file.path.read_bytes(), file.stamp(), names(file)) == (b"one", expected, before)


def test_after_a_crash_before_the_new_version_took_the_name_the_one_before_is_still_ours(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = file.replace([b"one"], (), 1)

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, "no rename")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no rename"):
        file.replace([b"two"], expected, 2)
    assert file.stamp() == expected
    assert file.is_ours(expected)


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        write_new(path, [b"new"], 0o600)
    assert path.read_bytes() == b"somebody's"


def test_leftovers_of_a_crash_are_no_obstacle(file: DurableFile) -> None:
    for name in ("users.json.tmp", "users.json.committed.tmp"):
        file.path.with_name(name).write_bytes(b"half of a much longer file")
    file.replace([b"one"], (), 1)
    assert (file.path.read_bytes(), file.read_committed()) == (b"one", b"one")
    assert names(file) == {"users.json", "users.json.lock", "users.json.committed"}


def test_only_versions_that_were_written_here_are_ours(file: DurableFile) -> None:
    assert not file.is_ours(())
    first = file.replace([b"one"], (), 1)
    assert file.is_ours(first)
    assert DurableFile(file.path).is_ours(first), "any process must see that"
    second = file.replace([b"a longer one"], first, 1)
    assert file.is_ours(second)
    file.path.write_bytes(b"an edit")
    assert not file.is_ours(file.stamp())
    file.adopt(1)
    assert file.is_ours(file.stamp())
    assert file.read_committed() == b"an edit"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pytest.param(b"\0" * 64, id="zeros"),
        b"\xff\xfe",
        b'{"revision": 1, "versions": [[1, 2',
        b"null",
        b"5",
        b"{}",
        b"[5]",
        b'{"revision": 1}',
        b'{"revision": "x", "versions": []}',
        b'{"revision": [], "versions": 5}',
    ],
)
def test_a_damaged_record_in_the_lock_file_makes_no_version_ours(
    file: DurableFile, content: bytes
) -> None:
    stamp = file.replace([b"one"], (), 1)
    file.lock_path.write_bytes(content)
    assert not file.is_ours(stamp)
    assert file.recorded_revision() == 0


def test_the_newest_revision_is_known_to_every_process(file: DurableFile) -> None:
    assert file.recorded_revision() == 0
    stamp = file.replace([b"one"], (), 17)
    file.replace([b"two"], stamp, 18)
    assert DurableFile(file.path).recorded_revision() == 18
    file.adopt(30)
    assert file.recorded_revision() == 30


def test_a_version_of_somebody_else_does_not_become_ours_by_being_replaced(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.path.write_bytes(b"an edit")
    edit = file.stamp()
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if Path(target) == file.path:
            raise OSError(errno.EIO, "input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="input/output"):
        file.replace([b"ours"], edit, 1)
    assert (file.path.read_bytes(), file.stamp(), file.is_ours(edit)) == (b"an edit", edit, False)


def test_a_long_record_before_a_short_one_leaves_nothing_behind(file: DurableFile) -> None:
    stamp = file.replace([b"x" * 100_000], (), 1)
    stamp = file.replace([b"x"], stamp, 1)
    stamp = file.replace([b"y"], stamp, 1)
    assert file.is_ours(stamp)


def test_every_version_kept_aside_gets_a_name_of_its_own(file: DurableFile) -> None:
    stamp: tuple[int, ...] = ()
    kept = []
    for content in (b"one", b"two", b"three"):
        stamp = file.replace([content], stamp, 1)
        # As an editor may leave it.
        file.path.chmod(0o644)
        kept.append(file.keep_aside())
        assert file.path.read_bytes() == content
    kept.append(file.put_aside(b"four"))
    assert [path.read_bytes() for path in kept] == [b"one", b"two", b"three", b"four"]
    assert all(
        re.fullmatch(r"users\.json\.rejected-\d{8}T\d{6}\.\d{6}Z", path.name) for path in kept
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_what_is_kept_aside_is_named_in_utc_wherever_the_service_runs(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
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


def test_a_copy_that_cannot_be_written_does_not_make_a_write_undone_that_is_on_disk(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or people would be told that nothing was changed, and their old password opened nothing any more."""
    expected = file.replace([b"one"], (), 1)

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", fail)
        second = file.replace([b"two"], expected, 2)
    assert (file.path.read_bytes(), file.stamp(), file.is_ours(second)) == (b"two", second, True)
    assert "users.json.committed is behind" in caplog.text
    file.replace([b"three"], second, 3)
    assert file.read_committed() == b"three"


def test_a_new_version_has_another_stamp_even_if_size_and_content_are_the_same(
    file: DurableFile,
) -> None:
    first = file.replace([b"one"], (), 1)
    assert file.replace([b"one"], first, 1) != first


def test_a_stamp_is_that_of_the_file(file: DurableFile) -> None:
    file.path.write_bytes(b"one")
    os.utime(file.path, ns=(0, 1_234_567_891_234_567_891))
    assert file.stamp() == (file.path.stat().st_ino, 1_234_567_891_234_567_891, 3)


def test_a_lock_is_held_by_one_at_a_time_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, 0):
        inode = path.stat().st_ino
        with pytest.raises(LockTimeout, match="held by another process"), file_lock(path, 0):
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


@pytest.mark.parametrize("act", [DurableFile.stamp, DurableFile.read_committed])
def test_nothing_there_is_no_error(file: DurableFile, act: Callable[[DurableFile], object]) -> None:
    assert not act(file)

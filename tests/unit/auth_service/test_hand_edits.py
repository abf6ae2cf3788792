"""Edits of users.json by hand: what is taken in, and what is put aside."""

import errno
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auth_service.models import User
from auth_service.storage.users_json.codec import Document
from auth_service.storage.users_json.store import READ_SECONDS, UserStore
from unit.auth_service.users_folder import UsersFolder, disabled_first, names, replaced
from unit.ended_sessions import EndedSessions
from unit.made_users import make_user


def check_put_aside(
    store: UserStore, folder: UsersFolder, edit: bytes | None, log: pytest.LogCaptureFixture
) -> str:
    """Check that an edit was not taken in, is not lost, and that the log says so; return how."""
    before = folder.rejected()
    log.clear()
    assert names(store) == ["Alice", "Bob"]
    assert [user["username"] for user in folder.document()["users"].values()] == ["Alice", "Bob"]
    assert sorted(folder.rejected()) == sorted([*before, *([] if edit is None else [edit])])
    messages = [record.getMessage() for record in log.records if record.levelname == "ERROR"]
    assert len(messages) == 1
    assert "users.json" in messages[0]
    assert "users edit" in messages[0], "it must say what to do"
    assert edit is None or "users.json.rejected-" in messages[0]
    assert edit is None or re.search(r"line \d+, column \d+: ", messages[0]), "it must say where"
    return messages[0]


# --- good edits


@pytest.mark.parametrize("by_renaming", [False, True])
@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get(store.all()[0].id),
        lambda store: store.find("alice"),
        lambda store: store.all()[0],
    ],
    ids=["get", "find", "all"],
)
def test_a_hand_edit_with_the_current_revision_is_picked_up_at_the_next_read(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[UserStore], User],
    by_renaming: bool,
) -> None:
    # A busy machine may need longer than readers usually wait.
    monkeypatch.setattr("auth_service.storage.users_json.store.READ_SECONDS", 30)
    other, before = folder.open(), folder.revision
    folder.save(disabled_first(folder.text()), by_renaming=by_renaming)
    expected = make_user("Alice", disabled=True, generation=2)
    assert read(store) == expected
    assert folder.revision == before + 1
    assert other.find("alice") == folder.open().find("alice") == expected
    assert folder.rejected() == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o600


def test_a_hand_edit_is_put_into_the_usual_form(store: UserStore, folder: UsersFolder) -> None:
    usual = folder.text()
    revision = folder.revision
    # As some editors of Windows save it, with a byte-order mark.
    folder.save(b"\xef\xbb\xbf" + json.dumps(json.loads(usual)).encode())
    assert names(store) == ["Alice", "Bob"]
    expected = usual.replace(b'"revision": %d' % revision, b'"revision": %d' % (revision + 1))
    assert folder.text() == expected
    assert folder.rejected() == []
    assert list(folder.folder.glob("users.json.schema-*")) == [], "it is no upgrade"


def test_a_write_takes_a_hand_edit_in_first(store: UserStore, folder: UsersFolder) -> None:
    folder.disable_first()
    store.add(make_user("Carol"))
    alice = make_user("Alice", disabled=True, generation=2)
    assert store.all() == (alice, make_user("Bob"), make_user("Carol"))
    assert folder.rejected() == []


def test_an_edit_of_the_same_size_and_time_is_seen(store: UserStore, folder: UsersFolder) -> None:
    before = folder.path.stat()
    folder.path.write_bytes(replaced(folder.text(), b'"disabled": false', b'"disabled":  true'))
    os.utime(folder.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    time.sleep(0.03)  # the file system's own clock, which nobody can set, must go on by a tick
    store.refresh(30)
    assert store.all()[0].disabled


def test_an_edit_with_the_same_stamp_is_taken_in_before_the_next_write(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system whose clock did not move between the last write and the edit."""
    before = folder.path.stat()
    monkeypatch.setattr(time, "time_ns", lambda: before.st_ctime_ns)
    monkeypatch.setattr(os, "fstat", lambda _descriptor: before)
    monkeypatch.setattr(Path, "stat", lambda _path, **_options: before)
    store.refresh(30)
    folder.path.write_bytes(replaced(folder.text(), b'"disabled": false', b'"disabled":  true'))
    store.add(make_user("Carol"))
    monkeypatch.undo()
    assert store.all()[0].disabled
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == []


def test_an_edit_within_a_tick_of_the_clock_is_taken_in_before_the_next_write(
    store: UserStore, folder: UsersFolder
) -> None:
    for number in range(20):
        store.add(make_user(f"user{number}"))
        was, new = (b"Bob", b"bOB") if number % 2 == 0 else (b"bOB", b"Bob")
        folder.path.write_bytes(folder.text().replace(was, new, 1))
        store.add(make_user(f"late{number}"))
        assert names(store)[1] == new.decode()
    assert folder.rejected() == []


def test_a_file_that_an_editor_is_still_saving_is_waited_for(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = UserStore(folder.folder, settle_seconds=60, sessions=EndedSessions())
    edit = disabled_first(folder.text())
    folder.save(edit[:200])
    waits = []

    def finish_saving(seconds: float) -> None:
        waits.append(seconds)
        folder.save(edit)

    monkeypatch.setattr(time, "sleep", finish_saving)
    patient.refresh(30)
    assert patient.all()[0].disabled
    assert folder.rejected() == []
    assert 0 < waits[0] < 60 / 5, "looks several times before the time is over"


def test_no_reader_waits_for_an_edit_that_takes_long(store: UserStore, folder: UsersFolder) -> None:
    goes_on = threading.Event()

    class Slow(UserStore):
        is_open = False

        def parse(self, data: bytes) -> Document:
            if self.is_open and b'"disabled": true' in data:
                assert goes_on.wait(30)
            return super().parse(data)

    slow = Slow(folder.folder, settle_seconds=0, sessions=folder.sessions)
    slow.is_open = True
    folder.disable_first()
    assert READ_SECONDS <= 0.05
    threads_before = set(threading.enumerate())
    began = time.monotonic()
    assert not slow.all()[0].disabled
    assert time.monotonic() - began < 1
    (thread,) = set(threading.enumerate()) - threads_before
    assert thread.daemon, "nor does the end of the process"
    goes_on.set()
    slow.refresh(30)
    assert slow.all()[0].disabled


def test_a_reader_of_an_edit_writes_nothing_itself(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = set[int]()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        writers.add(threading.get_ident())
        fsync(descriptor)

    folder.disable_first()
    monkeypatch.setattr(os, "fsync", note)
    store.refresh(30)
    assert store.all()[0].disabled
    assert writers
    assert threading.get_ident() not in writers


def test_an_edit_is_not_served_before_its_generation_is_on_disk(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    folder.disable_first()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        store.refresh(30)
        assert not store.all()[0].disabled
    assert "input/output error" in str(store.problem())
    assert "could not be reread, the last good version serves: [Errno 5]" in caplog.text
    store.refresh(30)
    assert store.all()[0].disabled
    assert store.all()[0].generation == 2
    assert store.problem() is None


# --- broken and stale edits


@pytest.mark.fault(5)
def test_an_edit_cut_at_every_64th_byte_is_put_aside_and_undone(
    store: UserStore, folder: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    for length in range(0, len(folder.text()) - 1, 64):
        revision = folder.revision
        cut = folder.text()[:length]
        folder.save(cut)
        said = check_put_aside(store, folder, cut, caplog)
        line = cut.count(b"\n") + 1
        assert f"line {line}, column " in said
        assert folder.revision == revision + 1


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(b'"schema": 2', b'"schema": 3', "newer Doorward", id="newer schema"),
        pytest.param(b'"revision": 3', b'"revision": 300', "revision", id="a later revision"),
        pytest.param(b'"Bob"', b'"ALICE"', "canonical", id="a name in another case"),
        pytest.param(
            b'"disabled"', b'"locked": 1,\n      "disabled"', "locked", id="an unknown field"
        ),
        pytest.param(b"$2b$10$", b"$2b$09$", "cost", id="a low cost"),
        pytest.param(b"$2b$10$", b"$2b$16$", "cost", id="a high cost"),
        pytest.param(
            b'"disabled"', b'"disabled": 1,\n      "disabled"', "twice", id="a field twice"
        ),
        pytest.param(b'"disabled": false,', b'"disabled": false', "Expecting", id="no comma"),
    ],
)
def test_a_wrong_edit_is_put_aside_with_its_place_and_the_last_good_version_put_back(
    store: UserStore,
    folder: UsersFolder,
    caplog: pytest.LogCaptureFixture,
    old: bytes,
    new: bytes,
    said: str,
) -> None:
    edit = replaced(folder.text(), old, new)
    folder.save(edit)
    assert said in check_put_aside(store, folder, edit, caplog)


@pytest.mark.parametrize("field", ["username", "id"])
def test_an_edit_that_repeats_a_user_is_put_aside(
    store: UserStore,
    folder: UsersFolder,
    caplog: pytest.LogCaptureFixture,
    field: str,
) -> None:
    edit = folder.text()
    if field == "id":
        edit = replaced(edit, make_user("Bob").id.encode(), make_user("Alice").id.encode())
    else:
        edit = replaced(replaced(edit, b'"Bob"', b'"aLICE"'), b'"bob"', b'"alice"')
    folder.save(edit)
    check_put_aside(store, folder, edit, caplog)


@pytest.mark.fault(5)
def test_a_stale_buffer_saved_over_new_users_loses_nobody(
    store: UserStore, folder: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    other, buffer = folder.open(), disabled_first(folder.text())
    other.add(make_user("Carol"))
    folder.save(buffer)
    expected = (make_user("Alice"), make_user("Bob"), make_user("Carol"))
    store.refresh(30)  # although this process has never seen Carol
    assert store.all() == other.all() == expected
    assert folder.rejected() == [buffer]
    assert "revision" in caplog.text


def test_a_deleted_file_is_put_back(
    store: UserStore,
    folder: UsersFolder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder.path.unlink()
    said = check_put_aside(store, folder, None, caplog)
    assert "not taken in: the file is gone. The last good version is back in place" in said
    folder.open().add(make_user("Carol"))
    folder.path.unlink()
    assert names(store) == ["Alice", "Bob", "Carol"], "by a process that had not seen the last one"


@pytest.mark.parametrize("copy", ["gone", "broken", "an older one"])
def test_a_broken_edit_is_undone_whatever_became_of_the_copy(
    store: UserStore, folder: UsersFolder, copy: str
) -> None:
    long_ago = folder.committed_path.read_bytes()
    store.add(make_user("Carol"))
    folder.committed_path.unlink()
    if copy != "gone":
        folder.committed_path.write_bytes(b"broken too" if copy == "broken" else long_ago)
    folder.save(b"broken")
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == [b"broken"]


def test_older_users_put_back_by_a_process_that_knew_no_better_do_not_stay(
    store: UserStore, folder: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    behind = folder.open()
    store.add(make_user("Carol"))
    folder.committed_path.unlink()
    folder.save(b"broken")
    assert names(behind) == ["Alice", "Bob"]
    assert names(store) == names(behind) == ["Alice", "Bob", "Carol"]
    assert "line 3, column 3: a process that had not seen the newest users" in caplog.text


@pytest.mark.parametrize(
    ("generation", "problem"),
    [(2**53 + 1, f"a hand edit may make it {2**53} at most"), (2**64, "Input should be less")],
)
def test_a_larger_generation_is_put_aside_with_its_place(
    store: UserStore,
    folder: UsersFolder,
    caplog: pytest.LogCaptureFixture,
    generation: int,
    problem: str,
) -> None:
    document = folder.document()
    document["users"][make_user("Alice").id]["generation"] = generation
    edit = folder.save_document(document)
    said = check_put_aside(store, folder, edit, caplog)
    assert f"line 9, column 7: generation: {problem}" in said
    assert store.all()[0].generation == 1

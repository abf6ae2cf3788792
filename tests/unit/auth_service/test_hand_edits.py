"""Edits of users.json by hand: what is taken in, what is put aside, and what ends sessions."""

import errno
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable, UsersFileError
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.models import SessionRecord, User
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.codec import Document
from auth_service.storage.users_json.store import UserStore
from unit.auth_service.users_folder import NOW, UsersFolder, disabled_first, names, replaced
from unit.ended_sessions import EndedSessions

MakeUser = Callable[..., User]


def act_at_the_rename(
    path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, after: bool = False
) -> None:
    """Let somebody act once just before, or after, a new version gets the file's name."""
    rename = os.rename

    def renaming(source: Path, target: Path) -> None:
        is_ours = Path(target) == path
        if is_ours:
            monkeypatch.setattr(os, "rename", rename)
        if is_ours and not after:
            act()
        rename(source, target)
        if is_ours and after:
            act()

    monkeypatch.setattr(os, "rename", renaming)


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
    make_user: MakeUser,
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


def test_a_write_takes_a_hand_edit_in_first(
    store: UserStore, folder: UsersFolder, make_user: MakeUser
) -> None:
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


def test_an_edit_within_a_tick_of_the_clock_is_taken_in_before_the_next_write(
    store: UserStore, folder: UsersFolder, make_user: MakeUser
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

        def check(self, data: bytes) -> Document:
            if self.is_open and b'"disabled": true' in data:
                assert goes_on.wait(30)
            return super().check(data)

    slow = Slow(folder.folder, settle_seconds=0, sessions=folder.sessions)
    slow.is_open = True
    folder.disable_first()
    began = time.monotonic()
    assert not slow.all()[0].disabled
    assert time.monotonic() - began < 1
    goes_on.set()
    slow.refresh(30)
    assert slow.all()[0].disabled


def test_an_edit_is_not_served_before_its_generation_is_on_disk(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    folder.disable_first()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        store.refresh(30)
        assert not store.all()[0].disabled
    store.refresh(30)
    assert store.all()[0].disabled
    assert store.all()[0].generation == 2


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
    make_user: MakeUser,
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
    store: UserStore, folder: UsersFolder, make_user: MakeUser, caplog: pytest.LogCaptureFixture
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
    make_user: MakeUser,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder.path.unlink()
    assert "lies at" not in check_put_aside(store, folder, None, caplog)
    folder.open().add(make_user("Carol"))
    folder.path.unlink()
    assert names(store) == ["Alice", "Bob", "Carol"], "by a process that had not seen the last one"


@pytest.mark.parametrize("copy", ["gone", "broken", "an older one"])
def test_a_broken_edit_is_undone_whatever_became_of_the_copy(
    store: UserStore, folder: UsersFolder, make_user: MakeUser, copy: str
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
    store: UserStore, folder: UsersFolder, make_user: MakeUser
) -> None:
    behind = folder.open()
    store.add(make_user("Carol"))
    folder.committed_path.unlink()
    folder.save(b"broken")
    assert names(behind) == ["Alice", "Bob"]
    assert names(store) == names(behind) == ["Alice", "Bob", "Carol"]


@pytest.mark.parametrize("fails_at", ["the folder's sync", "the copy's rename"])
def test_a_stale_edit_is_kept_if_the_disk_fails_just_after_it_was_replaced(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
    fails_at: str,
) -> None:
    edit = disabled_first(folder.text())
    store.add(make_user("Carol"))
    call = "fsync" if fails_at == "the folder's sync" else "rename"

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    folder.save(edit)
    act_at_the_rename(
        folder.path, monkeypatch, lambda: monkeypatch.setattr(os, call, fail), after=True
    )
    store.refresh(30)
    assert store.problem() is not None
    assert folder.rejected() == [edit]
    monkeypatch.undo()
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == [edit]


# --- an editor that saves while a version is replaced


@pytest.mark.parametrize("kind", ["a broken edit", "a good edit"])
def test_an_edit_saved_while_a_write_is_under_way_counts_as_before_it(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    edit = b"broken" if kind == "a broken edit" else disabled_first(folder.text())
    fsync = os.fsync

    def saved_meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        folder.save(edit)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", saved_meanwhile)
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert store.all()[0].disabled == (kind == "a good edit")
    assert folder.rejected() == ([] if kind == "a good edit" else [edit])


@pytest.mark.parametrize("kind", ["a broken edit", "a good edit"])
def test_an_edit_that_ends_between_the_check_and_the_rename_is_put_aside(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    edit = b"broken" if kind == "a broken edit" else disabled_first(folder.text())
    act_at_the_rename(folder.path, monkeypatch, lambda: folder.path.write_bytes(edit))
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == [edit]


def test_a_file_truncated_after_the_rename_costs_nobody_and_stops_nothing(
    store: UserStore, folder: UsersFolder, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_at_the_rename(folder.path, monkeypatch, lambda: folder.path.write_bytes(b""), after=True)
    store.add(make_user("Carol"))
    folder.path.write_bytes(folder.committed_path.read_bytes())
    assert names(folder.open()) == ["Alice", "Bob", "Carol"]
    store.add(make_user("Dave"))
    assert names(store) == ["Alice", "Bob", "Carol", "Dave"]


def test_an_editor_that_saves_all_the_time_lets_a_write_fail_and_nothing_be_lost(
    store: UserStore, folder: UsersFolder, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def saved_before(source: Path, target: Path) -> None:
        folder.save_document(folder.document())
        link(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", saved_before)
        with pytest.raises(Unavailable):
            store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob"]
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_an_edit_that_goes_on_after_the_rename_is_put_aside_when_its_time_is_over(
    store: UserStore, folder: UsersFolder, make_user: MakeUser, clock: Any
) -> None:
    edit = replaced(folder.text(), b'"disabled": false', b'"disabled":  true')
    with folder.path.open("r+b") as editor:
        store.add(make_user("Carol"))
        editor.write(edit)
    assert folder.rejected() == []
    clock.now += 11
    folder.open()
    assert folder.rejected() == [edit]
    assert names(store) == ["Alice", "Bob", "Carol"]


class SteppedTimer:
    """Stands for threading.Timer; a test lets the timers end."""

    running: list["SteppedTimer"]

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self.seconds = seconds
        self.function = function
        self.daemon = False

    def start(self) -> None:
        self.running.append(self)


def test_a_replaced_file_that_was_young_at_a_restart_is_put_aside_in_its_time(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edit = replaced(folder.text(), b'"disabled": false', b'"disabled":  true')
    monkeypatch.setattr(threading, "Timer", SteppedTimer)
    with folder.path.open("r+b") as editor:
        SteppedTimer.running = []
        store.add(make_user("Carol"))
        editor.write(edit)
    SteppedTimer.running = []  # the process died
    folder.open()
    (timer,) = SteppedTimer.running
    clock.now += timer.seconds
    timer.function()
    assert folder.rejected() == [edit]
    assert SteppedTimer.running == [timer], "nothing is left to look at"


def test_a_replaced_file_that_stayed_open_and_unchanged_is_removed(
    store: UserStore, folder: UsersFolder, make_user: MakeUser, clock: Any
) -> None:
    with folder.path.open("rb"):
        store.add(make_user("Carol"))
        assert len(list(folder.folder.glob("users.json.replaced-*"))) == 1
    clock.now += 11
    folder.open()
    assert list(folder.folder.glob("users.json.re*-*")) == []


# --- users edit


def test_an_edit_under_the_lock_keeps_others_out_and_is_taken_in(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.revision

    def editor(text: bytes) -> bytes:
        with pytest.raises(LockTimeout), file_lock(folder.lock_path, 0):
            pass
        return disabled_first(text)

    assert store.edit(editor)
    assert store.all()[0].disabled
    assert folder.revision == before + 1


def test_an_edit_under_the_lock_that_is_broken_or_the_same_changes_nothing(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.text()
    assert not store.edit(lambda text: text)
    with pytest.raises(UsersFileError):
        store.edit(lambda text: text[:100])
    assert folder.text() == before
    assert names(store) == ["Alice", "Bob"]


def test_an_edit_under_the_lock_that_comes_too_late_is_put_aside_and_not_lost(
    store: UserStore, folder: UsersFolder
) -> None:
    """Somebody saves the file meanwhile with an editor of their own, which takes no lock."""

    def editor(text: bytes) -> bytes:
        folder.save(replaced(text, b'"generation": 1', b'"generation": 7'))
        return disabled_first(text)

    before = folder.text()
    with pytest.raises(
        OSError, match=r"changed by somebody else.* The edited text lies at "
    ) as caught:
        store.edit(editor)
    aside = Path(str(caught.value).rpartition(" lies at ")[2])
    assert aside.read_bytes() == disabled_first(before)
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    store.refresh(30)
    assert store.all()[0].generation == 7


# --- sessions that an edit ends


@pytest.mark.parametrize("by", ["a hand edit", "users edit", "an edit while nothing runs"])
def test_an_edit_that_disables_somebody_or_changes_a_hash_ends_their_sessions(
    store: UserStore, folder: UsersFolder, by: str
) -> None:
    after = disabled_first(folder.text())
    if by == "users edit":
        store.edit(lambda _text: after)
    else:
        folder.save(after)
    seen = folder.open() if by == "an edit while nothing runs" else store
    seen.refresh(30)
    assert [user.generation for user in seen.all()] == [2, 1]


def session_of(user: User) -> SessionRecord:
    return SessionRecord(
        id="session",
        user_id=user.id,
        generation=user.generation,
        created_at=NOW,
        renewed_at=NOW,
        ends_at=NOW + 3600,
        client_address="192.0.2.1",
        user_agent="",
        authenticated_at=NOW,
    )


def without(folder: UsersFolder, user: User) -> bytes:
    """Return users.json without a user."""
    document = folder.document()
    del document["users"][user.id]
    return json.dumps(document, indent=2).encode()


@pytest.mark.parametrize("by", ["a command", "a hand edit", "an edit while nothing runs"])
def test_no_session_of_a_removed_user_is_left_in_the_database(
    folder: UsersFolder, make_user: MakeUser, by: str
) -> None:
    records = SessionRecords(folder.folder / "state.db")
    store = UserStore(folder.folder, settle_seconds=0, sessions=records)
    alice = make_user("Alice")
    store.add(alice)
    records.create(session_of(alice))
    if by == "a command":
        store.remove(alice)
    else:
        folder.save(without(folder, alice))
    if by == "an edit while nothing runs":
        store = UserStore(folder.folder, settle_seconds=0, sessions=records)
    assert names(store) == []
    assert records.get("session") is None


@pytest.mark.parametrize("by", ["a command", "a hand edit", "users edit"])
def test_a_session_stored_while_its_user_is_removed_is_ended_too(
    folder: UsersFolder, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    records = SessionRecords(folder.folder / "state.db")
    store = UserStore(folder.folder, settle_seconds=0, sessions=records)
    alice = make_user("Alice")
    store.add(alice)
    edit = without(folder, alice)
    act_at_the_rename(folder.path, monkeypatch, lambda: records.create(session_of(alice)))
    if by == "a command":
        store.remove(alice)
    elif by == "a hand edit":
        folder.save(edit)
    else:
        store.edit(lambda _text: edit)
    assert names(store) == []
    assert records.get("session") is None


def test_a_user_whose_last_sessions_cannot_be_ended_is_removed_all_the_same(
    folder: UsersFolder, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingLater(EndedSessions):
        def end_all_of(self, user_id: str) -> None:
            if user_id in self.user_ids:
                raise Unavailable("the database does not answer")
            super().end_all_of(user_id)

    folder.sessions = FailingLater()
    store = folder.open()
    store.add(make_user("Alice"))
    store.remove(make_user("Alice"))
    assert names(store) == []
    assert "the database does not answer" in caplog.text


def test_a_user_is_removed_only_once_the_sessions_are_ended(
    folder: UsersFolder, make_user: MakeUser
) -> None:
    class FailingSessions(EndedSessions):
        def end_all_of(self, user_id: str) -> None:
            raise Unavailable("the database does not answer")

    folder.sessions = FailingSessions()
    store = folder.open()
    store.add(make_user("Alice"))
    with pytest.raises(Unavailable):
        store.remove(make_user("Alice"))
    assert names(store) == ["Alice"]


def test_a_block_cut_from_the_file_ends_the_sessions_before_it_counts(
    store: UserStore, folder: UsersFolder, make_user: MakeUser
) -> None:
    alice = make_user("Alice")
    document = folder.document()
    block = document["users"].pop(alice.id)
    folder.save_document(document)
    assert names(store) == ["Bob"]
    assert set(folder.sessions.user_ids) == {alice.id}
    document = folder.document()
    document["users"][alice.id] = block
    folder.save_document(document)
    assert names(store) == ["Bob", "Alice"]
    assert store.all()[1].generation == NOW, "no session of before fits"


def test_a_block_pasted_back_after_a_removal_by_command_is_of_another_generation(
    store: UserStore, folder: UsersFolder, make_user: MakeUser
) -> None:
    alice = make_user("Alice", generation=NOW + 7)
    store.replace(make_user("Alice"), alice)
    block = folder.document()["users"][alice.id]
    store.remove(alice)
    assert set(folder.sessions.user_ids) == {alice.id}
    document = folder.document()
    document["users"][alice.id] = block
    folder.save_document(document)
    assert names(store) == ["Bob", "Alice"]
    assert store.all()[1].generation == NOW + 8


# --- numbers, and hashes made elsewhere


def test_the_largest_generation_that_an_edit_may_bring_can_be_raised_and_read(
    store: UserStore, folder: UsersFolder, make_user: MakeUser
) -> None:
    document = folder.document()
    document["users"][make_user("Alice").id]["generation"] = 2**53
    folder.save_document(document)
    store.refresh(30)
    alice = store.all()[0]
    assert alice.generation == 2**53
    store.replace(alice, alice.disabled_now())
    assert folder.open().all()[0].generation == 2**53 + 1
    # And its file can still be edited.
    folder.save(replaced(folder.text(), b"Bob", b"BOB"))
    assert names(store) == ["Alice", "BOB"]


@pytest.mark.parametrize("generation", [2**53 + 1, 2**64])
def test_a_larger_generation_is_put_aside_with_its_place(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    caplog: pytest.LogCaptureFixture,
    generation: int,
) -> None:
    document = folder.document()
    document["users"][make_user("Alice").id]["generation"] = generation
    edit = folder.save_document(document)
    said = check_put_aside(store, folder, edit, caplog)
    assert "line 9, column 7: generation" in said
    assert store.all()[0].generation == 1


@pytest.mark.parametrize(
    ("prefix", "said", "scheme"),
    [
        ("$2y$", None, "bcrypt"),
        ("$2a$", None, "bcrypt"),
        ("$2b$", None, "unknown"),
        ("$2b$", "bcrypt", "bcrypt"),
        ("$2b$", "bcrypt-sha256", "bcrypt-sha256"),
    ],
)
def test_a_hash_that_an_edit_brings_is_checked_as_what_it_is(
    store: UserStore,
    folder: UsersFolder,
    make_user: MakeUser,
    prefix: str,
    said: str | None,
    scheme: str,
) -> None:
    document = folder.document()
    block = document["users"][make_user("Alice").id]
    block["password_hash"] = prefix + "10$" + "." * 52 + "/"
    if said is not None:
        block["password_scheme"] = said
    folder.save_document(document)
    store.refresh(30)
    alice, bob = store.all()
    assert alice.password_scheme == scheme
    assert alice.generation == 2, "its sessions end"
    assert bob == make_user("Bob"), "nobody else is touched"
    store.replace(alice, alice.with_renewed_hash(bob.password_hash))
    assert b"password_scheme" not in folder.text()

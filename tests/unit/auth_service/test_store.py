"""The users in users.json: writing, hand edits, other processes, failing disks."""

import errno
import itertools
import json
import logging
import os
import random
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable, UnknownUser, UsernameTaken, UsersFileError
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.models import User
from auth_service.storage.users_json.codec import Document
from auth_service.storage.users_json.store import READ_SECONDS, UserStore
from auth_service.storage.users_json.user_index import Draft
from unit.ended_sessions import EndedSessions

MakeUser = Callable[..., User]
_moments = itertools.count(2_000_000_000_000_000_000, 1_000_000_000)


@pytest.fixture(autouse=True)
def patient_readers() -> Iterator[pytest.MonkeyPatch]:
    """Let readers wait for an edit for as long as a busy machine needs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("auth_service.storage.users_json.store.READ_SECONDS", 30)
        yield patched


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where users.json lies."""
    return tmp_path / "users.json"


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], UserStore]:
    """Return a function that opens the store in `tmp_path`, as each process does for itself."""
    return lambda: UserStore(tmp_path, settle_seconds=0, sessions=EndedSessions())


@pytest.fixture
def store(open_store: Callable[[], UserStore], make_user: MakeUser) -> UserStore:
    """Return a store with Alice and Bob."""
    store = open_store()
    for name in ("Alice", "Bob"):
        store.write(lambda draft, name=name: draft.add(make_user(name)))
    return store


def lock_of(path: Path) -> Path:
    return path.with_name("users.json.lock")


def names(store: UserStore) -> list[str]:
    return [user.username for user in store.all()]


def content(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def save(path: Path, data: bytes, *, by_renaming: bool = False) -> None:
    """Save as an editor does: either into the file, or beside it and then over it."""
    target = path.with_name("4913") if by_renaming else path
    target.write_bytes(data)
    # The next save of a person is never within the same tick of the clock as the write before.
    moment = next(_moments)
    os.utime(target, ns=(moment, moment))
    if by_renaming:
        target.rename(path)


def edited(
    data: bytes, old: bytes = b'"disabled": false', new: bytes = b'"disabled": true'
) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def rejected(path: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(path.parent.glob("users.json.rejected-*"))]


class CountingStore(UserStore):
    """Counts how often the text of users.json is read."""

    parsed = 0

    def check(self, data: bytes) -> Document:
        self.parsed += 1
        return super().check(data)


# --- writing
# ----------------------------------------------------------------------------------------


def test_the_first_start_makes_an_empty_file_that_the_next_one_opens(
    path: Path, open_store: Callable[[], UserStore]
) -> None:
    assert names(open_store()) == []
    assert content(path) == {"schema": 2, "revision": 1, "users": {}}
    assert names(open_store()) == []


def test_what_was_written_is_there_after_a_restart_in_order_of_creation(
    store: UserStore, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    store.write(lambda draft: draft.add(make_user("Aaron")))
    assert (
        open_store().all()
        == store.all()
        == (make_user("Alice"), make_user("Bob"), make_user("Aaron"))
    )


def test_a_user_is_found_by_id_and_by_canonical_name(store: UserStore, make_user: MakeUser) -> None:
    alice = make_user("Alice")
    assert store.get(alice.id) == store.find("alice") == alice
    assert store.get("nobody") is store.find("Alice") is None


def test_the_revision_rises_with_every_write_and_not_without_one(
    store: UserStore, path: Path, make_user: MakeUser
) -> None:
    before = content(path)["revision"]
    store.write(lambda draft: draft.put(make_user("Alice"), make_user("Alice", generation=2)))
    store.write(lambda draft: draft.put(make_user("Bob"), None))
    assert content(path)["revision"] == before + 2
    assert store.write(lambda draft: draft.find("alice")) == make_user("Alice", generation=2)
    with pytest.raises(UsernameTaken):
        store.write(lambda draft: draft.add(make_user("ALICE")))
    assert content(path)["revision"] == before + 2


def test_a_write_that_waits_for_too_long_is_refused_and_never_done_later(
    store: UserStore, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_service.storage.users_json.store.QUEUE_SECONDS", 0.01)
    writing, goes_on = threading.Event(), threading.Event()

    def slow_change(draft: Draft) -> None:
        writing.set()
        assert goes_on.wait(30)
        draft.add(make_user("Carol"))

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.write, slow_change)
        assert writing.wait(30)
        with pytest.raises(Unavailable):
            store.write(lambda draft: draft.add(make_user("Dave")))
        goes_on.set()
        slow.result()
    store.write(lambda draft: draft.add(make_user("Eve")))
    assert names(store) == ["Alice", "Bob", "Carol", "Eve"]


def test_a_write_that_fails_tells_nobody_that_a_name_is_taken(
    store: UserStore, path: Path, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with ThreadPoolExecutor(3) as pool:
        with file_lock(lock_of(path), 0):
            pool.submit(store.write, lambda _draft: None)
            time.sleep(0.02)  # it waits for the lock, and both others wait for it
            names_wanted = ("Carol", "CAROL")
            answers = [
                pool.submit(store.write, lambda d, n=n: d.add(make_user(n))) for n in names_wanted
            ]
            time.sleep(0.02)
        for answer in answers:
            with pytest.raises(Unavailable):
                answer.result()
    assert names(store) == ["Alice", "Bob"]


@pytest.mark.parametrize("attempt", range(3))
def test_of_200_threads_that_want_one_name_in_any_case_one_gets_it(
    store: UserStore, make_user: MakeUser, attempt: int
) -> None:
    spellings = [
        "".join(pair) for pair in itertools.product(*zip("mallory1", "MALLORY1", strict=True))
    ][:200]

    def add(spelling: str) -> bool:
        try:
            store.write(lambda draft: draft.add(make_user(spelling)))
        except UsernameTaken:
            return False
        return True

    with ThreadPoolExecutor(200) as pool:
        assert sum(pool.map(add, spellings)) == 1
    assert len(store.all()) == 3


def test_a_change_that_fails_unexpectedly_fails_alone(
    store: UserStore, make_user: MakeUser
) -> None:
    with pytest.raises(ZeroDivisionError):
        store.write(lambda _draft: 1 // 0)
    store.write(lambda draft: draft.add(make_user("Carol")))
    assert names(store) == ["Alice", "Bob", "Carol"]


# --- several processes
# ------------------------------------------------------------------------------


def test_two_processes_see_what_the_other_wrote_at_their_next_read(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    other = open_store()
    for number in range(6):
        writer, reader = (store, other) if number % 2 else (other, store)
        writer.write(lambda draft, number=number: draft.add(make_user(f"user{number}")))
        assert reader.find(f"user{number}") == make_user(f"user{number}")
    other.write(lambda draft: draft.put(make_user("Alice"), None))
    assert store.find("alice") is None
    assert rejected(path) == []


def test_what_another_process_wrote_is_read_once_and_not_written_again(
    store: UserStore, path: Path, tmp_path: Path, make_user: MakeUser
) -> None:
    other = CountingStore(tmp_path, settle_seconds=0, sessions=EndedSessions())
    assert other.parsed == 1, "at the start"
    store.write(lambda draft: draft.add(make_user("Carol")))
    save(path, edited(path.read_bytes()))
    assert store.find("alice") == make_user("Alice", disabled=True, generation=2)
    revision = content(path)["revision"]
    for _ in range(3):
        assert names(other) == ["Alice", "Bob", "Carol"]
    assert content(path)["revision"] == revision
    assert other.parsed == 2


def test_what_a_process_wrote_itself_it_never_reads(
    store: UserStore, tmp_path: Path, make_user: MakeUser
) -> None:
    counting = CountingStore(tmp_path, settle_seconds=0, sessions=EndedSessions())
    for name in ("Carol", "Dave"):
        counting.write(lambda draft, name=name: draft.add(make_user(name)))
        assert counting.find(name.lower()) == make_user(name)
    assert counting.parsed == 1, "at the start"


def test_no_process_overwrites_what_another_has_just_written(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    stores = [store, open_store(), open_store()]

    def add(number: int) -> None:
        stores[number % 3].write(lambda draft: draft.add(make_user(f"user{number}")))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(add, range(100)))
    expected = {"Alice", "Bob", *(f"user{number}" for number in range(100))}
    assert all(set(names(each)) == expected for each in [*stores, open_store()])
    assert rejected(path) == []


def test_one_name_taken_in_one_process_is_taken_in_the_other(
    store: UserStore, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    other = open_store()
    store.write(lambda draft: draft.add(make_user("Carol")))
    with pytest.raises(UsernameTaken):
        other.write(lambda draft: draft.add(make_user("CAROL")))


def test_a_user_of_another_process_is_known_though_that_writes_again_already(
    store: UserStore,
    open_store: Callable[[], UserStore],
    path: Path,
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy machine the usual moment may be over before everybody had a turn.
    monkeypatch.setattr("auth_service.storage.users_json.store.READ_SECONDS", READ_SECONDS * 100)
    other = open_store()
    store.write(lambda draft: draft.add(make_user("Carol")))
    with ThreadPoolExecutor(8) as pool:
        with file_lock(lock_of(path), 0):
            found = [pool.submit(other.find, "carol") for _ in range(8)]
            time.sleep(0.02)
        assert [future.result() for future in found] == [make_user("Carol")] * 8


def test_while_another_process_holds_the_lock_reads_go_on_and_writes_are_refused(
    store: UserStore, path: Path, make_user: MakeUser, patient_readers: pytest.MonkeyPatch
) -> None:
    patient_readers.undo()
    with file_lock(lock_of(path), 0):
        save(path, edited(path.read_bytes()))
        began = time.monotonic()
        assert names(store) == ["Alice", "Bob"]
        assert time.monotonic() - began < 1
        with pytest.raises(Unavailable) as caught:
            store.write(lambda draft: draft.add(make_user("Carol")))
        assert time.monotonic() - began < 5
    assert caught.value.retry_after > 0
    store.refresh(30)
    assert names(store) == ["Alice", "Bob"]
    assert store.all()[0].disabled


# --- edits by hand
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_renaming", [False, True])
@pytest.mark.parametrize("read", ["get", "find", "all"])
def test_a_hand_edit_with_the_current_revision_is_picked_up_at_the_next_read(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    read: str,
    by_renaming: bool,
) -> None:
    other, before = open_store(), content(path)["revision"]
    save(path, edited(path.read_bytes()), by_renaming=by_renaming)
    expected = make_user("Alice", disabled=True, generation=2)
    reads = {
        "get": lambda: store.get(expected.id),
        "find": lambda: store.find("alice"),
        "all": lambda: store.all()[0],
    }
    assert reads[read]() == expected
    assert content(path)["revision"] == before + 1
    assert other.find("alice") == open_store().find("alice") == expected
    assert (rejected(path), path.stat().st_mode & 0o777) == ([], 0o600)


def test_a_hand_edit_is_put_into_the_usual_form(store: UserStore, path: Path) -> None:
    usual = path.read_text()
    document = json.loads(usual)
    save(path, json.dumps(document).encode())
    assert names(store) == ["Alice", "Bob"]
    revision = document["revision"]
    assert path.read_text() == usual.replace(
        f'"revision": {revision}', f'"revision": {revision + 1}'
    )


def test_a_write_takes_a_hand_edit_in_first(
    store: UserStore, path: Path, make_user: MakeUser
) -> None:
    save(path, edited(path.read_bytes()))
    store.write(lambda draft: draft.add(make_user("Carol")))
    assert store.all() == (
        make_user("Alice", disabled=True, generation=2),
        make_user("Bob"),
        make_user("Carol"),
    )
    assert rejected(path) == []


def check_put_aside(
    store: UserStore, path: Path, edit: bytes | None, log: pytest.LogCaptureFixture
) -> None:
    """Check that an edit was not taken in, is not lost, and that the log says so."""
    before = rejected(path)
    log.clear()
    assert names(store) == ["Alice", "Bob"]
    assert [user["username"] for user in content(path)["users"].values()] == ["Alice", "Bob"]
    assert sorted([*before, *([] if edit is None else [edit])]) == sorted(rejected(path))
    messages = [record.getMessage() for record in log.records if record.levelno == logging.ERROR]
    assert len(messages) == 1
    assert "users.json" in messages[0]
    assert "users edit" in messages[0], "it must say what to do"
    assert edit is None or "users.json.rejected-" in messages[0]
    assert edit is None or re.search(r"line \d+, column \d+: ", messages[0]), "it must say where"


@pytest.mark.fault(5)
def test_an_edit_cut_at_every_64th_byte_is_put_aside_and_undone(
    store: UserStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = len(path.read_bytes())
    for length in range(0, whole - 1, 64):
        revision = content(path)["revision"]
        cut = path.read_bytes()[:length]
        save(path, cut)
        check_put_aside(store, path, cut, caplog)
        place = re.search(r"line (\d+), column (\d+)", caplog.text)
        assert place
        assert int(place[1]) == cut.count(b"\n") + 1
        assert content(path)["revision"] == revision + 1


@pytest.mark.fault(5)
def test_flipped_bits_lose_nobody(
    store: UserStore, path: Path, open_store: Callable[[], UserStore]
) -> None:
    chance = random.Random(5)
    for _ in range(100):
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        kept = len(rejected(path))
        save(path, bytes(data))
        assert [name.lower() for name in names(store)] == ["alice", "bob"]
        assert len(rejected(path)) == kept or bytes(data) in rejected(path)
        assert open_store().all() == store.all()


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(b'"schema": 2', b'"schema": 3', "newer Doorward", id="newer schema"),
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
    path: Path,
    caplog: pytest.LogCaptureFixture,
    old: bytes,
    new: bytes,
    said: str,
) -> None:
    edit = edited(path.read_bytes(), old, new)
    save(path, edit)
    check_put_aside(store, path, edit, caplog)
    assert said in caplog.text
    assert re.search(r"line \d+, column \d+: ", caplog.text)


@pytest.mark.parametrize("field", ["username", "id"])
def test_an_edit_that_repeats_a_user_is_put_aside(
    store: UserStore, path: Path, caplog: pytest.LogCaptureFixture, make_user: MakeUser, field: str
) -> None:
    alice, bob = make_user("Alice"), make_user("Bob")
    edit = path.read_bytes()
    if field == "id":
        edit = edited(edit, bob.id.encode(), alice.id.encode())
    else:
        edit = edited(edited(edit, b'"Bob"', b'"aLICE"'), b'"bob"', b'"alice"')
    save(path, edit)
    check_put_aside(store, path, edit, caplog)


@pytest.mark.fault(5)
def test_a_stale_buffer_saved_over_new_users_loses_nobody(
    store: UserStore, path: Path, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = edited(path.read_bytes())
    store.write(lambda draft: draft.add(make_user("Carol")))
    save(path, buffer)
    assert store.all() == (make_user("Alice"), make_user("Bob"), make_user("Carol"))
    assert rejected(path) == [buffer]
    assert "revision" in caplog.text


def test_a_stale_buffer_loses_nobody_whom_only_another_process_has_seen(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    other, buffer = open_store(), edited(path.read_bytes())
    other.write(lambda draft: draft.add(make_user("Carol")))
    save(path, buffer)
    assert names(store) == names(other) == ["Alice", "Bob", "Carol"]
    assert rejected(path) == [buffer]


def test_an_edit_of_a_revision_yet_to_come_is_put_aside(
    store: UserStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit = edited(path.read_bytes(), b'"revision": 3', b'"revision": 300')
    save(path, edit)
    check_put_aside(store, path, edit, caplog)


def test_a_deleted_file_is_put_back(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path.unlink()
    check_put_aside(store, path, None, caplog)
    assert "lies at" not in caplog.text
    assert names(open_store()) == ["Alice", "Bob"]


def test_a_copy_that_somebody_put_back_from_long_ago_brings_nobodys_absence_with_it(
    store: UserStore, path: Path, make_user: MakeUser
) -> None:
    copy = path.with_name("users.json.committed")
    long_ago = copy.read_bytes()
    store.write(lambda draft: draft.add(make_user("Carol")))
    copy.write_bytes(long_ago)
    save(path, b"{")
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_a_deleted_file_is_put_back_by_a_process_that_had_not_seen_the_last_write(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    open_store().write(lambda draft: draft.add(make_user("Carol")))
    path.unlink()
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_a_file_that_an_editor_is_still_saving_is_waited_for(
    store: UserStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = UserStore(tmp_path, settle_seconds=60, sessions=EndedSessions())
    edit = edited(path.read_bytes())
    save(path, edit[:200])
    waits = []

    def finish_saving(seconds: float) -> None:
        waits.append(seconds)
        save(path, edit)

    monkeypatch.setattr(time, "sleep", finish_saving)
    assert patient.all()[0].disabled
    assert rejected(path) == []
    assert 0 < waits[0] < 60 / 5, "looks several times before the time is over"


@pytest.mark.parametrize("keeps_a_copy", [True, False])
def test_an_edit_put_aside_while_the_copy_is_gone_loses_nobody_either(
    store: UserStore, path: Path, caplog: pytest.LogCaptureFixture, keeps_a_copy: bool
) -> None:
    copy = path.with_name("users.json.committed")
    copy.write_bytes(b"broken too") if keeps_a_copy else copy.unlink()
    save(path, b"broken")
    check_put_aside(store, path, b"broken", caplog)


def test_older_users_put_back_by_a_process_that_knew_no_better_do_not_stay(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    behind = open_store()
    store.write(lambda draft: draft.add(make_user("Carol")))
    path.with_name("users.json.committed").unlink()
    save(path, b"broken")
    assert names(behind) == ["Alice", "Bob"]
    assert names(store) == names(behind) == ["Alice", "Bob", "Carol"]


@pytest.mark.parametrize("edit", [b"broken", None], ids=["a broken edit", "a good edit"])
def test_an_edit_saved_while_a_write_is_under_way_counts_as_before_it(
    store: UserStore, path: Path, make_user: MakeUser, edit: bytes | None
) -> None:
    saves = iter([edit or edited(path.read_bytes())])

    def change(draft: Draft) -> None:
        if saved := next(saves, None):
            save(path, saved)
        draft.add(make_user("Carol"))

    store.write(change)
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert store.all()[0].disabled == (edit is None)
    assert rejected(path) == ([] if edit is None else [edit])


def test_an_editor_that_saves_all_the_time_lets_a_write_fail_and_nothing_be_lost(
    store: UserStore, path: Path, make_user: MakeUser
) -> None:
    def change(draft: Draft) -> None:
        document = content(path)
        document["users"][make_user("Alice").id]["disabled"] = True
        save(path, json.dumps(document).encode())
        draft.add(make_user("Carol"))

    with pytest.raises(Unavailable):
        store.write(change)
    assert names(store) == ["Alice", "Bob"]
    store.write(lambda draft: draft.add(make_user("Carol")))
    assert names(store) == ["Alice", "Bob", "Carol"]


# --- users edit
# -------------------------------------------------------------------------------------


def test_an_edit_under_the_lock_keeps_others_out_and_is_taken_in(
    store: UserStore, path: Path
) -> None:
    before = content(path)["revision"]

    def editor(text: bytes) -> bytes:
        with pytest.raises(LockTimeout), file_lock(lock_of(path), 0):
            pass
        return edited(text)

    assert store.edit(editor)
    assert store.all()[0].disabled
    assert content(path)["revision"] == before + 1


def test_an_edit_under_the_lock_that_changes_nothing_writes_nothing(
    store: UserStore, path: Path
) -> None:
    before = path.read_bytes()
    assert not store.edit(lambda text: text)
    assert path.read_bytes() == before


def test_an_edit_under_the_lock_that_is_broken_changes_nothing(
    store: UserStore, path: Path
) -> None:
    before = path.read_bytes()
    with pytest.raises(UsersFileError):
        store.edit(lambda text: text[:100])
    assert (path.read_bytes(), names(store)) == (before, ["Alice", "Bob"])


def test_an_edit_under_the_lock_that_comes_too_late_is_put_aside_and_not_lost(
    store: UserStore, path: Path
) -> None:
    """Somebody saves the file meanwhile with an editor of their own, which takes no lock."""

    def editor(text: bytes) -> bytes:
        save(path, text.replace(b'"generation": 1', b'"generation": 7', 1))
        return edited(text)

    before = path.read_bytes()
    with pytest.raises(
        OSError, match=r"changed by somebody else.* The edited text lies at "
    ) as caught:
        store.edit(editor)
    aside = Path(str(caught.value).rpartition(" lies at ")[2])
    assert aside.read_bytes() == edited(before)
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert store.all()[0].generation == 7


# --- a disk that fails
# ------------------------------------------------------------------------------

CALLS = (
    *("open", "fsync", "rename", "replace", "unlink", "link", "write", "pwrite", "ftruncate"),
    *("chmod", "fchmod", "fstat"),
)


@pytest.fixture
def failing_call(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], list[str]]]:
    """Return a function that lets the n-th call to the system fail, and lists the calls."""

    def arm(number: int, error: str) -> list[str]:
        monkeypatch.undo()
        calls: list[str] = []

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                calls.append(name)
                if len(calls) == number:
                    raise OSError(getattr(errno, error), error)
                return call(*arguments, **options)

            return wrapped

        for name in CALLS:
            monkeypatch.setattr(os, name, wrap(name, getattr(os, name)))
        return calls

    return arm


@pytest.mark.fault(7, 8, 9)
@pytest.mark.proves("V2.3.3")
@pytest.mark.parametrize("error", ["EIO", "EMFILE"])
def test_a_write_that_fails_at_any_call_makes_nothing_half_and_the_next_one_works(
    tmp_path: Path,
    make_user: MakeUser,
    failing_call: Callable[[int, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: str,
) -> None:
    wrong = []
    for number in itertools.count(1):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        path = folder / "users.json"
        store, other = (
            UserStore(folder, settle_seconds=0, sessions=EndedSessions()),
            UserStore(folder, settle_seconds=0, sessions=EndedSessions()),
        )
        store.write(lambda draft: draft.add(make_user("Alice")))
        calls, failed = failing_call(number, error), False
        try:
            store.write(lambda draft: draft.add(make_user("Bob")))
        except Unavailable:
            failed = True
        monkeypatch.undo()
        if len(calls) < number:
            break
        case = f"{error} at call {number}, {calls[number - 1]}"
        # The last steps come after the new version is in place; whoever is not told may stay.
        kept = names(store)
        if kept not in (["Alice"], ["Alice", "Bob"]) or (not failed and kept != ["Alice", "Bob"]):
            wrong.append(f"{case}: users are {kept}")
        if not names(other) == names(UserStore(folder, sessions=EndedSessions())) == kept:
            wrong.append(f"{case}: other processes see other users")
        save(path, edited(path.read_bytes()))
        if not other.all()[0].disabled or rejected(path):
            wrong.append(f"{case}: a good edit is put aside afterwards")
        save(path, b"broken")
        if names(other) != kept or names(store) != kept:
            wrong.append(f"{case}: after a broken edit users are {names(store)}")
        store.write(lambda draft: draft.add(make_user("Carol")))
        if names(store) != [*kept, "Carol"]:
            wrong.append(f"{case}: after the next write users are {names(store)}")
    assert number > 5
    assert wrong == []


@pytest.mark.parametrize("call", ["fsync", "rename", "the last rename", "link"])
@pytest.mark.parametrize("edit", ["good", "broken", "stale"])
def test_an_edit_that_cannot_be_put_in_order_now_is_when_the_disk_works_again(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
    edit: str,
    call: str,
) -> None:
    data = b"broken" if edit == "broken" else edited(path.read_bytes())
    if edit == "stale":
        open_store().write(lambda draft: draft.add(make_user("Carol")))
    before, other = names(store), open_store()
    revision = content(path)["revision"]

    name = call.rpartition(" ")[2]
    real = getattr(os, name)

    def fail(*arguments: Any, **options: Any) -> None:
        if call == "the last rename" and path not in arguments:
            real(*arguments, **options)
        else:
            raise OSError(errno.EIO, "input/output error")

    save(path, data)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        for _ in range(3):
            assert names(store) == names(other) == before
    assert names(other) == names(store) == names(open_store()) == before
    assert store.all()[0].disabled == other.all()[0].disabled == (edit == "good")
    assert rejected(path) == ([] if edit == "good" else [data])
    assert content(path)["revision"] > revision
    store.write(lambda draft: draft.add(make_user("Dave")))
    assert names(other) == [*before, "Dave"]


FULL_DISK = """
import json, resource, sys
from pathlib import Path
from auth_service.errors import Unavailable
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore

path = Path(sys.argv[1])
store = UserStore(path.parent, settle_seconds=0, sessions=None)
before = path.read_bytes()
user = User("c", "Carol", "carol", "$2b$10$" + "." * 53, 1, False, "2026-11-22T10:00:00Z")
answers = []
for limit in (len(before) + 200, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.write(lambda draft: draft.add(user))
        answers.append("written")
    except Unavailable:
        answers.append("unavailable")
        answers.append(path.read_bytes() == before)
        answers.append([user.username for user in store.all()])
answers.append([user.username for user in store.all()])
print(json.dumps(answers))
"""


@pytest.mark.fault(6)
@pytest.mark.proves("V16.5.2")
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(store: UserStore, path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    expected = ["unavailable", True, ["Alice", "Bob"], "written", ["Alice", "Bob", "Carol"]]
    assert json.loads(done.stdout) == expected
    assert names(store) == ["Alice", "Bob", "Carol"]


# --- readiness
# --------------------------------------------------------------------------------------


def test_readiness_names_a_file_that_is_gone_and_writes_nothing(
    store: UserStore, path: Path
) -> None:
    before = path.stat()
    assert store.problem() is None
    assert path.stat() == before
    path.unlink()
    assert store.problem() == f"{path} cannot be read"
    assert not path.exists()


def test_readiness_names_a_folder_that_cannot_be_written(
    store: UserStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the answer of the system is given by hand.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.R_OK)
    assert store.problem() == f"{path} cannot be written"


def test_an_unknown_user_in_a_change_is_told_to_its_caller_only(store: UserStore) -> None:
    def change(_draft: Draft) -> None:
        raise UnknownUser("there is no user named 'x'")

    with pytest.raises(UnknownUser):
        store.write(change)
    assert names(store) == ["Alice", "Bob"]


@pytest.mark.parametrize("by", ["a hand edit", "users edit", "an edit while nothing runs"])
def test_an_edit_that_disables_somebody_or_changes_a_hash_ends_their_sessions(
    store: UserStore, path: Path, tmp_path: Path, by: str
) -> None:
    before = {user.username: user.generation for user in store.all()}
    after = edited(path.read_bytes())
    if by == "users edit":
        store.edit(lambda _text: after)
    else:
        save(path, after)
    seen = (
        UserStore(tmp_path, settle_seconds=0, sessions=EndedSessions())
        if by == "an edit while nothing runs"
        else store
    )
    generations = {user.username: user.generation for user in seen.all()}
    assert generations == {"Alice": before["Alice"] + 1, "Bob": before["Bob"]}

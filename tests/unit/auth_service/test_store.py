"""The users in users.json: writing, several processes, readiness."""

import errno
import itertools
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import SimpleNamespace

import pytest

from auth_service.errors import Busy, Unavailable, UserChanged, UsernameTaken
from auth_service.file_locks import file_lock
from auth_service.storage.users_json.codec import Document, encode_document, encode_user
from auth_service.storage.users_json.store import UserStore
from unit.auth_service.users_folder import UsersFolder, names
from unit.made_users import make_user

STORE = "auth_service.storage.users_json.store"


@pytest.fixture
def failing_disk(store: UserStore, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let nothing more reach the disk, until the patch that is returned is undone."""

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    return monkeypatch


class CountingStore(UserStore):
    """Counts how often text of users.json is read, and its bytes."""

    parsed = 0
    parsed_bytes = 0

    def parse(self, data: bytes) -> Document:
        self.parsed += 1
        self.parsed_bytes += len(data)
        return super().parse(data)


# --- writing


def test_the_first_start_makes_an_empty_file_that_the_next_one_opens(folder: UsersFolder) -> None:
    assert names(folder.open()) == []
    assert folder.document() == {"schema": 2, "revision": 1, "users": {}}
    assert names(folder.open()) == []


def test_what_was_written_is_there_after_a_restart_in_order_of_creation(
    store: UserStore, folder: UsersFolder
) -> None:
    store.add(make_user("Aaron"))
    alice = make_user("Alice", disabled=True)
    store.replace(make_user("Alice"), alice)
    assert store.all() == (alice, make_user("Bob"), make_user("Aaron"))
    assert folder.open().all() == store.all()


def test_a_user_is_found_by_id_and_by_canonical_name(store: UserStore) -> None:
    alice = make_user("Alice")
    assert store.get(alice.id) == store.find("alice") == alice
    assert store.get("alice") is store.find("Alice") is store.find("\ud800") is None


def test_the_revision_rises_with_every_write_and_not_without_one(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.revision
    store.replace(make_user("Alice"), make_user("Alice", generation=2))
    store.remove(make_user("Bob"))
    assert folder.revision == before + 2
    with pytest.raises(UsernameTaken):
        store.add(make_user("ALICE"))
    assert folder.revision == before + 2


def test_a_user_changed_meanwhile_is_not_replaced(store: UserStore) -> None:
    alice = make_user("Alice")
    store.replace(alice, alice.disabled_now())
    with pytest.raises(UserChanged):
        store.replace(alice, alice.with_display_name("Alice A."))
    with pytest.raises(UserChanged):
        store.remove(alice)


def test_what_another_change_has_stored_meanwhile_stays(store: UserStore) -> None:
    alice = make_user("Alice")
    store.replace(alice, alice.with_display_name("Alice A."))
    store.replace(alice, alice.disabled_now())
    assert store.get(alice.id) == alice.disabled_now().with_display_name("Alice A.")


def test_the_name_of_a_removed_user_is_free(store: UserStore) -> None:
    store.remove(make_user("Alice"))
    again = make_user("ALICE")
    store.add(again)
    assert store.find("alice") == again
    assert names(store) == ["Bob", "ALICE"]


def renamed(store: UserStore, former: str, name: str) -> None:
    user = store.find(former)
    assert user
    store.replace(user, user.with_username(name, name.lower()))


def test_a_former_name_is_held_by_its_user_alone(store: UserStore, folder: UsersFolder) -> None:
    renamed(store, "alice", "Ally")
    for process in (store, folder.open()):
        assert process.find("alice") is None
        assert process.holder("alice") == process.holder("ally") == process.find("ally")
        with pytest.raises(UsernameTaken):
            process.add(make_user("ALICE"))
        with pytest.raises(UsernameTaken):
            renamed(process, "bob", "Alice")
        assert names(process) == ["Ally", "Bob"]


def test_a_former_name_is_free_for_its_user_and_then_the_other_one_is_held(
    store: UserStore, folder: UsersFolder
) -> None:
    renamed(store, "alice", "Ally")
    renamed(store, "ally", "Alice")
    for process in (store, folder.open()):
        assert process.find("ally") is None
        assert process.holder("ally") == process.find("alice")


def test_another_process_learns_which_names_are_held(store: UserStore, folder: UsersFolder) -> None:
    other = folder.open()
    renamed(store, "alice", "Ally")
    renamed(store, "bob", "Robert")
    assert other.holder("alice") == store.find("ally")
    store.remove(make_user("Ally", id=make_user("Alice").id, generation=2))
    assert other.holder("alice") is other.holder("ally") is None
    assert other.holder("bob") == store.find("robert")


def test_the_names_of_a_removed_user_are_all_free(store: UserStore, folder: UsersFolder) -> None:
    renamed(store, "alice", "Ally")
    ally = store.find("ally")
    assert ally
    store.remove(ally)
    for name in ("Alice", "Ally"):
        store.add(make_user(name))
    assert names(folder.open()) == ["Bob", "Alice", "Ally"]


def test_a_write_that_waits_for_too_long_is_refused_and_never_done_later(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STORE}.QUEUE_SECONDS", 0.01)
    writing, goes_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow_disk(descriptor: int) -> None:
        writing.set()
        assert goes_on.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_disk)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.add, make_user("Carol"))
        assert writing.wait(30)
        with pytest.raises(Unavailable, match="takes too long"):
            store.add(make_user("Dave"))
        goes_on.set()
        slow.result()
    store.add(make_user("Eve"))
    assert names(store) == ["Alice", "Bob", "Carol", "Eve"]


@pytest.mark.usefixtures("store")
def test_when_too_many_writes_wait_a_further_one_is_refused_at_once(
    folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STORE}.QUEUE_SECONDS", 60)
    monkeypatch.setattr(f"{STORE}.WRITES_AT_ONCE", 3)
    store = folder.open()
    goes_on = threading.Event()
    fsync = os.fsync

    def slow_disk(descriptor: int) -> None:
        assert goes_on.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_disk)
    with ThreadPoolExecutor(5) as pool:
        writes = [pool.submit(store.add, make_user(f"user{number}")) for number in range(5)]
        first_answers = list(itertools.islice(as_completed(writes, timeout=20), 2))
        goes_on.set()
    refusals = [write.exception() for write in first_answers]
    assert [type(refusal) for refusal in refusals] == [Busy, Busy]
    assert [getattr(refusal, "retry_after", None) for refusal in refusals] == [2, 2]
    assert len(store.all()) == 2 + 3, "the others were stored"
    assert store.problem() is None, "a full queue is no fault of the disk"
    store.add(make_user("Carol"))


@pytest.mark.usefixtures("failing_disk")
def test_a_write_that_fails_tells_nobody_that_a_name_is_taken(
    store: UserStore, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("Carol", "CAROL"):
        with pytest.raises(Unavailable, match="cannot be written now"):
            store.add(make_user(name))
    assert names(store) == ["Alice", "Bob"]
    assert "users.json could not be written: [Errno 5] input/output error" in caplog.text


@pytest.mark.proves("V2.3.4")
def test_of_200_threads_that_want_one_name_in_any_case_one_gets_it(store: UserStore) -> None:
    cases = itertools.product(*zip("mallory1", "MALLORY1", strict=True))
    spellings = ["".join(letters) for letters in cases][:200]

    def add(spelling: str) -> bool:
        try:
            store.add(make_user(spelling))
        except (UsernameTaken, Busy):
            return False
        return True

    with ThreadPoolExecutor(200) as pool:
        assert sum(pool.map(add, spellings)) == 1
    assert len(store.all()) == 3


def test_twenty_registrations_at_once_with_ten_thousand_users_are_all_stored(
    folder: UsersFolder,
) -> None:
    users = (make_user(f"user{number}") for number in range(10_000))
    folder.path.write_bytes(b"".join(encode_document(1, map(encode_user, users))))
    store = folder.open()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: store.add(make_user(f"new{number}")), range(20)))
    assert len(store.all()) == 10_020


@pytest.mark.slow
def test_a_hundred_thousand_users_still_work(folder: UsersFolder) -> None:
    users = (make_user(f"user{number}") for number in range(100_000))
    folder.path.write_bytes(b"".join(encode_document(1, map(encode_user, users))))
    store = folder.open()
    store.add(make_user("Carol"))
    last = make_user("user99999")
    store.replace(last, last.disabled_now())
    assert folder.open().all()[-2:] == (last.disabled_now(), make_user("Carol"))


# --- several processes


def test_two_processes_see_what_the_other_wrote_at_their_next_read(
    store: UserStore, folder: UsersFolder
) -> None:
    other = folder.open()
    for number in range(6):
        writer, reader = (store, other) if number % 2 else (other, store)
        user = make_user(f"user{number}")
        writer.add(user)
        assert reader.find(user.canonical) == user
        with pytest.raises(UsernameTaken):
            reader.add(make_user(user.username.upper()))
    other.remove(make_user("Alice"))
    assert store.find("alice") is None
    store.add(make_user("Carol"))
    assert other.find("carol") == make_user("Carol"), "also by the one that removed somebody"
    assert folder.rejected() == []


def test_a_process_reads_once_what_another_wrote_and_never_what_it_wrote_itself(
    store: UserStore, folder: UsersFolder
) -> None:
    counting = CountingStore(folder.folder, settle_seconds=0, sessions=folder.sessions)
    assert counting.parsed == 1, "at the start"
    counting.add(make_user("Carol"))
    assert names(counting) == ["Alice", "Bob", "Carol"]
    assert counting.parsed == 1
    store.add(make_user("Dave"))
    folder.disable_first()
    assert names(store) == ["Alice", "Bob", "Carol", "Dave"]
    revision = folder.revision
    for _ in range(3):
        assert names(counting) == ["Alice", "Bob", "Carol", "Dave"]
    assert counting.parsed == 2
    assert folder.revision == revision, "nor is it written again"


def test_of_what_another_process_wrote_only_the_changed_users_are_read(
    store: UserStore, folder: UsersFolder
) -> None:
    for number in range(50):
        store.add(make_user(f"user{number}"))
    counting = CountingStore(folder.folder, settle_seconds=0, sessions=folder.sessions)
    counting.parsed_bytes = 0
    store.add(make_user("Carol"))
    store.remove(make_user("user7"))
    store.replace(make_user("Alice"), make_user("Alice").disabled_now())
    assert counting.all() == store.all()
    assert counting.find("carol") == make_user("Carol")
    assert counting.find("user7") is counting.get(make_user("user7").id) is None
    assert counting.parsed_bytes < len(folder.text()) / 10


def test_an_edit_that_another_process_took_in_is_seen_as_it_stands(
    store: UserStore, folder: UsersFolder
) -> None:
    other = folder.open()
    document = folder.document()
    alice, bob = document["users"].items()
    alice[1].update(username="Zoe", canonical="zoe")
    document["users"] = dict([bob, alice])
    folder.save_document(document)
    assert names(other) == ["Bob", "Zoe"]
    assert names(store) == ["Bob", "Zoe"]
    assert store.find("alice") is None
    assert store.find("zoe") == other.find("zoe")


def test_a_last_version_in_another_form_is_read_too(store: UserStore, folder: UsersFolder) -> None:
    other = folder.open()
    other.add(make_user("Carol"))
    for path in (folder.committed_path, folder.path):
        path.write_text(json.dumps(json.loads(path.read_bytes()), indent=4))
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_no_process_overwrites_what_another_has_just_written(
    store: UserStore, folder: UsersFolder
) -> None:
    stores = [store, folder.open(), folder.open()]

    def add(number: int) -> None:
        stores[number % 3].add(make_user(f"user{number}"))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(add, range(100)))
    expected = {"Alice", "Bob", *(f"user{number}" for number in range(100))}
    assert all(set(names(each)) == expected for each in [*stores, folder.open()])
    assert folder.rejected() == []


def test_users_of_another_process_are_found_while_somebody_holds_the_lock(
    store: UserStore, folder: UsersFolder
) -> None:
    other = folder.open()
    other.add(make_user("Carol"))
    with file_lock(folder.lock_path, 0):
        assert store.find("carol") == make_user("Carol")


def test_while_another_process_holds_the_lock_reads_go_on_and_writes_are_refused(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STORE}.LOCK_SECONDS", 0.1)
    with file_lock(folder.lock_path, 0):
        folder.disable_first()
        began = time.monotonic()
        assert not store.all()[0].disabled
        with pytest.raises(Unavailable) as caught:
            store.add(make_user("Carol"))
        assert time.monotonic() - began < 5
        assert store.problem() is None, "which is no fault of the disk"
    assert caught.value.retry_after > 0
    assert names(store) == ["Alice", "Bob"]
    assert store.all()[0].disabled


@pytest.mark.parametrize("last", ["a registration", "a good edit", "a broken edit"])
def test_a_file_whose_times_alone_have_changed_stays_as_it_is(
    store: UserStore, folder: UsersFolder, last: str
) -> None:
    if last == "a good edit":
        folder.disable_first()
    elif last == "a broken edit":
        folder.save(b"broken")
    store.refresh(30)
    before, aside = folder.text(), folder.rejected()
    folder.save(before)
    store.refresh(30)
    assert folder.text() == before
    assert folder.rejected() == aside


def test_a_file_that_cannot_be_read_stops_no_reader(
    store: UserStore, folder: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.path.unlink()
    folder.path.mkdir()
    assert names(store) == ["Alice", "Bob"]
    assert f"{folder.path} could not be read, the last good version serves: [Errno" in caplog.text


# --- readiness


def test_readiness_names_a_file_that_is_gone_and_writes_nothing(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.path.stat()
    assert store.problem() is folder.open().problem() is None
    assert folder.path.stat() == before
    folder.path.unlink()
    assert store.problem() == f"{folder.path} cannot be read"
    assert not folder.path.exists()


def test_readiness_names_a_folder_that_cannot_be_written(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the answer of the system is given by hand.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.R_OK)
    assert store.problem() == f"{folder.path} cannot be written"


def test_readiness_tells_of_a_write_that_failed_until_one_works(
    store: UserStore, failing_disk: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable):
        store.add(make_user("Carol"))
    assert "input/output error" in str(store.problem())
    failing_disk.undo()
    store.add(make_user("Carol"))
    assert store.problem() is None


@pytest.mark.usefixtures("failing_disk")
def test_readiness_tells_of_a_write_that_failed_for_half_a_minute(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_at = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: failed_at)
    with pytest.raises(Unavailable):
        store.add(make_user("Carol"))
    monkeypatch.setattr(time, "monotonic", lambda: failed_at + 29.9)
    assert store.problem() is not None
    monkeypatch.setattr(time, "monotonic", lambda: failed_at + 30)
    assert store.problem() is None


@pytest.mark.parametrize(("missing", "is_full"), [(0, False), (1, True)])
def test_readiness_wants_space_for_the_file_and_its_copy(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    missing: int,
    is_full: bool,
) -> None:
    space = SimpleNamespace(f_bavail=2 * len(folder.text()) - missing, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda _path: space)
    assert (store.problem() == f"{folder.path} cannot be written: the disk is full") == is_full

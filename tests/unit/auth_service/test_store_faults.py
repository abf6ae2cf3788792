"""What once went wrong with users.json, each as it was found, and the limits of hand edits."""

import errno
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable, UserChanged
from auth_service.file_locks import file_lock
from auth_service.models import SessionRecord, User
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.codec import Document, encode_document, encode_user, parse
from auth_service.storage.users_json.store import UserStore
from session_contract.startup import StartupError
from unit.ended_sessions import EndedSessions

MakeUser = Callable[..., User]
FIRST_VERSION = Path(__file__).resolve().parents[2] / "data" / "first_version"
NOW = 1_800_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


@pytest.fixture
def sessions() -> EndedSessions:
    return EndedSessions()


@pytest.fixture
def open_store(
    tmp_path: Path, sessions: EndedSessions, clock: Callable[[], float]
) -> Callable[[], UserStore]:
    return lambda: UserStore(tmp_path, settle_seconds=0, sessions=sessions, clock=clock)


@pytest.fixture
def store(open_store: Callable[[], UserStore], make_user: MakeUser) -> UserStore:
    store = open_store()
    store.add(make_user("Alice"))
    store.add(make_user("Bob"))
    return store


def names(store: UserStore) -> list[str]:
    store.refresh(30)
    return [user.username for user in store.all()]


def document(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def rejected(path: Path) -> list[bytes]:
    return [aside.read_bytes() for aside in path.parent.glob("users.json.rejected-*")]


def before_rename_of(
    path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, after: bool = False
) -> None:
    """Let somebody act once just before, or after, a new version gets the file's name."""
    rename = os.rename

    def renaming(source: Path, target: Path) -> None:
        is_it = Path(target) == path
        if is_it:
            monkeypatch.setattr(os, "rename", rename)
        if is_it and not after:
            act()
        rename(source, target)
        if is_it and after:
            act()

    monkeypatch.setattr(os, "rename", renaming)


# --- an editor that saves while a version is replaced


def test_a_file_truncated_after_the_rename_costs_nobody_and_stops_nothing(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before_rename_of(path, monkeypatch, lambda: path.write_bytes(b""), after=True)
    store.add(make_user("Carol"))
    shutil.copyfile(path.with_name("users.json.committed"), path)
    assert names(open_store()) == ["Alice", "Bob", "Carol"]
    store.add(make_user("Dave"))
    assert names(store) == ["Alice", "Bob", "Carol", "Dave"]


def test_an_edit_that_ends_between_the_check_and_the_rename_is_put_aside(
    store: UserStore, path: Path, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = path.read_bytes().replace(b'"disabled": false', b'"disabled": true', 1)
    before_rename_of(path, monkeypatch, lambda: path.write_bytes(edit) and None)
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert rejected(path) == [edit]


def test_an_edit_that_goes_on_after_the_rename_is_put_aside_when_its_time_is_over(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    clock: Any,
) -> None:
    edit = path.read_bytes().replace(b'"disabled": false', b'"disabled":  true', 1)
    with path.open("r+b") as editor:
        store.add(make_user("Carol"))
        editor.write(edit)
    assert rejected(path) == []
    clock.now += 11
    open_store()
    assert rejected(path) == [edit]
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_a_replaced_file_that_stayed_open_and_unchanged_is_removed(
    store: UserStore,
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    clock: Any,
) -> None:
    with path.open("rb"):
        store.add(make_user("Carol"))
        assert len(list(path.parent.glob("users.json.replaced-*"))) == 1
    clock.now += 11
    open_store()
    assert list(path.parent.glob("users.json.re*-*")) == []


# --- readers


def test_no_reader_waits_for_an_edit_that_takes_long(
    store: UserStore, path: Path, tmp_path: Path, sessions: EndedSessions
) -> None:
    goes_on = threading.Event()

    class Slow(UserStore):
        is_open = False

        def check(self, data: bytes) -> Document:
            if self.is_open and b'"disabled": true' in data:
                assert goes_on.wait(30)
            return super().check(data)

    slow = Slow(tmp_path, settle_seconds=0, sessions=sessions)
    slow.is_open = True
    path.write_bytes(path.read_bytes().replace(b'"disabled": false', b'"disabled": true', 1))
    began = time.monotonic()
    assert not slow.all()[0].disabled
    assert time.monotonic() - began < 1
    goes_on.set()
    slow.refresh(30)
    assert slow.all()[0].disabled


def test_an_edit_is_not_served_before_its_generation_is_on_disk(
    store: UserStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    path.write_bytes(path.read_bytes().replace(b'"disabled": false', b'"disabled": true', 1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        store.refresh(30)
        assert not store.all()[0].disabled
    store.refresh(30)
    assert store.all()[0].disabled
    assert store.all()[0].generation == 2


def test_users_of_another_process_are_found_while_somebody_holds_the_lock(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    other = open_store()
    other.add(make_user("Carol"))
    with file_lock(path.with_name("users.json.lock"), 0):
        assert store.find("carol") == make_user("Carol")


@pytest.mark.parametrize("how", ["in place", "with the same time"])
def test_an_edit_of_the_same_size_right_after_a_write_is_seen(
    store: UserStore, path: Path, how: str
) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"disabled": false', b'"disabled":  true', 1))
    if how == "with the same time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    time.sleep(0.05)
    store.refresh(30)
    assert store.all()[0].disabled


def test_an_edit_within_a_tick_of_the_clock_is_taken_in_before_the_next_write(
    store: UserStore, path: Path, make_user: MakeUser
) -> None:
    for number in range(20):
        store.add(make_user(f"user{number}"))
        was, new = (b"Bob", b"bOB") if number % 2 == 0 else (b"bOB", b"Bob")
        path.write_bytes(path.read_bytes().replace(was, new, 1))
        store.add(make_user(f"late{number}"))
        assert names(store)[1] == new.decode()
    assert rejected(path) == []


def test_readiness_tells_of_a_write_that_failed_until_one_works(
    store: UserStore, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(Unavailable):
            store.add(make_user("Carol"))
    assert "input/output error" in str(store.problem())
    store.add(make_user("Carol"))
    assert store.problem() is None


# --- sessions of removed users


class FailingSessions(EndedSessions):
    """A database of sessions that does not answer."""

    def end_all_of(self, user_id: str) -> None:
        raise Unavailable("the database does not answer")


def test_a_user_is_removed_only_once_the_sessions_are_ended(
    tmp_path: Path, make_user: MakeUser
) -> None:
    store = UserStore(tmp_path, settle_seconds=0, sessions=FailingSessions())
    alice = make_user("Alice")
    store.add(alice)
    with pytest.raises(Unavailable):
        store.remove(alice, alice.generation)
    assert names(store) == ["Alice"]


@pytest.mark.parametrize("by", ["a command", "a hand edit", "an edit while nothing runs"])
def test_no_session_of_a_removed_user_is_left_in_the_database(
    tmp_path: Path, path: Path, make_user: MakeUser, by: str
) -> None:
    records = SessionRecords(tmp_path / "state.db")
    store = UserStore(tmp_path, settle_seconds=0, sessions=records)
    alice = make_user("Alice")
    store.add(alice)
    records.create(
        SessionRecord(
            id="session",
            user_id=alice.id,
            generation=alice.generation,
            created_at=NOW,
            renewed_at=NOW,
            ends_at=NOW + 3600,
            client_address="192.0.2.1",
            user_agent="",
            authenticated_at=NOW,
        )
    )
    if by == "a command":
        store.remove(alice, alice.generation)
    else:
        without = document(path)
        del without["users"][alice.id]
        path.write_text(json.dumps(without))
    if by == "an edit while nothing runs":
        store = UserStore(tmp_path, settle_seconds=0, sessions=records)
    assert names(store) == []
    assert records.get("session") is None


def test_a_block_cut_from_the_file_ends_the_sessions_before_it_counts(
    store: UserStore, path: Path, sessions: EndedSessions, make_user: MakeUser
) -> None:
    alice = make_user("Alice")
    without = document(path)
    block = without["users"].pop(alice.id)
    path.write_text(json.dumps(without))
    assert names(store) == ["Bob"]
    assert sessions.user_ids == [alice.id]
    pasted = document(path)
    pasted["users"][alice.id] = block
    path.write_text(json.dumps(pasted))
    assert names(store) == ["Bob", "Alice"]
    back = store.get(alice.id)
    assert back is not None
    assert back.generation == NOW, "no session of before fits"


def test_a_block_pasted_back_after_a_removal_by_command_is_of_another_generation(
    store: UserStore, path: Path, sessions: EndedSessions, make_user: MakeUser
) -> None:
    alice = make_user("Alice", generation=NOW + 7)
    store.replace(alice, 1)
    block = document(path)["users"][alice.id]
    store.remove(alice, alice.generation)
    assert sessions.user_ids == [alice.id]
    pasted = document(path)
    pasted["users"][alice.id] = block
    path.write_text(json.dumps(pasted))
    store.refresh(30)
    back = store.get(alice.id)
    assert back is not None
    assert back.generation == NOW + 8


def test_a_user_changed_meanwhile_is_not_replaced(store: UserStore, make_user: MakeUser) -> None:
    alice = make_user("Alice")
    store.replace(alice.disabled_now(), alice.generation)
    for change in (store.replace, store.remove):
        with pytest.raises(UserChanged):
            change(alice, alice.generation)


# --- limits of numbers


def test_the_largest_generation_that_an_edit_may_bring_can_be_raised_and_read(
    store: UserStore, path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    edited = document(path)
    edited["users"][make_user("Alice").id]["generation"] = 2**53
    path.write_text(json.dumps(edited))
    store.refresh(30)
    alice = store.all()[0]
    assert alice.generation == 2**53
    store.replace(alice.disabled_now(), alice.generation)
    assert open_store().all()[0].generation == 2**53 + 1
    # And its file can still be edited.
    path.write_bytes(path.read_bytes().replace(b"Bob", b"BOB", 1))
    assert names(store) == ["Alice", "BOB"]


@pytest.mark.parametrize("generation", [2**53 + 1, 2**62, 2**64])
def test_a_larger_generation_is_put_aside_with_its_place(
    store: UserStore,
    path: Path,
    make_user: MakeUser,
    caplog: pytest.LogCaptureFixture,
    generation: int,
) -> None:
    edited = document(path)
    edited["users"][make_user("Alice").id]["generation"] = generation
    edit = json.dumps(edited, indent=2)
    path.write_text(edit)
    assert names(store) == ["Alice", "Bob"]
    assert store.all()[0].generation == 1
    assert rejected(path) == [edit.encode()]
    assert "line 9, column 7: generation" in caplog.text


@pytest.mark.parametrize("too_large", [0, 1])
@pytest.mark.parametrize("number", ["revision", "generation"])
def test_a_backup_with_large_numbers_is_taken_and_changed_or_refused(
    path: Path,
    open_store: Callable[[], UserStore],
    make_user: MakeUser,
    number: str,
    too_large: int,
) -> None:
    largest = {"revision": 1, "generation": 1, number: 2**61 + too_large}
    alice = make_user("Alice", generation=largest["generation"])
    path.write_bytes(b"".join(encode_document(largest["revision"], [encode_user(alice)])))
    if too_large:
        with pytest.raises(StartupError, match=rf"line \d+, column \d+: {number}"):
            open_store()
        return
    open_store().replace(alice.disabled_now(), alice.generation)
    assert open_store().all() == (alice.disabled_now(),)


# --- links and marks


def test_a_file_that_is_a_link_is_written_at_the_place_of_its_target(
    tmp_path: Path, sessions: EndedSessions, make_user: MakeUser
) -> None:
    data = tmp_path / "data"
    elsewhere = tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.mkdir()
    target = elsewhere / "accounts.json"
    (data / "users.json").symlink_to(target)
    store = UserStore(data, settle_seconds=0, sessions=sessions)
    store.add(make_user("Alice"))
    assert (data / "users.json").is_symlink()
    assert [user.username for user in parse(target.read_bytes()).users] == ["Alice"]
    assert {path.name for path in data.iterdir()} == {"users.json"}


def test_an_edit_that_begins_with_a_byte_order_mark_is_taken_in(
    store: UserStore, path: Path
) -> None:
    edit = path.read_bytes().replace(b'"disabled": false', b'"disabled": true', 1)
    path.write_bytes(b"\xef\xbb\xbf" + edit)
    store.refresh(30)
    assert store.all()[0].disabled
    assert rejected(path) == []
    assert path.read_bytes().startswith(b"{")


# --- hashes made elsewhere


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
    store: UserStore, path: Path, make_user: MakeUser, prefix: str, said: str | None, scheme: str
) -> None:
    edited = document(path)
    block = edited["users"][make_user("Alice").id]
    block["password_hash"] = prefix + "10$" + "." * 52 + "/"
    if said is not None:
        block["password_scheme"] = said
    path.write_text(json.dumps(edited))
    store.refresh(30)
    alice, bob = store.all()
    assert alice.password_scheme == scheme
    assert alice.generation == 2, "its sessions end"
    assert bob == make_user("Bob"), "nobody else is touched"
    store.replace(alice.with_renewed_hash(bob.password_hash), alice.generation)
    assert "password_scheme" not in path.read_text()


# --- data of the version before


def test_the_file_of_the_first_version_is_upgraded_once_and_a_copy_kept(
    path: Path, open_store: Callable[[], UserStore], sessions: EndedSessions
) -> None:
    for name in ("users.json", "users.json.lock", "users.json.committed"):
        shutil.copyfile(FIRST_VERSION / name, path.with_name(name))
    before = path.read_bytes()
    assert names(open_store()) == ["Alice", "bob", "Carol.C"]
    assert [user.generation for user in open_store().all()] == [1, 2, 1], "nobody is signed out"
    assert sessions.user_ids == []
    copy = path.with_name("users.json.schema-1")
    assert (document(path)["schema"], document(path)["revision"]) == (2, 6)
    assert (copy.read_bytes(), stat.S_IMODE(copy.stat().st_mode)) == (before, 0o600)
    upgraded = path.read_bytes()
    open_store()
    assert path.read_bytes() == upgraded


def test_twenty_registrations_at_once_with_ten_thousand_users_are_all_stored(
    path: Path, open_store: Callable[[], UserStore], make_user: MakeUser
) -> None:
    users = (make_user(f"user{number}") for number in range(10_000))
    path.write_bytes(b"".join(encode_document(1, map(encode_user, users))))
    store = open_store()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: store.add(make_user(f"new{number}")), range(20)))
    assert len(store.all()) == 10_020

"""What an edit of users.json does to the users it changes: their sessions, numbers and hashes."""

import json

import pytest

from auth_service.errors import Unavailable
from auth_service.models import SessionRecord, User
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.store import UserStore
from unit.auth_service.users_folder import (
    NOW,
    UsersFolder,
    act_at_the_rename,
    disabled_first,
    names,
    replaced,
)
from unit.ended_sessions import EndedSessions
from unit.made_users import make_user

# --- sessions


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
def test_no_session_of_a_removed_user_is_left_in_the_database(folder: UsersFolder, by: str) -> None:
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
    folder: UsersFolder, monkeypatch: pytest.MonkeyPatch, by: str
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
    folder: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingLater(EndedSessions):
        def forget(self, user_id: str) -> None:
            if user_id in self.user_ids:
                raise Unavailable("the database does not answer")
            super().forget(user_id)

    folder.sessions = FailingLater()
    store = folder.open()
    store.add(make_user("Alice"))
    store.remove(make_user("Alice"))
    assert names(store) == []
    assert "the database does not answer" in caplog.text


def test_a_user_is_removed_only_once_the_sessions_are_ended(folder: UsersFolder) -> None:
    class FailingSessions(EndedSessions):
        def forget(self, user_id: str) -> None:
            raise Unavailable("the database does not answer")

    folder.sessions = FailingSessions()
    store = folder.open()
    store.add(make_user("Alice"))
    with pytest.raises(Unavailable):
        store.remove(make_user("Alice"))
    assert names(store) == ["Alice"]


def test_a_block_cut_from_the_file_ends_the_sessions_before_it_counts(
    store: UserStore, folder: UsersFolder
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
    store: UserStore, folder: UsersFolder
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
    store: UserStore, folder: UsersFolder
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

"""Accounts: who gets one, who is let in, and what ends their sessions."""

import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_bcrypt import Bcrypt

from auth_service.accounts.administration import Administration
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.passwords import PasswordPolicy
from auth_service.accounts.service import Accounts
from auth_service.errors import (
    Busy,
    IncorrectPassword,
    InvalidCredentials,
    InvalidFields,
    SessionEnded,
    Unavailable,
    UnknownUser,
    UsernameTaken,
)
from auth_service.guessing.throttle import Throttle
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from auth_service.storage.users_json.user_index import Draft
from unit.ended_sessions import EndedSessions

GOOD = "a quiet harbour at dawn"
OTHER = "another fine evening"


class FakeHasher:
    """Hashes at once; something may happen while it does."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None
        self.error: Exception | None = None
        self.cost = 10
        self.checked: list[str | None] = []
        self.hashed = 0

    def hash(self, password: str) -> str:
        self.hashed += 1
        if self.error:
            raise self.error
        digest = hashlib.sha256(password.encode()).hexdigest()
        return f"$2b${self.cost}$" + "." * 22 + digest[:31]

    def check(self, password_hash: str | None, password: str) -> bool:
        self.checked.append(password_hash)
        digest = hashlib.sha256(password.encode("utf-8", "replace")).hexdigest()[:31]
        self.meanwhile()
        return password_hash is not None and password_hash.endswith(digest)

    def exchange(self, password_hash: str, password: str, new_password: str) -> str | None:
        return self.hash(new_password) if self.check(password_hash, password) else None

    def is_outdated(self, password_hash: str) -> bool:
        return int(password_hash[4:6]) < self.cost


class FailingStore(UserStore):
    """Refuses to write when told so."""

    fails = False

    def write(self, change: Callable[[Draft], Any]) -> Any:
        if self.fails:
            raise Unavailable("no space left on device")
        return super().write(change)


def register(accounts: Accounts, username: str, password: str = GOOD) -> User:
    """Make an account as the service and the operator's command do."""
    user = accounts.prepare(username, password)
    accounts.save(user)
    return user


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    return FailingStore(tmp_path, settle_seconds=0, sessions=EndedSessions())


@pytest.fixture
def hasher() -> FakeHasher:
    return FakeHasher()


@pytest.fixture
def throttle(store: UserStore, make_throttle: Callable[..., Throttle]) -> Throttle:
    return make_throttle(store)


@pytest.fixture
def accounts(store: UserStore, hasher: FakeHasher, throttle: Throttle, clock: Any) -> Accounts:
    policy = PasswordPolicy(15, b"\ncorrect horse battery staple\n")
    return Accounts(store, policy, hasher, throttle, clock, registration_open=True)  # type: ignore[arg-type]


@pytest.fixture
def alice(accounts: Accounts) -> User:
    return register(accounts, "Alice", GOOD)


# --- registering
# ------------------------------------------------------------------------------------


def test_an_account_is_on_disk_when_it_was_made(
    accounts: Accounts, store: UserStore, tmp_path: Path
) -> None:
    user = register(accounts, "Alice.B", GOOD)
    assert (
        UserStore(tmp_path, settle_seconds=0, sessions=EndedSessions()).all()
        == store.all()
        == (user,)
    )
    assert (user.username, user.canonical, user.generation, user.disabled) == (
        "Alice.B",
        "alice.b",
        1,
        False,
    )
    assert user.created_at == "2027-01-15T08:00:00Z"
    assert GOOD not in (tmp_path / "users.json").read_text()


def test_every_account_has_an_id_that_says_nothing_of_the_name(accounts: Accounts) -> None:
    ids = {register(accounts, f"user{number}", GOOD).id for number in range(20)}
    assert len(ids) == 20
    assert all(len(user_id) == 24 and "user" not in user_id for user_id in ids)


@pytest.mark.parametrize(
    "username",
    ["", "al", "a" * 65, "al ice", "alice\n", "\talice", "alicé", "\u0430lice", "alice/", "al'ice", "<alice>",
     "alice\0", "\uff21lice", "alice\u200b", "\u212aevin", "İstanbul", "alice\ud800", "🦆🦆🦆", "../../etc"],
)  # fmt: skip
def test_a_name_of_other_characters_or_lengths_is_refused(
    accounts: Accounts, store: UserStore, hasher: FakeHasher, username: str
) -> None:
    with pytest.raises(InvalidFields) as caught:
        register(accounts, username, GOOD)
    assert list(caught.value.errors) == ["username"]
    assert (store.all(), hasher.hashed) == ((), 0)


@pytest.mark.parametrize("username", ["abc", "a" * 64, "A.b_c@d+e-9", "...", "123"])
def test_a_name_of_the_allowed_characters_is_taken_as_it_is_written(
    accounts: Accounts, username: str
) -> None:
    assert register(accounts, username, GOOD).username == username
    assert accounts.authenticate(username, GOOD).username == username


@pytest.mark.parametrize(
    "password", ["too short", "x" * 2000, "Correct Horse Battery Staple", "carolCAROL" * 2]
)
def test_an_unacceptable_password_is_refused_before_it_is_hashed(
    accounts: Accounts, hasher: FakeHasher, password: str
) -> None:
    with pytest.raises(InvalidFields) as caught:
        register(accounts, "Carol", password)
    assert list(caught.value.errors) == ["password"]
    assert hasher.hashed == 0


def test_all_that_is_wrong_is_said_at_once(accounts: Accounts) -> None:
    with pytest.raises(InvalidFields) as caught:
        register(accounts, "a", "b")
    assert list(caught.value.errors) == ["username", "password"]


@pytest.mark.parametrize("username", ["Alice", "alice", "ALICE", "aLiCe"])
def test_a_name_is_taken_in_any_case_and_no_hash_is_spent_on_it(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: UserStore, username: str
) -> None:
    with pytest.raises(UsernameTaken):
        register(accounts, username, OTHER)
    assert (hasher.hashed, store.all()) == (1, (alice,))


@pytest.mark.parametrize("is_open", [True, False])
def test_whether_anyone_may_register_is_a_setting_that_does_not_bind_the_operator(
    store: UserStore, hasher: FakeHasher, throttle: Throttle, clock: Any, is_open: bool
) -> None:
    policy = PasswordPolicy(15, b"")
    accounts = Accounts(
        store,
        policy,
        hasher,
        throttle,
        clock,
        registration_open=is_open,  # type: ignore[arg-type]
    )
    assert accounts.registration_open is is_open
    assert register(accounts, "Alice") in store.all()


def test_a_prepared_user_is_not_stored_and_may_come_too_late(
    accounts: Accounts, store: UserStore
) -> None:
    late = accounts.prepare("Alice", GOOD)
    assert store.all() == ()
    first = register(accounts, "ALICE")
    with pytest.raises(UsernameTaken):
        accounts.save(late)
    assert store.all() == (first,)


@pytest.mark.parametrize("error", [Busy("full"), Unavailable("disk")])
def test_what_cannot_be_done_now_makes_nothing(
    accounts: Accounts, store: FailingStore, hasher: FakeHasher, error: Unavailable
) -> None:
    if isinstance(error, Busy):
        hasher.error = error
    else:
        store.fails = True
    with pytest.raises(type(error)):
        register(accounts, "Alice", GOOD)
    assert store.all() == ()
    store.fails, hasher.error = False, None
    assert register(accounts, "Alice", GOOD) in store.all()


@pytest.mark.proves("V2.3.4")
def test_of_200_at_once_that_want_one_name_in_any_case_exactly_one_gets_it(
    store: UserStore, throttle: Throttle, clock: Any
) -> None:
    app = Flask(__name__)
    app.config["BCRYPT_HANDLE_LONG_PASSWORDS"] = True
    hasher = PasswordHasher(Bcrypt(app), 4, waiting=300, wait_seconds=60)
    policy = PasswordPolicy(15, b"")
    accounts = Accounts(store, policy, hasher, throttle, clock, registration_open=True)
    spellings = [
        "".join(letters) for letters in product(*zip("mallory1", "MALLORY1", strict=True))
    ][:200]
    together = threading.Barrier(200)

    def try_to_register(username: str) -> str:
        together.wait()
        try:
            return register(accounts, username, f"password of {username}").username
        except UsernameTaken:
            return ""

    with ThreadPoolExecutor(200) as pool:
        (winner,) = filter(None, pool.map(try_to_register, spellings))
    assert [user.username for user in store.all()] == [winner]
    assert accounts.authenticate("Mallory1", f"password of {winner}")


def test_100_accounts_made_at_once_are_all_there(accounts: Accounts, tmp_path: Path) -> None:
    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(lambda number: register(accounts, f"user{number}", GOOD), range(100)))
    assert set(UserStore(tmp_path, settle_seconds=0, sessions=EndedSessions()).all()) == set(made)


# --- signing in
# -------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["Alice", "alice", "ALICE"])
def test_the_right_password_lets_in_under_the_name_in_any_case(
    accounts: Accounts, alice: User, username: str
) -> None:
    assert accounts.authenticate(username, GOOD) == alice


@pytest.mark.parametrize(
    "password", ["", OTHER, GOOD.upper(), GOOD + " ", " " + GOOD, "\0", "x" * 10_000, "\ud800"]
)
def test_any_other_password_is_refused(accounts: Accounts, alice: User, password: str) -> None:
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", password)


@pytest.mark.parametrize(
    "username", ["", "nobody", " alice", "alice ", "\uff41lice", "alice\0", "\ud800", "x" * 10_000]
)
def test_an_unknown_name_costs_one_check_as_a_known_one_does(
    accounts: Accounts, alice: User, hasher: FakeHasher, username: str
) -> None:
    for name in (username, "alice"):
        with pytest.raises(InvalidCredentials) as caught:
            accounts.authenticate(name, OTHER)
        assert not caught.value.args, "nothing says which part was wrong"
    assert hasher.checked == [None, alice.password_hash]


def test_a_disabled_account_is_refused_after_the_same_work(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    Administration(accounts).disable("Alice")
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)
    assert hasher.checked == [alice.password_hash]
    Administration(accounts).enable("Alice")
    assert accounts.authenticate("Alice", GOOD).generation == alice.generation + 2


def add_again(accounts: Accounts) -> None:
    Administration(accounts).remove("Alice")
    register(accounts, "Alice", GOOD)


MEANWHILE: dict[str, Callable[[Accounts], object]] = {
    "the password changes": lambda accounts: Administration(accounts).set_password("Alice", OTHER),
    "the same password is set again": lambda accounts: Administration(accounts).set_password(
        "Alice", GOOD
    ),
    "the account is disabled": lambda accounts: Administration(accounts).disable("Alice"),
    "the account is disabled and enabled": lambda accounts: (
        Administration(accounts).disable("Alice"),
        Administration(accounts).enable("Alice"),
    ),
    "the account is removed": lambda accounts: Administration(accounts).remove("Alice"),
    "the account is removed and made anew": add_again,
}


@pytest.mark.proves("V2.3.1")
@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
def test_a_sign_in_yields_nothing_if_while_it_hashes(
    accounts: Accounts, alice: User, hasher: FakeHasher, change: Callable[[Accounts], object]
) -> None:
    hasher.meanwhile = lambda: change(accounts)
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)


def test_the_record_that_is_returned_is_the_one_whose_hash_was_checked(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    hasher.meanwhile = lambda: register(accounts, "Bob", GOOD)
    assert accounts.authenticate("Alice", GOOD) == alice
    assert hasher.checked == [alice.password_hash]


# --- renewing hashes
# --------------------------------------------------------------------------------


@pytest.mark.proves("NIST-3.1.1.2-storage", "V11.2.2")
def test_a_hash_of_a_lower_cost_is_renewed_at_the_next_sign_in_and_ends_no_session(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: UserStore
) -> None:
    hasher.cost = 12
    assert accounts.authenticate("Alice", GOOD).generation == alice.generation
    renewed = store.get(alice.id)
    assert renewed == dataclasses.replace(alice, password_hash=hasher.hash(GOOD))
    before = hasher.hashed
    assert accounts.authenticate("Alice", GOOD) == renewed
    assert hasher.hashed == before


@pytest.mark.parametrize("password", [OTHER, ""])
def test_a_wrong_password_renews_nothing(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: UserStore, password: str
) -> None:
    hasher.cost = 12
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", password)
    assert store.get(alice.id) == alice


@pytest.mark.parametrize("what_fails", ["the disk", "the queue"])
def test_signing_in_works_though_the_hash_cannot_be_renewed(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: FailingStore, what_fails: str
) -> None:
    hasher.cost = 12
    if what_fails == "the disk":
        store.fails = True
    else:
        hasher.error = Busy("full")
    assert accounts.authenticate("Alice", GOOD) == alice
    assert store.get(alice.id) == alice


def test_renewing_a_hash_never_brings_an_old_password_back(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    hasher.cost = 12
    plain_hash = hasher.hash

    def hash_slowly(password: str) -> str:
        hasher.hash = plain_hash  # type: ignore[method-assign]
        Administration(accounts).set_password("Alice", OTHER)
        return plain_hash(password)

    hasher.hash = hash_slowly  # type: ignore[method-assign]
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)
    assert accounts.authenticate("Alice", OTHER)


# --- one's own account
# ------------------------------------------------------------------------------


def change(accounts: Accounts, user: User, password: str = OTHER) -> None:
    """Give a user a new password as the service does."""
    accounts.change_password(user, accounts.exchange_password(user, GOOD, password))


def test_the_owner_gets_a_new_password_and_the_next_generation_in_one_write(
    accounts: Accounts, alice: User, store: UserStore, tmp_path: Path
) -> None:
    revision = json.loads((tmp_path / "users.json").read_text())["revision"]
    change(accounts, alice)
    changed = store.get(alice.id)
    assert changed == dataclasses.replace(
        alice, generation=2, password_hash=changed.password_hash if changed else ""
    )
    assert json.loads((tmp_path / "users.json").read_text())["revision"] == revision + 1
    assert accounts.authenticate("Alice", OTHER) == changed
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", "too short"),
        ("correct horse battery staple", "tried first"),
        ("alice" * 3, "username"),
        (GOOD, "current password"),
        (GOOD.replace(" ", "\u00a0"), "current password"),
        ("", "too short"),
    ],
)
def test_a_new_password_must_be_acceptable_and_another_and_no_hash_is_spent_on_that(
    accounts: Accounts, alice: User, hasher: FakeHasher, new: str, reason: str
) -> None:
    spent = hasher.hashed
    with pytest.raises(InvalidFields) as caught:
        accounts.check_new_password(alice, GOOD, new)
    assert list(caught.value.errors) == ["new_password"]
    assert reason in caught.value.errors["new_password"][0]
    assert (hasher.hashed, hasher.checked) == (spent, [])
    accounts.check_new_password(alice, GOOD, OTHER)


OVERTAKEN: dict[str, Callable[[Accounts, User], object]] = {
    "the operator has set a password": lambda accounts, _: Administration(accounts).set_password(
        "Alice", OTHER
    ),
    "it is disabled": lambda accounts, _: Administration(accounts).disable("Alice"),
    "it was disabled and enabled": lambda accounts, _: (
        Administration(accounts).disable("Alice"),
        Administration(accounts).enable("Alice"),
    ),
    "it is removed": lambda accounts, _: Administration(accounts).remove("Alice"),
    "the owner has changed the password": change,
    "the owner has deleted it": lambda accounts, user: accounts.delete(user),
}


@pytest.mark.parametrize("overtake", OVERTAKEN.values(), ids=OVERTAKEN)
def test_an_account_is_left_as_it_is_by_its_owner_of_a_moment_ago_if(
    accounts: Accounts, alice: User, store: UserStore, overtake: Callable[[Accounts, User], object]
) -> None:
    prepared = accounts.exchange_password(alice, GOOD, "a password that comes too late")
    overtake(accounts, alice)
    left = store.all()
    for act in (
        lambda: accounts.change_password(alice, prepared),
        lambda: accounts.delete(alice),
        lambda: accounts.check_password(alice, GOOD),
        lambda: accounts.exchange_password(alice, GOOD, OTHER),
    ):
        with pytest.raises(SessionEnded):
            act()
        assert store.all() == left


def test_a_hash_that_was_renewed_meanwhile_stands_in_nobodys_way(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    hasher.cost = 11
    accounts.authenticate("Alice", GOOD)
    change(accounts, alice)
    assert accounts.authenticate("Alice", OTHER).generation == 2


def test_a_deleted_account_is_gone_and_its_name_is_free_in_any_case(
    accounts: Accounts, alice: User, store: UserStore
) -> None:
    accounts.delete(alice)
    assert store.all() == ()
    anew = register(accounts, "ALICE", GOOD)
    assert anew.id != alice.id
    with pytest.raises(SessionEnded):
        accounts.delete(alice)
    assert store.all() == (anew,)


def test_what_cannot_be_written_leaves_the_owners_account_as_it_was(
    accounts: Accounts, alice: User, store: FailingStore
) -> None:
    store.fails = True
    for act in (lambda: change(accounts, alice), lambda: accounts.delete(alice)):
        with pytest.raises(Unavailable):
            act()
    assert accounts.authenticate("Alice", GOOD) == alice


def test_the_password_of_who_is_signed_in_is_checked_as_at_sign_in(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    accounts.check_password(alice, GOOD)
    for wrong in ("", "wrong", GOOD + " ", "\0", "\ud800", "x" * 5000):
        with pytest.raises(IncorrectPassword):
            accounts.check_password(alice, wrong)
        with pytest.raises(IncorrectPassword):
            accounts.exchange_password(alice, wrong, OTHER)
    assert set(hasher.checked) == {alice.password_hash}


# --- administering
# ----------------------------------------------------------------------------------


def test_a_new_password_replaces_the_old_one_and_raises_the_generation(
    accounts: Accounts, alice: User
) -> None:
    Administration(accounts).set_password("ALICE", OTHER)
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)
    assert accounts.authenticate("Alice", OTHER).generation == alice.generation + 1


@pytest.mark.proves("NIST-3.1.1.2", "V2.2.2")
@pytest.mark.parametrize("password", ["short", "correct horse battery staple", "alice" * 3])
def test_the_rules_hold_for_a_changed_password_too(
    accounts: Accounts, alice: User, store: UserStore, password: str
) -> None:
    with pytest.raises(InvalidFields):
        Administration(accounts).set_password("Alice", password)
    assert store.all() == (alice,)


def test_disabling_and_enabling_each_raise_the_generation_in_the_same_write(
    accounts: Accounts, alice: User, store: UserStore
) -> None:
    Administration(accounts).disable("alice")
    assert store.all() == (dataclasses.replace(alice, disabled=True, generation=2),)
    Administration(accounts).enable("alice")
    assert store.all() == (dataclasses.replace(alice, generation=3),)


def test_a_removed_account_is_gone_and_its_name_is_free(
    accounts: Accounts, alice: User, store: UserStore
) -> None:
    Administration(accounts).remove("alice")
    assert store.all() == ()
    assert register(accounts, "ALICE", GOOD).id != alice.id


@pytest.mark.parametrize("act", ["disable", "enable", "remove", "set_password"])
def test_an_unknown_user_is_named(
    accounts: Accounts, alice: User, store: UserStore, act: str
) -> None:
    arguments = ("nobody", OTHER) if act == "set_password" else ("nobody",)
    with pytest.raises(UnknownUser, match="'nobody'"):
        getattr(Administration(accounts), act)(*arguments)
    assert store.all() == (alice,)

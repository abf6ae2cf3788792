"""Accounts: who gets one, who is let in, and what ends their sessions."""

import dataclasses
import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from auth_service.accounts.administration import Administration
from auth_service.accounts.creation import NewAccount, NewAccounts
from auth_service.accounts.password_times import PasswordTimes
from auth_service.accounts.passwords import PasswordPolicy
from auth_service.errors import (
    Busy,
    InvalidCredentials,
    InvalidFields,
    ReauthenticationRequired,
    RegistrationClosed,
    SessionEnded,
    TooManyAttempts,
    Unavailable,
    UsernameTaken,
)
from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import Throttle
from auth_service.models import ActiveSession, PasswordScheme, SessionRecord, User
from auth_service.sessions.service import SessionService
from auth_service.sessions.tokens import TokenIssuer
from auth_service.storage.sql.account_facts import AccountFactRecords
from auth_service.storage.sql.guesses import GuessRecords
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.usecases.account_end import AccountEnd
from auth_service.usecases.new_generation import NewGeneration
from auth_service.usecases.password_change import PasswordChange
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.registration import Registration
from auth_service.usecases.rename import Rename
from auth_service.usecases.signing_in import SignedIn, SigningIn
from session_contract.callers import Caller
from session_contract.keyset import KeySetFile
from unit.auth_service.memory_users import MemoryUsers

CALLER = Caller("192.0.2.1", "Browser/1.0", "request-1")
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

    def check(
        self, password_hash: str | None, password: str, scheme: PasswordScheme = "bcrypt-sha256"
    ) -> bool:
        self.checked.append(password_hash)
        digest = hashlib.sha256(password.encode("utf-8", "replace")).hexdigest()[:31]
        self.meanwhile()
        return password_hash is not None and password_hash.endswith(digest)

    def exchange(
        self, password_hash: str, password: str, new_password: str, scheme: PasswordScheme
    ) -> str | None:
        return self.hash(new_password) if self.check(password_hash, password) else None

    def is_outdated(self, password_hash: str, scheme: PasswordScheme) -> bool:
        return int(password_hash[4:6]) < self.cost or scheme != "bcrypt-sha256"


class Accounts:
    """What people and operators do with accounts, over users in memory."""

    def __init__(self, folder: Path, key_file: Path, hasher: Any, clock: Any) -> None:
        self.users = MemoryUsers()
        self.clock = clock
        self.database = folder / "state.db"
        self.records = SessionRecords(self.database)
        self.guesses = GuessRecords(folder / "throttle.db", clock)
        throttle = Throttle(self.guesses, self.users, clock, wait_seconds=30)
        policy = PasswordPolicy(15, b"\ncorrect horse battery staple\n")
        new_accounts = NewAccounts(self.users, policy, hasher, clock)
        issuer = TokenIssuer(KeySetFile(key_file), 1800)
        self.sessions = SessionService(self.records, self.users, issuer, clock, 1800, 43_200)
        self.signing_in = SigningIn(
            self.users, hasher, throttle, Devices(self.guesses), self.sessions
        )
        password_times = PasswordTimes(AccountFactRecords(self.records.database), clock)
        self.registration = Registration(
            self.users, new_accounts, self.signing_in, password_times, clock, is_open=True
        )
        self.reauthentication = Reauthentication(self.users, self.records, hasher, throttle, clock)
        new_generation = NewGeneration(self.users, self.signing_in)
        self.password_change = PasswordChange(
            policy, hasher, self.reauthentication, new_generation, password_times
        )
        self.rename = Rename(self.users, self.reauthentication, new_generation, is_allowed=True)
        self.account_end = AccountEnd(self.users, self.sessions, self.reauthentication)
        self.administration = Administration(
            self.users, self.guesses, new_accounts, policy, hasher, password_times
        )
        self._numbers = count()

    def session(self, user: User) -> SessionRecord:
        """Return a new session of a user, whose password has never been entered wrongly in it."""
        now = int(self.clock())
        name = f"session {next(self._numbers)}"
        made = SessionRecord(
            name, user.id, user.generation, now, now, now + 43_200, "192.0.2.1", "Browser/1.0", now
        )
        self.records.create(made)
        return made

    def count_sessions(self) -> int:
        with closing(sqlite3.connect(self.database)) as database:
            return int(database.execute("SELECT count(*) FROM sessions").fetchone()[0])

    def authenticate(self, username: str, password: str) -> User:
        return self.signing_in.authenticate(username, password, "")

    def confirm(self, user: User, password: str) -> None:
        self.reauthentication.confirm(user, self.session(user), password)

    def change_password(
        self,
        user: User,
        current: str | None = GOOD,
        new: str = OTHER,
        session: SessionRecord | None = None,
    ) -> None:
        session = session or self.session(user)
        self.password_change.change(user, session, current, new, CALLER)

    def delete(self, user: User, password: str = GOOD) -> None:
        self.account_end.delete(user, self.session(user), password)


def register(accounts: Accounts, username: str, password: str = GOOD) -> User:
    return accounts.registration.register(NewAccount(username, password))


@pytest.fixture
def hasher() -> FakeHasher:
    return FakeHasher()


@pytest.fixture
def accounts(tmp_path: Path, key_file: Path, hasher: FakeHasher, clock: Any) -> Accounts:
    return Accounts(tmp_path, key_file, hasher, clock)


@pytest.fixture
def store(accounts: Accounts) -> MemoryUsers:
    return accounts.users


@pytest.fixture
def alice(accounts: Accounts) -> User:
    return register(accounts, "Alice", GOOD)


# --- registering


def test_a_new_account_is_of_the_first_generation_and_says_when_it_was_made(
    accounts: Accounts, store: MemoryUsers
) -> None:
    user = register(accounts, "Alice.B", GOOD)
    assert store.all() == (user,)
    assert (user.username, user.canonical) == ("Alice.B", "alice.b")
    assert (user.generation, user.disabled) == (1, False)
    assert user.created_at == "2027-01-15T08:00:00Z"
    assert len(user.id) == len(register(accounts, "Bob").id) == 24
    assert "alice" not in user.id.lower()
    assert GOOD not in repr(user)


NO_NAMES = [
    *(
        "",
        "al",
        "a" * 65,
        "al ice",
        "alice\n",
        "\talice",
        "alicé",
        "\u0430lice",
        "alice/",
        "al'ice",
    ),
    *("<alice>", "alice\0", "\uff21lice", "alice\u200b", "\u212aevin", "İstanbul", "alice\ud800"),
    *("🦆🦆🦆", "../../etc"),
]


def test_a_name_of_other_characters_or_lengths_is_refused(
    accounts: Accounts, store: MemoryUsers, hasher: FakeHasher
) -> None:
    for username in NO_NAMES:
        with pytest.raises(InvalidFields) as caught:
            register(accounts, username)
        assert list(caught.value.errors) == ["username"]
    assert (store.all(), hasher.hashed) == ((), 0)


def test_a_name_of_the_allowed_characters_is_taken_as_it_is_written(accounts: Accounts) -> None:
    for username in ("abc", "a" * 64, "A.b_c@d+e-9", "...", "123"):
        assert register(accounts, username).username == username
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


def test_a_name_is_taken_in_any_case_and_no_hash_is_spent_on_it(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: MemoryUsers
) -> None:
    for username in ("Alice", "alice", "ALICE", "aLiCe"):
        with pytest.raises(UsernameTaken):
            register(accounts, username, OTHER)
        assert accounts.authenticate(username, GOOD) == alice
    assert (hasher.hashed, store.all()) == (1, (alice,))


@pytest.mark.parametrize("what_fails", ["the disk", "the queue"])
def test_what_cannot_be_done_now_makes_nothing(
    accounts: Accounts, store: MemoryUsers, hasher: FakeHasher, what_fails: str
) -> None:
    store.fails = what_fails == "the disk"
    hasher.error = Busy("full") if what_fails == "the queue" else None
    with pytest.raises(Unavailable if store.fails else Busy):
        accounts.registration.register_and_sign_in(NewAccount("Alice", GOOD), "", CALLER)
    assert (store.all(), accounts.count_sessions()) == ((), 0)


def test_where_registration_is_closed_only_the_operator_makes_accounts(
    accounts: Accounts, store: MemoryUsers, hasher: FakeHasher
) -> None:
    closed = dataclasses.replace(accounts.registration, is_open=False)
    with pytest.raises(RegistrationClosed):
        closed.register(NewAccount("Alice", GOOD))
    with pytest.raises(RegistrationClosed):
        closed.register_and_sign_in(NewAccount("Alice", GOOD), "", CALLER)
    assert hasher.hashed == 0
    assert accounts.administration.add("Alice", GOOD) in store.all()


def test_a_registration_that_comes_too_late_leaves_no_session(
    accounts: Accounts, hasher: FakeHasher
) -> None:
    plain_hash = hasher.hash

    def hash_slowly(password: str) -> str:
        hasher.hash = plain_hash  # type: ignore[method-assign]
        register(accounts, "ALICE")
        return plain_hash(password)

    hasher.hash = hash_slowly  # type: ignore[method-assign]
    with pytest.raises(UsernameTaken):
        accounts.registration.register_and_sign_in(NewAccount("Alice", OTHER), "", CALLER)
    (first,) = accounts.users.all()
    assert first.username == "ALICE"
    assert accounts.count_sessions() == 0


# --- signing in


@pytest.mark.parametrize("username", ["", "nobody", "alice ", "\uff41lice", "\ud800", "x" * 10_000])
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
    accounts.administration.disable("Alice")
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)
    assert hasher.checked == [alice.password_hash]
    accounts.administration.enable("Alice")
    assert accounts.authenticate("Alice", GOOD).generation == alice.generation + 2


def remove_alice(accounts: Accounts) -> None:
    accounts.administration.remove(accounts.administration.find("Alice"))


def add_again(accounts: Accounts) -> None:
    remove_alice(accounts)
    register(accounts, "Alice", GOOD)


MEANWHILE: dict[str, Callable[[Accounts], object]] = {
    "the password changes": lambda accounts: accounts.administration.set_password("Alice", OTHER),
    "the same password is set again": lambda accounts: accounts.administration.set_password(
        "Alice", GOOD
    ),
    "the account is disabled": lambda accounts: accounts.administration.disable("Alice"),
    "the account is disabled and enabled": lambda accounts: (
        accounts.administration.disable("Alice"),
        accounts.administration.enable("Alice"),
    ),
    "the account is removed": remove_alice,
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


def test_a_sign_in_yields_nothing_if_the_account_goes_before_its_session_is_stored(
    accounts: Accounts, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_session = accounts.records.sign_in

    def store_too_late(record: SessionRecord, *more: int) -> ActiveSession:
        accounts.users.remove(alice)
        return store_session(record, *more)

    monkeypatch.setattr(accounts.records, "sign_in", store_too_late)
    with pytest.raises(InvalidCredentials):
        accounts.signing_in.sign_in("alice", GOOD, "", CALLER)
    assert accounts.count_sessions() == 0
    assert AccountFactRecords(accounts.records.database).last_sign_ins() == {}


# --- renewing hashes


@pytest.mark.proves("NIST-3.1.1.2-storage", "V11.2.2")
def test_a_hash_of_a_lower_cost_is_renewed_at_the_next_sign_in_and_ends_no_session(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: MemoryUsers
) -> None:
    hasher.cost = 12
    for wrong in (OTHER, ""):
        with pytest.raises(InvalidCredentials):
            accounts.authenticate("Alice", wrong)
        assert store.get(alice.id) == alice
    assert accounts.authenticate("Alice", GOOD).generation == alice.generation
    renewed = store.get(alice.id)
    assert renewed == dataclasses.replace(alice, password_hash=hasher.hash(GOOD))
    before = hasher.hashed
    assert accounts.authenticate("Alice", GOOD) == renewed
    assert hasher.hashed == before


@pytest.mark.parametrize("what_fails", ["the disk", "the queue"])
def test_signing_in_works_though_the_hash_cannot_be_renewed(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: MemoryUsers, what_fails: str
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
        accounts.administration.set_password("Alice", OTHER)
        return plain_hash(password)

    hasher.hash = hash_slowly  # type: ignore[method-assign]
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)
    assert accounts.authenticate("Alice", OTHER)


@pytest.mark.parametrize("scheme", ["bcrypt", "unknown"])
def test_a_hash_of_another_scheme_is_renewed_at_the_first_right_sign_in(
    accounts: Accounts, alice: User, store: MemoryUsers, scheme: PasswordScheme
) -> None:
    store.replace(alice, dataclasses.replace(alice, password_scheme=scheme))
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", OTHER)
    assert [user.password_scheme for user in store.all()] == [scheme]
    assert accounts.authenticate("Alice", GOOD)
    assert [(user.password_scheme, user.generation) for user in store.all()] == [
        ("bcrypt-sha256", 1)
    ]


# --- one's own account


def test_the_owner_gets_a_new_password_and_the_next_generation_in_one_write(
    accounts: Accounts, alice: User, store: MemoryUsers
) -> None:
    before = store.writes
    accounts.change_password(alice)
    assert store.writes == before + 1
    changed = store.get(alice.id)
    assert changed
    assert changed == dataclasses.replace(alice, generation=2, password_hash=changed.password_hash)
    assert accounts.authenticate("Alice", OTHER) == changed
    with pytest.raises(InvalidCredentials):
        accounts.authenticate("Alice", GOOD)


def set_display_name(store: MemoryUsers, user: User) -> None:
    store.replace(user, user.with_display_name("Alice A."))


def test_what_else_changes_while_a_password_is_changed_stays(
    accounts: Accounts, alice: User, hasher: FakeHasher, store: MemoryUsers
) -> None:
    hasher.meanwhile = lambda: set_display_name(store, alice)
    accounts.change_password(alice)
    changed = store.get(alice.id)
    assert changed
    assert (changed.display_name, changed.generation) == ("Alice A.", 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts, _alice: accounts.administration.disable("Alice"),
        lambda accounts, _alice: accounts.authenticate("Alice", GOOD),
        lambda accounts, alice: accounts.change_password(alice),
    ],
    ids=["disabling", "a renewed hash", "a new password"],
)
def test_a_display_name_stored_at_the_same_moment_as_another_change_stays(
    accounts: Accounts,
    alice: User,
    hasher: FakeHasher,
    store: MemoryUsers,
    change: Callable[[Accounts, User], object],
) -> None:
    hasher.cost = 11
    store.before_next_change = lambda: set_display_name(store, alice)
    change(accounts, alice)
    stored = store.get(alice.id)
    assert stored
    assert stored != alice.with_display_name("Alice A.")
    assert stored.display_name == "Alice A."


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", "too short"),
        ("correct horse battery staple", "too common"),
        ("alice" * 3, "username"),
        (GOOD, "current password"),
        (GOOD.replace(" ", "\u00a0"), "current password"),
        ("", "too short"),
    ],
)
def test_a_new_password_must_be_acceptable_and_another(
    accounts: Accounts, alice: User, hasher: FakeHasher, new: str, reason: str
) -> None:
    spent = hasher.hashed
    with pytest.raises(InvalidFields) as caught:
        accounts.change_password(alice, GOOD, new)
    assert list(caught.value.errors) == ["new_password"]
    assert reason in caught.value.errors["new_password"][0]
    assert hasher.hashed == spent, "only the current one was checked"


def test_one_answer_judges_the_current_password_and_the_new_one(
    accounts: Accounts, alice: User
) -> None:
    with pytest.raises(InvalidFields) as caught:
        accounts.change_password(alice, "not it", "short")
    assert set(caught.value.errors) == {"current_password", "new_password"}
    assert accounts.authenticate("Alice", GOOD) == alice


def test_a_current_password_that_was_right_need_not_be_sent_again_for_five_minutes(
    accounts: Accounts, alice: User, clock: Any
) -> None:
    session = accounts.session(alice)
    clock.now += 10
    with pytest.raises(InvalidFields):
        accounts.change_password(alice, GOOD, "short", session)
    proved = accounts.records.get(session.id)
    assert proved
    clock.now += 300
    with pytest.raises(InvalidFields) as caught:
        accounts.change_password(alice, None, "short", proved)
    assert list(caught.value.errors) == ["new_password"]
    with pytest.raises(InvalidFields) as caught:
        accounts.change_password(alice, None, GOOD, proved)
    assert "current password" in caught.value.errors["new_password"][0]
    accounts.change_password(alice, None, OTHER, proved)
    assert accounts.authenticate("Alice", OTHER).generation == alice.generation + 1


@pytest.mark.proves("V6.2.3")
def test_without_the_current_password_nothing_changes_unless_it_was_entered_here(
    accounts: Accounts, alice: User, clock: Any
) -> None:
    session = accounts.session(alice)
    for new in (OTHER, "short"):
        with pytest.raises(ReauthenticationRequired):
            accounts.change_password(alice, None, new, session)
    clock.now += 10
    with pytest.raises(InvalidFields):
        accounts.change_password(alice, GOOD, "short", session)
    proved = accounts.records.get(session.id)
    assert proved
    clock.now += 301
    for new in (OTHER, "short"):
        with pytest.raises(ReauthenticationRequired):
            accounts.change_password(alice, None, new, proved)
    with pytest.raises(ReauthenticationRequired):
        accounts.change_password(alice, None, OTHER, accounts.session(alice))
    assert accounts.authenticate("Alice", GOOD) == alice


# --- registering twice, by an impatient click


def again(accounts: Accounts, password: str = GOOD, username: str = "ALICE") -> SignedIn:
    return accounts.registration.sign_in_again(NewAccount(username, password), "", CALLER)


def test_registering_twice_within_a_minute_signs_in(
    accounts: Accounts, alice: User, clock: Any
) -> None:
    clock.now += 59
    assert again(accounts).user == alice
    assert accounts.count_sessions() == 1


def test_registering_twice_later_or_with_another_password_finds_the_name_taken(
    accounts: Accounts, alice: User, clock: Any
) -> None:
    with pytest.raises(InvalidCredentials):
        again(accounts, "not the password")
    clock.now += 60
    with pytest.raises(UsernameTaken):
        again(accounts)
    with pytest.raises(UsernameTaken):
        again(accounts, username="Nobody")
    assert accounts.count_sessions() == 0


def test_wrong_passwords_of_second_registrations_count_as_guesses(
    accounts: Accounts, alice: User
) -> None:
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            again(accounts, "not the password")
    with pytest.raises(TooManyAttempts):
        again(accounts)


OVERTAKEN: dict[str, Callable[[Accounts, User], object]] = {
    "the operator has set a password": lambda accounts, _: accounts.administration.set_password(
        "Alice", OTHER
    ),
    "it is disabled": lambda accounts, _: accounts.administration.disable("Alice"),
    "it was disabled and enabled": lambda accounts, _: (
        accounts.administration.disable("Alice"),
        accounts.administration.enable("Alice"),
    ),
    "it is removed": lambda accounts, _: remove_alice(accounts),
    "the owner has changed the password": lambda accounts, user: accounts.change_password(user),
    "the owner has deleted it": lambda accounts, user: accounts.delete(user),
}


ACTS: dict[str, Callable[[Accounts, User], object]] = {
    "a change of the password": lambda accounts, user: accounts.change_password(
        user, GOOD, "a password that comes too late"
    ),
    "a deletion": lambda accounts, user: accounts.delete(user),
    "a confirmation": lambda accounts, user: accounts.confirm(user, GOOD),
}


@pytest.mark.parametrize("when", ["before", "while the password is checked"])
@pytest.mark.parametrize("overtake", OVERTAKEN.values(), ids=OVERTAKEN)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_owner_whose_account_has_changed_since_changes_nothing(
    accounts: Accounts,
    alice: User,
    hasher: FakeHasher,
    store: MemoryUsers,
    act: Callable[[Accounts, User], object],
    overtake: Callable[[Accounts, User], object],
    when: str,
) -> None:
    left: list[tuple[User, ...]] = []

    def change() -> None:
        hasher.meanwhile = lambda: None
        overtake(accounts, alice)
        left.append(store.all())

    if when == "before":
        change()
    else:
        hasher.meanwhile = change
    with pytest.raises(SessionEnded):
        act(accounts, alice)
    assert [store.all()] == left


def test_a_hash_that_was_renewed_meanwhile_stands_in_nobodys_way(
    accounts: Accounts, alice: User, hasher: FakeHasher
) -> None:
    hasher.cost = 11
    accounts.authenticate("Alice", GOOD)
    accounts.change_password(alice)
    assert accounts.authenticate("Alice", OTHER).generation == 2


def test_a_deleted_account_is_gone_and_its_name_is_free_in_any_case(
    accounts: Accounts, alice: User, store: MemoryUsers
) -> None:
    accounts.delete(alice)
    assert store.all() == ()
    anew = register(accounts, "ALICE", GOOD)
    assert anew.id != alice.id
    with pytest.raises(SessionEnded):
        accounts.delete(alice)
    assert store.all() == (anew,)


def test_what_cannot_be_written_leaves_the_account_and_its_sessions_as_they_were(
    accounts: Accounts, alice: User, store: MemoryUsers
) -> None:
    store.fails = True
    for act in (lambda: accounts.change_password(alice), lambda: accounts.delete(alice)):
        before = accounts.count_sessions()
        with pytest.raises(Unavailable):
            act()
        assert accounts.count_sessions() == before + 1, "that of the owner who asked"
    assert accounts.authenticate("Alice", GOOD) == alice


# --- administering


@pytest.mark.proves("NIST-3.1.1.2", "V2.2.2")
@pytest.mark.parametrize("password", ["short", "correct horse battery staple", "alice" * 3])
def test_the_rules_hold_for_a_changed_password_too(
    accounts: Accounts, alice: User, store: MemoryUsers, password: str
) -> None:
    with pytest.raises(InvalidFields):
        accounts.administration.set_password("Alice", password)
    assert store.all() == (alice,)


def test_disabling_and_enabling_each_raise_the_generation_in_the_same_write(
    accounts: Accounts, alice: User, store: MemoryUsers
) -> None:
    accounts.administration.disable("alice")
    assert store.all() == (dataclasses.replace(alice, disabled=True, generation=2),)
    accounts.administration.enable("alice")
    assert store.all() == (dataclasses.replace(alice, generation=3),)

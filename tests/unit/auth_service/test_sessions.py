"""Which sessions live, and the tokens issued for them."""

import dataclasses
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import SessionEnded, SessionLimitReached, Unavailable
from auth_service.models import Account, User
from auth_service.sessions.service import IssuedSession, SessionService
from auth_service.sessions.tokens import TokenIssuer
from auth_service.storage.sql.sessions import SessionRecords
from session_contract.callers import Caller
from session_contract.keyset import Key, KeySet, KeySetFile
from session_contract.tokens import Claims, TokenVerifier
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

MakeKey = Callable[..., Key]
CALLER = Caller("192.0.2.1", "Browser/1.0", "request-1")
IDLE, ABSOLUTE = 1800, 43_200


@pytest.fixture
def store() -> MemoryUsers:
    return MemoryUsers(make_user("Alice"), make_user("Bob"))


@pytest.fixture
def alice() -> User:
    return make_user("Alice")


@pytest.fixture
def records(tmp_path: Path) -> SessionRecords:
    return SessionRecords(tmp_path / "state.db")


@pytest.fixture
def sessions(
    store: MemoryUsers, records: SessionRecords, key_file: Path, clock: Any
) -> SessionService:
    return SessionService(
        records, store, TokenIssuer(KeySetFile(key_file), IDLE), clock, IDLE, ABSOLUTE
    )


@pytest.fixture
def read(key_file: Path, clock: Any) -> Callable[[IssuedSession], Claims]:
    """Return a function that verifies a token and returns what it says."""
    verifier = TokenVerifier(KeySetFile(key_file), clock)
    return lambda issued: verifier.verify(issued.token)


Read = Callable[[IssuedSession], Claims]


def test_a_new_session_has_a_token_of_the_user_for_the_idle_limit(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    issued = sessions.open(alice, CALLER, 0)
    claims, now = read(issued), int(clock.now)
    assert (claims.user_id, claims.username) == (alice.id, "Alice")
    assert claims.session_id == issued.session_id
    assert (claims.issued_at, claims.authenticated_at, claims.expires_at) == (now, now, now + IDLE)
    assert issued.expires_in == IDLE
    user, record = sessions.current(claims)
    assert user == alice
    assert (record.client_address, record.user_agent) == ("192.0.2.1", "Browser/1.0")


def test_every_session_and_every_token_has_a_name_of_its_own(
    sessions: SessionService, alice: User, read: Read
) -> None:
    opened = [sessions.open(alice, CALLER, 0) for _ in range(20)]
    renewed = [sessions.renew(read(issued)) for issued in opened]
    assert len({issued.session_id for issued in opened}) == 20
    assert len({read(issued).token_id for issued in [*opened, *renewed]}) == 40
    assert {len(issued.session_id) for issued in opened} == {22}, "128 random bits"


def test_a_renewal_prolongs_the_session_under_the_same_name(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    first = read(sessions.open(alice, CALLER, 0))
    clock.now += 1700.9
    second = read(sessions.renew(first))
    expected = (first.session_id, first.user_id, first.authenticated_at)
    assert (second.session_id, second.user_id, second.authenticated_at) == expected
    assert second.issued_at == first.issued_at + 1700
    assert second.expires_at == second.issued_at + IDLE
    clock.now += 1700
    assert sessions.renew(first).session_id == first.session_id, (
        "the older token names the session too"
    )


def test_a_session_lives_with_use_until_its_absolute_limit_and_not_a_second_longer(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    began = clock.now
    claims = read(sessions.open(alice, CALLER, 0))
    while clock.now + IDLE - 1 < began + ABSOLUTE:
        clock.now += IDLE - 1
        issued = sessions.renew(claims)
        claims = read(issued)
        assert claims.expires_at <= began + ABSOLUTE
    clock.now = began + ABSOLUTE - 1
    last = sessions.renew(claims)
    assert (last.expires_in, read(last).expires_at) == (1, began + ABSOLUTE)
    clock.now = began + ABSOLUTE
    with pytest.raises(SessionLimitReached):
        sessions.renew(claims)


def test_a_session_at_its_limit_says_so_although_others_sign_in_that_second(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    claims = read(sessions.open(alice, CALLER, 0))
    for _ in range(ABSOLUTE // IDLE * 2):
        claims = read(sessions.renew(claims))
        clock.now += IDLE // 2
    sessions.open(alice, CALLER, 0)
    with pytest.raises(SessionLimitReached):
        sessions.renew(claims)


def test_a_session_that_was_idle_for_too_long_has_ended_before_its_limit(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    claims = read(sessions.open(alice, CALLER, 0))
    clock.now += IDLE
    with pytest.raises(SessionEnded):
        sessions.renew(claims)


def change(store: MemoryUsers, user: User, **changes: object) -> None:
    store.replace(user, dataclasses.replace(user, **changes))  # type: ignore[arg-type]


DEATHS: dict[str, Callable[[SessionService, MemoryUsers, User, Claims], object]] = {
    "it was ended": lambda sessions, _store, _user, claims: sessions.end(claims.session_id),
    "it was abandoned": lambda sessions, _store, _user, claims: sessions.abandon(claims.session_id),
    "the account was disabled": lambda _sessions, store, user, _claims: change(
        store, user, disabled=True
    ),
    "the generation rose": lambda _sessions, store, user, _claims: change(
        store, user, generation=2
    ),
    "the account was deleted": lambda _sessions, store, user, _claims: store.remove(user),
}


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_a_dead_session_is_refused_and_others_live_on(
    sessions: SessionService,
    store: MemoryUsers,
    alice: User,
    read: Read,
    death: Callable[[SessionService, MemoryUsers, User, Claims], object],
) -> None:
    mine, theirs = (
        read(sessions.open(alice, CALLER, 0)),
        read(sessions.open(make_user("Bob"), CALLER, 0)),
    )
    death(sessions, store, alice, mine)
    for act in (sessions.current, sessions.renew):
        with pytest.raises(SessionEnded):
            act(mine)
    assert sessions.renew(theirs)
    sessions.end(mine.session_id)


def test_no_session_outlives_its_account_under_the_same_name(
    sessions: SessionService, store: MemoryUsers, alice: User, read: Read
) -> None:
    claims = read(sessions.open(alice, CALLER, 0))
    store.remove(alice)
    store.add(dataclasses.replace(alice, id="another"))
    with pytest.raises(SessionEnded):
        sessions.renew(claims)


def test_a_session_opened_from_a_record_that_has_changed_since_is_dead_at_once(
    sessions: SessionService, store: MemoryUsers, alice: User, read: Read
) -> None:
    change(store, alice, generation=2)
    claims = read(sessions.open(alice, CALLER, 0))
    for act in (sessions.current, sessions.renew):
        with pytest.raises(SessionEnded):
            act(claims)


def test_a_token_of_one_user_opens_no_session_of_another(
    sessions: SessionService, alice: User, read: Read
) -> None:
    mine, theirs = (
        read(sessions.open(alice, CALLER, 0)),
        read(sessions.open(make_user("Bob"), CALLER, 0)),
    )
    for act in (sessions.current, sessions.renew):
        with pytest.raises(SessionEnded):
            act(dataclasses.replace(mine, session_id=theirs.session_id))


def test_the_live_sessions_of_all_come_with_their_users_and_dead_ones_do_not(
    sessions: SessionService, store: MemoryUsers, alice: User, clock: Any
) -> None:
    bob = make_user("Bob")
    of_alice = sessions.open(alice, CALLER, 0).session_id
    sessions.open(bob, CALLER, 0)
    clock.now += IDLE - 1
    of_bob = sessions.open(bob, CALLER, 0).session_id
    assert [owned.user for owned in sessions.live_of_all()] == [bob, bob, alice]
    assert sessions.live_counts() == {Account.of(alice): 1, Account.of(bob): 2}
    clock.now += 1
    assert [(owned.user, owned.record.id) for owned in sessions.live_of_all()] == [(bob, of_bob)]
    assert sessions.live_counts() == {Account.of(bob): 1}
    clock.now -= 1
    store.replace(alice, alice.disabled_now())
    assert of_alice not in {owned.record.id for owned in sessions.live_of_all()}


def test_all_sessions_of_a_user_end_and_nobody_elses(sessions: SessionService, alice: User) -> None:
    bob = make_user("Bob")
    for user in (alice, alice, bob):
        sessions.open(user, CALLER, 0)
    sessions.end_all_of(alice)
    assert [owned.user for owned in sessions.live_of_all()] == [bob]


def test_a_clock_that_went_back_an_hour_ends_nothing_and_opens_sessions_that_live(
    sessions: SessionService, alice: User, read: Read, clock: Any
) -> None:
    claims = read(sessions.open(alice, CALLER, 0))
    clock.now -= 3600
    assert sessions.renew(claims).expires_in == IDLE
    assert sessions.renew(read(sessions.open(alice, CALLER, 0))).expires_in == IDLE


def test_expired_sessions_are_looked_for_once_a_minute(
    sessions: SessionService, records: SessionRecords, alice: User, clock: Any, tmp_path: Path
) -> None:
    old = sessions.open(alice, CALLER, 0)
    clock.now += 59
    sessions.open(alice, CALLER, 0)
    # Over for long by now, and still there: nobody looks again before the minute has passed.
    with closing(sqlite3.connect(tmp_path / "state.db")) as other, other:
        other.execute("UPDATE sessions SET renewed_at = 0 WHERE id = ?", [old.session_id])
    sessions.open(alice, CALLER, 0)
    assert records.get(old.session_id) is not None
    clock.now += 1
    sessions.open(alice, CALLER, 0)
    assert records.get(old.session_id) is None


def test_without_the_database_nothing_is_issued(
    sessions: SessionService,
    alice: User,
    read: Read,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    claims = read(sessions.open(alice, CALLER, 0))
    with closing(sqlite3.connect(tmp_path / "state.db")) as other, other:
        other.execute("DROP TABLE sessions")
    for act in (
        lambda: sessions.open(alice, CALLER, 0),
        lambda: sessions.renew(claims),
        lambda: sessions.current(claims),
        lambda: sessions.end(claims.session_id),
    ):
        with pytest.raises(Unavailable):
            act()
    # Sessions that are dead already may stay: that is told, and breaks nothing.
    sessions.abandon(claims.session_id)
    sessions.clear_away(alice)
    assert "no such table" in caplog.text


# --- tokens


def test_the_first_key_signs_as_soon_as_it_is_the_first(
    sessions: SessionService, alice: User, read: Read, key_file: Path, make_key: MakeKey
) -> None:
    before = sessions.open(alice, CALLER, 0)
    key_file.write_text(KeySet((make_key("second"), make_key("first"))).to_json())
    after = sessions.open(alice, CALLER, 0)
    assert read(before).session_id == before.session_id
    key_file.write_text(KeySet((make_key("second"), make_key("third"))).to_json())
    assert read(after).session_id == after.session_id


def test_a_token_holds_no_secret_of_the_user(
    sessions: SessionService, alice: User, read: Read
) -> None:
    assert alice.password_hash not in repr(read(sessions.open(alice, CALLER, 0)))

"""The facts about accounts in state.db: the last sign-in, wrong passwords since, live sessions."""

import dataclasses
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable
from auth_service.models import ActiveSession, SessionRecord
from auth_service.storage.sql.account_facts import AccountFactRecords
from auth_service.storage.sql.sessions import SessionRecords
from unit.made_users import make_user

NOW = 1_800_000_000
IDLE = 1800
ALICE = make_user("Alice")
FIRST_VERSION = Path(__file__).parents[2] / "data/first_version/state.db"


def record(session_id: str = "s1", **changes: Any) -> SessionRecord:
    """Return a session of Alice's; `at` is when it begins."""
    at = changes.pop("at", NOW)
    made = SessionRecord(
        session_id, ALICE.id, 1, at, at, at + 43_200, "192.0.2.1", f"Browser of {session_id}", at
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def records(tmp_path: Path) -> SessionRecords:
    return SessionRecords(tmp_path / "state.db")


@pytest.fixture
def facts(records: SessionRecords) -> AccountFactRecords:
    return AccountFactRecords(records.database)


def sign_in(
    records: SessionRecords, session_id: str = "s1", wrong_so_far: int = 0, **changes: Any
) -> ActiveSession:
    return records.sign_in(record(session_id, **changes), wrong_so_far, IDLE)


# --- the sign-in before


def test_the_first_sign_in_of_an_account_has_none_before_it(records: SessionRecords) -> None:
    active = sign_in(records, wrong_so_far=3)
    assert active == ActiveSession(record(), live_sessions=1)
    assert records.get("s1") == record()


def test_a_session_keeps_the_time_and_browser_of_the_sign_in_before_it(
    records: SessionRecords,
) -> None:
    sign_in(records, "s1")
    second = sign_in(records, "s2", at=NOW + 100).record
    expected = record("s2", at=NOW + 100, previous_at=NOW, previous_user_agent="Browser of s1")
    assert second == records.get("s2") == expected
    third = sign_in(records, "s3", at=NOW + 200).record
    assert (third.previous_at, third.previous_user_agent) == (NOW + 100, "Browser of s2")
    renewed = records.renew("s2", ALICE, NOW + 300, IDLE)
    assert renewed
    assert renewed.record == dataclasses.replace(expected, renewed_at=NOW + 300)


def test_the_sign_in_before_is_known_after_its_session_has_ended(records: SessionRecords) -> None:
    sign_in(records)
    records.end("s1")
    records.purge(NOW + 10**6, IDLE)
    assert sign_in(records, "s2", at=NOW + 10**6).record.previous_at == NOW


def test_people_are_not_told_of_the_sign_ins_of_others(records: SessionRecords) -> None:
    sign_in(records, "theirs", user_id="bob")
    assert sign_in(records, at=NOW + 1).record.previous_at == 0


def test_a_session_that_is_no_sign_in_is_not_remembered_as_one(
    records: SessionRecords, facts: AccountFactRecords
) -> None:
    records.create(record())
    assert facts.last_sign_ins() == {}
    assert sign_in(records, "s2").record.previous_at == 0


# --- wrong passwords

COUNTS = [
    # generation and count at the sign-in before, at this one, and what is told
    ((1, 0), (1, 0), 0),
    ((1, 0), (1, 3), 3),
    ((1, 2), (1, 3), 1),
    ((1, 3), (1, 3), 0),
    # A right guess that was being hashed at the sign-in before was counted until it was known.
    ((1, 4), (1, 3), 0),
    # A new generation counts from zero.
    ((1, 7), (2, 0), 0),
    ((1, 7), (2, 2), 2),
    ((1, 7), (2, 9), 9),
    ((2, 1), (1, 4), 4),
    # throttle.db was moved away.
    ((1, 70), (1, 1), 0),
]


@pytest.mark.parametrize(("before", "now", "told"), COUNTS, ids=str)
def test_wrong_passwords_are_those_since_the_sign_in_before_in_this_generation(
    records: SessionRecords, before: tuple[int, int], now: tuple[int, int], told: int
) -> None:
    sign_in(records, "s1", before[1], generation=before[0])
    assert sign_in(records, "s2", now[1], generation=now[0]).record.wrong_passwords == told


def test_each_wrong_password_is_told_at_one_sign_in_only(records: SessionRecords) -> None:
    sign_in(records, "s1", 2)
    told = [sign_in(records, f"s{n}", so_far).record for n, so_far in enumerate((5, 5, 6), 2)]
    assert [each.wrong_passwords for each in told] == [3, 0, 1]


# --- when the password was set


def test_a_password_that_was_set_is_known_at_every_later_sign_in(
    records: SessionRecords, facts: AccountFactRecords
) -> None:
    facts.record_password(ALICE.id, NOW - 50)
    first = sign_in(records, wrong_so_far=7).record
    assert first == record(password_set_at=NOW - 50)
    facts.record_password("bob", NOW + 5)
    assert sign_in(records, "s2").record.password_set_at == NOW - 50
    facts.record_password(ALICE.id, NOW + 9)
    third = sign_in(records, "s3", at=NOW + 10).record
    assert (third.password_set_at, third.previous_user_agent) == (NOW + 9, "Browser of s2")


def test_a_password_that_comes_with_the_session_is_newer_than_the_known_one(
    records: SessionRecords, facts: AccountFactRecords
) -> None:
    facts.record_password(ALICE.id, NOW - 50)
    assert sign_in(records, password_set_at=NOW).record.password_set_at == NOW
    assert sign_in(records, "s2").record.password_set_at == NOW


# --- live sessions


def test_live_sessions_are_counted_as_they_are_listed(records: SessionRecords) -> None:
    for other in (
        record("nearly idle", renewed_at=NOW - IDLE + 1),
        record("idle", renewed_at=NOW - IDLE),
        record("nearly at its limit", ends_at=NOW + 1),
        record("at its limit", ends_at=NOW),
        record("of another generation", generation=2),
        record("theirs", user_id="bob"),
    ):
        records.create(other)
    assert sign_in(records).live_sessions == len(records.live(ALICE, NOW, IDLE)) == 3
    later = NOW + 1
    renewed = records.renew("s1", ALICE, later, IDLE)
    assert renewed
    assert renewed.live_sessions == len(records.live(ALICE, later, IDLE)) == 1


def test_a_renewal_counts_the_session_that_it_prolongs(records: SessionRecords) -> None:
    sign_in(records)
    sign_in(records, "s2")
    for now, expected in ((NOW + IDLE - 1, 2), (NOW + 2 * IDLE - 2, 1)):
        renewed = records.renew("s1", ALICE, now, IDLE)
        assert renewed
        assert renewed.live_sessions == expected


# --- for operators


def test_the_last_sign_ins_of_all_users_are_told_in_one_answer(
    records: SessionRecords, facts: AccountFactRecords
) -> None:
    assert facts.last_sign_ins() == {}
    facts.record_password("carol", NOW)
    sign_in(records)
    sign_in(records, "s2", at=NOW + 100)
    sign_in(records, "theirs", user_id="bob", at=NOW + 7)
    assert facts.last_sign_ins() == {ALICE.id: NOW + 100, "bob": NOW + 7}


# --- forgetting


def test_of_a_removed_account_neither_sessions_nor_facts_are_left(
    records: SessionRecords, facts: AccountFactRecords, tmp_path: Path
) -> None:
    facts.record_password(ALICE.id, NOW)
    sign_in(records)
    sign_in(records, "theirs", user_id="bob")
    for _ in range(2):
        records.forget(ALICE.id)
        assert (records.get("s1"), facts.last_sign_ins()) == (None, {"bob": NOW})
    assert records.get("theirs") is not None
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        assert database.execute("SELECT user_id FROM account_facts").fetchall() == [("bob",)]


# --- upgrading, and a database that cannot be used


def test_state_db_of_the_first_version_is_taken_over_without_facts(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    shutil.copy(FIRST_VERSION, path)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT * FROM sessions ORDER BY number").fetchall()
    assert rows
    records = SessionRecords(path)
    for row in rows:
        assert records.get(row[1]) == SessionRecord(*row[1:])
    facts = AccountFactRecords(records.database)
    assert facts.last_sign_ins() == {}
    user_id, began_at = rows[0][2], rows[0][4]
    active = records.sign_in(record(user_id=user_id, at=began_at), 5, IDLE)
    assert active.record == record(user_id=user_id, at=began_at)
    assert facts.last_sign_ins() == {user_id: began_at}
    again = records.sign_in(record("s2", user_id=user_id, at=began_at + 60), 6, IDLE)
    assert (again.record.previous_at, again.record.wrong_passwords) == (began_at, 1)


def test_a_sign_in_is_stored_with_its_facts_or_not_at_all(
    records: SessionRecords, facts: AccountFactRecords, tmp_path: Path
) -> None:
    sign_in(records)
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON sessions "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(Unavailable, match="disk full"):
        sign_in(records, "s2", at=NOW + 100)
    assert (records.get("s2"), facts.last_sign_ins()) == (None, {ALICE.id: NOW})


def test_facts_that_cannot_be_read_or_written_are_unavailable(
    records: SessionRecords, facts: AccountFactRecords, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute("DROP TABLE account_facts")
    for act in (
        lambda: sign_in(records),
        lambda: facts.record_password(ALICE.id, NOW),
        facts.last_sign_ins,
        lambda: records.forget(ALICE.id),
    ):
        with pytest.raises(Unavailable, match="no such table"):
            act()
    assert records.get("s1") is None

"""The session records in state.db."""

import dataclasses
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from auth_service.errors import Unavailable
from auth_service.models import Account, SessionRecord, User
from auth_service.storage.sql.sessions import SESSIONS_PER_USER, SessionRecords
from session_contract.startup import StartupError

NOW = 1_800_000_000
IDLE = 1800


def record(session_id: str = "s1", **changes: Any) -> SessionRecord:
    made = SessionRecord(
        session_id, "alice", 1, NOW, NOW, NOW + 43_200, "192.0.2.1", "Browser/1.0", NOW
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def records(path: Path) -> SessionRecords:
    return SessionRecords(path)


def renew(records: SessionRecords, session_id: str = "s1", **changes: Any) -> SessionRecord | None:
    whose = {"user_id": "alice", "generation": 1, "now": NOW + 60, "idle_seconds": IDLE, **changes}
    user = owner(whose["user_id"], whose["generation"])
    active = records.renew(session_id, user, whose["now"], whose["idle_seconds"])
    return active and active.record


def owner(user_id: str, generation: int = 1) -> User:
    return User(user_id, user_id, user_id, "", generation, disabled=False, created_at="")


Change = Callable[[SessionRecords], object]
# Every change but a renewal.
CHANGES: list[Change] = [
    lambda records: records.create(record("s2")),
    lambda records: records.reserve_failure("s1", 5),
    lambda records: records.return_failure("s1"),
    lambda records: records.confirm("s1", NOW),
    lambda records: records.end_others("bob", "s2"),
    lambda records: records.end_generation("bob", 1),
    lambda records: records.end_all_of("bob"),
    lambda records: records.forget("bob"),
    lambda records: records.purge(NOW, IDLE),
    lambda records: records.end("s1"),
]


def test_a_session_is_there_until_it_is_ended(records: SessionRecords) -> None:
    assert records.get("s1") is None
    records.create(record())
    records.create(record("s2"))
    assert records.get("s1") == record()
    records.end("s1")
    records.end("s1")
    assert (records.get("s1"), records.get("s2")) == (None, record("s2"))


def test_sessions_survive_a_restart_and_are_seen_by_every_process(
    records: SessionRecords, path: Path, close_databases: Callable[[], None]
) -> None:
    other = SessionRecords(path)
    records.create(record())
    assert other.get("s1") == record()
    other.end("s1")
    assert records.get("s1") is None
    assert renew(records) is None
    records.create(record("s2"))
    close_databases()
    assert SessionRecords(path).get("s2") == record("s2")


@pytest.mark.proves("V13.2.2")
def test_nobody_but_the_owner_may_read_the_sessions(records: SessionRecords, path: Path) -> None:
    records.create(record())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("state.db*")}
    assert set(modes.values()) == {0o600}, modes


def test_every_change_but_a_renewal_waits_until_it_is_on_disk(records: SessionRecords) -> None:
    seen = []

    def look(connection: sqlite3.Connection, *_: object) -> None:
        pragmas = ("synchronous", "journal_mode", "busy_timeout")
        seen.append(tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas))

    event.listen(Pool, "checkin", look)
    full, normal = (2, "wal", 400), (1, "wal", 400)
    try:
        records.create(record())
        assert seen == [full]  # a session that was ended must not come back after a power cut
        renew(records)
        assert seen == [full, normal]
        for change in CHANGES:
            renew(records)
            change(records)
            assert seen[-2:] == [normal, full]
    finally:
        event.remove(Pool, "checkin", look)


# --- at most 50 of a user


@pytest.mark.parametrize(
    "step", [1, 0, -60], ids=["one by one", "in one second", "as the clock goes back"]
)
def test_past_50_sessions_of_a_user_others_end_but_never_the_newest(
    records: SessionRecords, step: int
) -> None:
    records.create(record("theirs", user_id="bob", created_at=0, renewed_at=0))
    for number in range(SESSIONS_PER_USER + 10):
        newest = record(
            f"s{number}", created_at=NOW + number * step, renewed_at=NOW + number * step
        )
        records.create(newest)
        assert records.get(newest.id) == newest
    kept = [number for number in range(SESSIONS_PER_USER + 10) if records.get(f"s{number}")]
    assert len(kept) == SESSIONS_PER_USER == 50
    if step == 1:
        assert kept == list(range(10, 60))
    assert records.get("theirs") is not None


# --- renewal


def test_a_renewal_notes_when_the_session_was_used_and_nothing_else(
    records: SessionRecords,
) -> None:
    records.create(record())
    records.create(record("s2"))
    assert renew(records) == records.get("s1") == record(renewed_at=NOW + 60)
    assert records.get("s2") == record("s2")


@pytest.mark.parametrize(
    ("given", "renews"),
    [
        ({"session_id": "s2"}, False),
        ({"user_id": "bob"}, False),
        ({"generation": 2}, False),
        ({"generation": 0}, False),
        ({"now": NOW + IDLE - 1}, True),
        ({"now": NOW + IDLE}, False),
        ({"now": NOW + IDLE, "idle_seconds": IDLE + 1}, True),
        ({"now": NOW + 43_199, "idle_seconds": 43_200}, True),
        ({"now": NOW + 43_200, "idle_seconds": 86_400}, False),
        ({"now": NOW - 3600}, True),
    ],
    ids=str,
)
def test_only_a_session_that_lives_is_renewed(
    records: SessionRecords, given: dict[str, Any], renews: bool
) -> None:
    records.create(record())
    assert (renew(records, **given) is not None) is renews
    assert records.get("s1") == record(renewed_at=given["now"] if renews else NOW)


def test_an_ended_session_is_brought_back_by_no_renewal_at_the_same_time(
    records: SessionRecords,
) -> None:
    for number in range(20):
        session_id, together = f"s{number}", threading.Barrier(3)
        records.create(record(session_id))

        def renewing(session_id: str = session_id, together: threading.Barrier = together) -> None:
            together.wait()
            for _ in range(3):
                renew(records, session_id)

        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(renewing) for _ in range(2)]
            together.wait()
            records.end(session_id)
            assert renew(records, session_id) is None
            for future in waiting:
                future.result()
        assert records.get(session_id) is None


# --- those of one user


def test_the_live_sessions_of_a_user_come_with_the_last_used_first(records: SessionRecords) -> None:
    made = [
        record("earlier", renewed_at=NOW - 10),
        record("first of two", renewed_at=NOW),
        record("second of two", renewed_at=NOW),
        record("idle", renewed_at=NOW - IDLE),
        record("nearly idle", renewed_at=NOW - IDLE + 1),
        record("at its limit", ends_at=NOW),
        record("of another generation", generation=2),
        record("theirs", user_id="bob"),
    ]
    for each in made:
        records.create(each)
    live = records.live(owner("alice"), NOW, IDLE)
    assert [each.id for each in live] == ["second of two", "first of two", "earlier", "nearly idle"]
    assert live[0] == made[2]
    assert records.live(owner("nobody"), NOW, IDLE) == []


def test_the_sessions_of_all_users_that_have_not_expired_are_listed_and_counted(
    records: SessionRecords,
) -> None:
    made = [
        record("earlier", renewed_at=NOW - 10),
        record("nearly idle", renewed_at=NOW - IDLE + 1),
        record("theirs", user_id="bob"),
        record("of another generation", generation=2),
        record("idle", renewed_at=NOW - IDLE),
        record("at its limit", ends_at=NOW),
    ]
    for each in made:
        records.create(each)
    found = records.unexpired(NOW, IDLE)
    assert [each.id for each in found] == [
        "of another generation",
        "theirs",
        "earlier",
        "nearly idle",
    ]
    assert found[2] == made[0]
    assert records.count_unexpired(NOW, IDLE) == {
        Account("alice", 1): 2,
        Account("alice", 2): 1,
        Account("bob", 1): 1,
    }


def create_four(records: SessionRecords) -> None:
    """Create sessions of three generations of one user, and one of another."""
    for generation in (1, 2, 3):
        records.create(record(f"s{generation}", generation=generation))
    records.create(record("theirs", user_id="bob"))


def test_all_others_of_a_user_are_ended_and_nobody_elses(records: SessionRecords) -> None:
    create_four(records)
    records.end_others("alice", "s1")
    assert [each for each in ("s1", "s2", "s3", "theirs") if records.get(each)] == ["s1", "theirs"]


def test_all_sessions_of_a_user_end_whatever_their_generation(records: SessionRecords) -> None:
    create_four(records)
    records.end_all_of("alice")
    assert [each for each in ("s1", "s2", "s3", "theirs") if records.get(each)] == ["theirs"]
    records.end_all_of("alice")


def test_a_generation_is_ended_with_those_before_it_and_the_next_one_lives(
    records: SessionRecords,
) -> None:
    create_four(records)
    records.end_generation("alice", 2)
    assert [each for each in ("s1", "s2", "s3", "theirs") if records.get(each)] == ["s3", "theirs"]


# --- wrong passwords


def test_wrong_passwords_are_counted_up_to_the_limit_and_no_further(
    records: SessionRecords,
) -> None:
    records.create(record())
    records.create(record("s2"))
    assert [records.reserve_failure("s1", 5) for _ in range(7)] == [1, 2, 3, 4, 5, None, None]
    assert records.get("s1") == record(failed_confirmations=5)
    assert records.get("s2") == record("s2")
    assert records.reserve_failure("gone", 5) is None


def test_of_many_guesses_at_the_same_time_no_more_than_the_limit_are_let_through(
    records: SessionRecords, path: Path
) -> None:
    records.create(record())
    several = [records, SessionRecords(path)]
    with ThreadPoolExecutor(16) as pool:
        numbers = list(
            pool.map(lambda number: several[number % 2].reserve_failure("s1", 5), range(40))
        )
    assert sorted(number for number in numbers if number) == [1, 2, 3, 4, 5]


def test_a_guess_that_was_never_checked_is_given_back_and_nothing_more(
    records: SessionRecords,
) -> None:
    records.create(record())
    records.reserve_failure("s1", 5)
    for _ in range(3):
        records.return_failure("s1")
    assert records.get("s1") == record()


def test_the_right_password_clears_the_count_unless_the_session_has_ended(
    records: SessionRecords,
) -> None:
    records.create(record())
    records.create(record("s2"))
    records.reserve_failure("s1", 5)
    assert records.confirm("s1", NOW + 600) is True
    assert records.get("s1") == record(authenticated_at=NOW + 600)
    assert records.get("s2") == record("s2")
    records.end("s1")
    assert records.confirm("s1", NOW + 600) is False
    assert records.get("s1") is None


# --- upgrading

SCHEMA_1 = """
CREATE TABLE sessions (
    number INTEGER NOT NULL,
    id VARCHAR(64) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    generation INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    client_address VARCHAR(64) NOT NULL,
    user_agent VARCHAR(256) NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id)
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_renewed_at ON sessions (renewed_at);
CREATE TABLE schema_version (version INTEGER);
INSERT INTO schema_version VALUES (1);
INSERT INTO sessions VALUES
    (1, 's1', 'alice', 1, 1800000000, 1800000600, 1800043200, '192.0.2.1', 'Browser/1.0'),
    (7, 's2', 'bob', 3, 1800000300, 1800000300, 1800043500, '192.0.2.2', 'Browser/2.0');
"""


def make_old(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("PRAGMA journal_mode = WAL;" + SCHEMA_1)


@pytest.fixture
def old(path: Path) -> Path:
    """A database as the first release left it, with two people signed in."""
    make_old(path)
    return path


def test_a_database_of_the_first_release_is_taken_over_and_nobody_is_signed_out(
    old: Path, close_databases: Callable[[], None]
) -> None:
    alice = record(renewed_at=NOW + 600)
    began, ends = NOW + 300, NOW + 43_500
    bob = SessionRecord(
        "s2", "bob", 3, began, began, ends, "192.0.2.2", "Browser/2.0", authenticated_at=began
    )
    for _ in range(2):
        records = SessionRecords(old)
        assert records.get("s1") == alice
        assert records.get("s2") == bob
        close_databases()
    records = SessionRecords(old)
    assert renew(records, now=NOW + 700) == dataclasses.replace(alice, renewed_at=NOW + 700)
    records.create(record("s3"))
    assert records.reserve_failure("s3", 5) == 1


def test_an_upgrade_that_fails_half_way_leaves_the_database_as_it_was(
    old: Path, close_databases: Callable[[], None]
) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        before = list(connection.iterdump())
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON sessions "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(StartupError, match="disk full"):
        SessionRecords(old)
    close_databases()
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DROP TRIGGER full")
        assert list(connection.iterdump()) == before
    assert SessionRecords(old).get("s1") is not None


def test_purging_deletes_what_is_idle_or_at_its_limit_and_nothing_else(
    records: SessionRecords,
) -> None:
    records.create(record("lives", renewed_at=NOW - IDLE + 1, ends_at=NOW + 1))
    records.create(record("idle", renewed_at=NOW - IDLE))
    records.create(record("at its limit", ends_at=NOW))
    records.purge(NOW, IDLE)
    assert [each for each in ("lives", "idle", "at its limit") if records.get(each)] == ["lives"]


def test_many_threads_at_once_all_get_through(records: SessionRecords) -> None:
    def one(number: int) -> bool:
        session_id, user_id = f"s{number}", f"user{number % 7}"
        records.create(record(session_id, user_id=user_id))
        renewed = renew(records, session_id, user_id=user_id)
        records.end(session_id)
        return renewed is not None and records.get(session_id) is None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(60)))


# --- a database that cannot be used


def test_a_session_that_lacks_anything_is_never_stored(records: SessionRecords, path: Path) -> None:
    records.create(record())
    with closing(sqlite3.connect(path)) as database:
        for field in dataclasses.fields(SessionRecord):
            with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
                database.execute(f"UPDATE sessions SET {field.name} = NULL")


def test_what_every_request_asks_for_is_found_without_looking_at_all_sessions(
    records: SessionRecords, path: Path
) -> None:
    records.create(record())
    with closing(sqlite3.connect(path)) as database:
        for column in ("id", "user_id", "renewed_at"):
            query = f"EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE {column} = 'x'"
            [plan] = database.execute(query)
            assert "USING INDEX" in plan[-1]


def test_a_missing_database_is_made_anew(
    records: SessionRecords, path: Path, close_databases: Callable[[], None]
) -> None:
    records.create(record())
    close_databases()
    path.unlink()
    anew = SessionRecords(path)
    assert anew.get("s1") is None
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version FROM schema_version").fetchall() == [(3,)]
    anew.create(record())
    assert anew.get("s1") == record()


def damage_all(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)


def damage_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def raise_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = version + 1")


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (damage_all, "cannot be used: file is not a database"),
        (damage_a_page, "malformed|damaged \\("),
        (cut, "malformed|damaged \\("),
        (make_a_folder, "Is a directory|unable to open"),
        (raise_schema, "it has schema 4, and this Doorward knows 3"),
    ],
)
def test_a_database_that_is_damaged_or_newer_refuses_to_start_and_says_what_to_do(
    records: SessionRecords,
    path: Path,
    close_databases: Callable[[], None],
    damage: Callable[[Path], None],
    cause: str,
) -> None:
    for number in range(60):
        records.create(record(f"s{number}", user_id=f"user{number}"))
    close_databases()
    damage(path)
    with pytest.raises(StartupError) as caught:
        SessionRecords(path)
    assert str(path) in str(caught.value)
    assert re.search(cause, str(caught.value))
    assert "move it away" in str(caught.value)
    path.rename(path.with_name("moved-away"))
    assert SessionRecords(path).get("s1") is None


def test_a_folder_that_is_missing_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"gone/state\.db"):
        SessionRecords(tmp_path / "gone" / "state.db")


@pytest.mark.parametrize("state", ["new", "empty", "of the first release"])
def test_processes_that_start_at_the_same_time_all_start(path: Path, state: str) -> None:
    if state == "empty":
        path.touch()
    elif state == "of the first release":
        make_old(path)
    together = threading.Barrier(6)

    def open_together() -> SessionRecords:
        together.wait()
        return SessionRecords(path)

    with ThreadPoolExecutor(6) as pool:
        opened = [pool.submit(open_together) for _ in range(6)]
        assert [future.result().problem() for future in opened] == [None] * 6
    assert (SessionRecords(path).get("s1") is not None) == (state == "of the first release")


def test_a_locked_database_is_unavailable_within_seconds_and_then_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_service.storage.sql.database.BUSY_SECONDS", 0.05)
    records = SessionRecords(path)
    records.create(record())
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(len(CHANGES) + 1) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        problem = pool.submit(records.problem)
        for future in [pool.submit(change, records) for change in CHANGES]:
            with pytest.raises(Unavailable, match=r"^state\.db (is too busy|cannot be)") as caught:
                future.result()
            assert caught.value.retry_after > 0
            assert records.get("s1") == record(), "reading goes on"
        assert "state.db" in (problem.result() or "")
        assert time.monotonic() - began < 8
        other.execute("ROLLBACK")
    assert records.problem() is None
    for change in CHANGES:
        change(records)
    assert (records.get("s1"), records.get("s2")) == (None, record("s2"))


def test_a_database_that_breaks_while_it_is_used_is_unavailable(
    records: SessionRecords, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE sessions")
    others: list[Change] = [
        lambda records: records.get("s1"),
        lambda records: records.live(owner("alice"), NOW, IDLE),
        renew,
    ]
    for act in (*CHANGES, *others):
        with pytest.raises(Unavailable, match=r"state\.db cannot be used: no such table"):
            act(records)

"""The counts of guesses: in several processes, after restarts, and when they cannot be read."""

import dataclasses
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Busy, Unavailable
from auth_service.guessing.devices import Devices
from auth_service.guessing.policies import LONGEST_DELAY, STRANGERS_GUESSES
from auth_service.guessing.throttle import Throttle
from auth_service.models import User
from auth_service.storage.sql.guesses import GuessRecords
from session_contract.cookies import DEVICE_SECONDS
from session_contract.startup import StartupError
from unit.auth_service.guessing.people import Person
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

MakeThrottle = Callable[..., Throttle]


# --- several processes, restarts


@pytest.mark.proves("V6.3.1", "NIST-3.2.2")
def test_counts_survive_every_restart(
    make_throttle: MakeThrottle,
    store: MemoryUsers,
    alice: User,
    close_databases: Callable[[], None],
    clock: Any,
) -> None:
    hashed = 0
    for _ in range(30):
        person = Person(make_throttle(store), alice)
        clock.now += person.guess()
        hashed += person.hashed
        close_databases()
    while hashed < STRANGERS_GUESSES:
        person = Person(make_throttle(store), alice)
        hashed += person.insist(clock, 50)
        close_databases()
    assert Person(make_throttle(store), alice).guess() == LONGEST_DELAY
    assert hashed == STRANGERS_GUESSES


@pytest.mark.proves("NIST-3.2.2", "V6.3.1")
def test_two_processes_on_one_file_never_pass_the_limit_together(
    make_throttle: MakeThrottle, store: MemoryUsers, alice: User, clock: Any
) -> None:
    places = [make_throttle(store, wait_seconds=0.05) for _ in range(2)]
    people = [Person(places[number % 2], alice) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(STRANGERS_GUESSES + 40):
            clock.now += max(pool.map(guess_or_busy, people))
    assert sum(person.hashed for person in people) == STRANGERS_GUESSES


def guess_or_busy(person: Person) -> int:
    try:
        return person.guess()
    except Busy:
        return 0


def test_rows_of_users_and_devices_that_are_no_more_are_purged_and_no_others(
    throttle: Throttle,
    devices: Devices,
    store: MemoryUsers,
    alice: User,
    tmp_path: Path,
    clock: Any,
) -> None:
    gone, renewed = make_user("Gone"), make_user("Renewed", generation=2)
    store.add(renewed)
    throttle.guess(alice, "alice", "").__enter__()
    clock.now += 3599
    for user in (alice, gone, renewed, dataclasses.replace(renewed, generation=1)):
        Person(throttle, user).guess()
        devices.remember(user, "")
    Person(throttle, None, "nobody").guess()

    def kept() -> set[tuple[str, int, bool]]:
        with closing(sqlite3.connect(tmp_path / "throttle.db")) as database:
            rows = database.execute(
                "SELECT subject, generation, length(lane) = 64 FROM lanes"
            ).fetchall()
        return {
            (subject if generation else "bucket", generation, bool(d))
            for subject, generation, d in rows
        }

    everything = kept()
    assert len(everything) == 9
    clock.now += 1
    Person(throttle, alice).guess()
    assert kept() == {
        row for row in everything if row[:2] != (gone.id, 1) and row[:2] != (renewed.id, 1)
    }
    clock.now += DEVICE_SECONDS
    Person(throttle, alice).guess()
    assert kept() == {(alice.id, 1, False), (renewed.id, 2, False)}, (
        "or unknown names would end closed, all"
    )


# --- a database that cannot be used


@pytest.mark.parametrize("what", ["locked", "broken"])
def test_without_the_database_nothing_is_guessed(
    make_throttle: MakeThrottle,
    store: MemoryUsers,
    alice: User,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr("auth_service.storage.sql.database.BUSY_SECONDS", 0.05)
    throttle = make_throttle(store)
    person, devices = Person(throttle, alice), Devices(throttle.guesses)
    with closing(sqlite3.connect(tmp_path / "throttle.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE" if what == "locked" else "DROP TABLE lanes")
        for act in (person.guess, person.again, lambda: devices.remember(alice, "")):
            with pytest.raises(Unavailable):
                act()
        if what == "locked":
            assert throttle.guesses.problem() is not None
    assert person.hashed == 0
    if what == "locked":
        assert throttle.guesses.problem() is None
        assert person.guess() == 0


def spoil(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)


def raise_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = version + 1")


@pytest.mark.parametrize("damage", [spoil, raise_schema])
def test_a_damaged_or_newer_database_refuses_to_start_and_says_what_to_do(
    throttle: Throttle,
    tmp_path: Path,
    close_databases: Callable[[], None],
    damage: Callable[[Path], None],
    clock: Any,
) -> None:
    path = tmp_path / "throttle.db"
    close_databases()
    damage(path)
    with pytest.raises(StartupError, match=r"throttle\.db cannot be used.*move it away"):
        GuessRecords(path, clock)


def test_a_count_that_lacks_anything_is_never_stored(stranger: Person, tmp_path: Path) -> None:
    stranger.guess()
    with closing(sqlite3.connect(tmp_path / "throttle.db")) as database:
        for column in ("subject", "generation", "lane", "reserved", "cleared", "used_at"):
            with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
                database.execute(f"UPDATE lanes SET {column} = NULL")


def test_a_missing_database_is_made_anew_and_readable_by_its_owner_only(
    make_throttle: MakeThrottle,
    store: MemoryUsers,
    alice: User,
    close_databases: Callable[[], None],
    tmp_path: Path,
    clock: Any,
) -> None:
    before = make_throttle(store)
    Person(before, alice).insist(clock)
    key = before.guesses.key
    close_databases()
    for file in tmp_path.glob("throttle.db*"):
        file.unlink()
    anew = make_throttle(store)
    assert Person(anew, alice).guess() == 0
    assert anew.guesses.key != key
    assert len(anew.guesses.key) == 32
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("throttle.db*")} == {0o600}

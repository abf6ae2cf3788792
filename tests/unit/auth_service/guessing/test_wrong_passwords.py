"""Which guesses are told to people as wrong passwords."""

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Busy, Unavailable
from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import Throttle
from auth_service.models import OWNER, STRANGERS, Account, GuessCounter, User
from auth_service.storage.sql.guesses import GuessRecords
from session_contract.cookies import DEVICE_SECONDS
from unit.auth_service.guessing.people import RIGHT, WRONG, Person

FIRST_VERSION = Path(__file__).parents[3] / "data/first_version/throttle.db"
MakeThrottle = Callable[..., Throttle]


def test_wrong_guesses_count_from_wherever_they_come(
    throttle: Throttle, alice: User, stranger: Person, owner: Person
) -> None:
    assert throttle.wrong_so_far(alice) == 0
    stranger.fails(3)
    assert throttle.wrong_so_far(alice) == 3
    owner.fails(2)
    assert throttle.wrong_so_far(alice) == 5, "a device's guess is counted once"
    owner.again()
    assert throttle.wrong_so_far(alice) == 6


def test_right_guesses_neither_count_nor_take_wrong_ones_back(
    throttle: Throttle, alice: User, stranger: Person, owner: Person
) -> None:
    stranger.fails(2)
    owner.fails(1)
    for guess in (stranger.guess, owner.guess, owner.again):
        assert guess(RIGHT) == 0
        assert throttle.wrong_so_far(alice) == 3
    stranger.fails(1)
    assert throttle.wrong_so_far(alice) == 4


def test_a_guess_that_was_refused_or_not_hashed_does_not_count(
    throttle: Throttle, alice: User, stranger: Person, owner: Person
) -> None:
    stranger.fails(5)
    for _ in range(4):
        assert stranger.guess() > 0
    assert throttle.wrong_so_far(alice) == 5
    contexts = (
        throttle.owner_guess(alice),
        throttle.guess(alice, "alice", owner.device),
        throttle.owner_guess(alice),
    )
    for context in contexts:
        with pytest.raises(Busy), context:
            raise Busy("too many passwords wait to be hashed", 2)
    assert throttle.wrong_so_far(alice) == 5


def test_a_guess_counts_while_it_is_hashed_until_it_turns_out_right(
    throttle: Throttle, alice: User, stranger: Person
) -> None:
    with throttle.guess(alice, "alice", ""):
        assert throttle.wrong_so_far(alice) == 1
        stranger.fails(1)
        assert throttle.wrong_so_far(alice) == 2
    assert throttle.wrong_so_far(alice) == 1


def test_a_guess_given_back_after_a_later_right_one_does_not_count(
    throttle: Throttle, alice: User, stranger: Person
) -> None:
    def is_shed() -> None:
        with throttle.guess(alice, "alice", ""):
            assert stranger.guess(RIGHT) == 0
            raise Busy("hashing a password had to wait for too long", 2)

    with pytest.raises(Busy):
        is_shed()
    assert throttle.wrong_so_far(alice) == 0


def test_wrong_guesses_count_from_zero_in_each_generation_and_for_each_user(
    throttle: Throttle, alice: User, stranger: Person, nobody: Person
) -> None:
    stranger.fails(2)
    nobody.fails(3)
    renewed = dataclasses.replace(alice, generation=2)
    assert throttle.wrong_so_far(renewed) == 0
    Person(throttle, renewed).fails(1)
    assert (throttle.wrong_so_far(alice), throttle.wrong_so_far(renewed)) == (2, 1)


def test_unlocking_and_forgetting_devices_leave_the_number_as_it_is(
    throttle: Throttle, devices: Devices, alice: User, stranger: Person, owner: Person, clock: Any
) -> None:
    stranger.fails(2)
    owner.fails(3)
    throttle.guesses.reset(Account.of(alice))
    for _ in range(25):
        devices.remember(alice, "")
    throttle.guesses.purge([], unused_since=clock.now + DEVICE_SECONDS)
    assert throttle.wrong_so_far(alice) == 5


def test_the_number_survives_a_restart_and_is_seen_by_every_process(
    make_throttle: MakeThrottle, throttle: Throttle, store: Any, alice: User, stranger: Person
) -> None:
    stranger.fails(2)
    other = make_throttle(store)
    Person(other, alice).fails(1)
    assert throttle.wrong_so_far(alice) == other.wrong_so_far(alice) == 3


def test_a_failed_guess_writes_the_same_for_known_and_unknown_names(
    throttle: Throttle, alice: User, stranger: Person, nobody: Person
) -> None:
    for person, account in (
        (stranger, Account.of(alice)),
        (nobody, throttle._account(None, "nobody")),
    ):
        person.guess(WRONG)
        with throttle.guesses.open_account(account) as opened:
            assert opened.counters == {STRANGERS: GuessCounter(1, 0, opened.now, 1)}


def test_throttle_db_of_the_first_version_is_taken_over_and_counts_on(
    tmp_path: Path, clock: Any
) -> None:
    path = tmp_path / "first.db"
    shutil.copy(FIRST_VERSION, path)
    with closing(sqlite3.connect(path)) as database:
        key = database.execute("SELECT key FROM hmac_key").fetchone()[0]
        rows = database.execute(
            "SELECT subject, generation, reserved, cleared, used_at FROM lanes WHERE lane = ?",
            [STRANGERS],
        ).fetchall()
    assert rows
    records = GuessRecords(path, clock)
    assert records.key == key
    for subject, generation, *numbers in rows:
        account = Account(subject, generation)
        assert records.wrong_so_far(account) == 0
        with records.open_account(account) as opened:
            assert opened.counters[STRANGERS] == GuessCounter(*numbers)
            opened.reserve([STRANGERS, OWNER])
        assert records.wrong_so_far(account) == 2


def test_without_the_database_the_number_is_unavailable(
    throttle: Throttle, alice: User, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "throttle.db")) as database, database:
        database.execute("DROP TABLE lanes")
    with pytest.raises(Unavailable):
        throttle.wrong_so_far(alice)

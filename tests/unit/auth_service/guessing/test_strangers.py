"""How often strangers may guess a password, at names that are known and at others."""

import hmac
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.guessing.devices import DEVICE_FAILURES, DEVICES_PER_USER
from auth_service.guessing.policies import LONGEST_DELAY, OWNERS_GUESSES, STRANGERS_GUESSES
from auth_service.guessing.throttle import Throttle
from auth_service.storage.sql.guesses import GuessRecords
from session_contract.cookies import DEVICE_SECONDS
from unit.auth_service.guessing.people import RIGHT, Person
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

MakeThrottle = Callable[..., Throttle]


# --- strangers


@pytest.mark.proves("V6.3.1", "V2.4.1")
def test_after_the_fifth_failure_strangers_wait_twice_as_long_each_time(
    stranger: Person, clock: Any
) -> None:
    stranger.fails(5)
    waits = []
    while stranger.hashed < 20:
        waits.append(stranger.guess())
        clock.now += waits[-1]
        assert stranger.guess() == 0
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *[LONGEST_DELAY] * 5]
    assert waits == expected


def test_a_delay_is_over_when_it_was_said_to_be_and_not_before(
    stranger: Person, clock: Any
) -> None:
    for _ in range(5):
        stranger.guess()
    clock.now += 0.5
    assert stranger.guess() == 1, "a part of a second counts as one"
    clock.now += 0.4999
    assert stranger.guess() == 1
    clock.now += 0.0002
    assert (stranger.guess(), stranger.hashed) == (0, 6)


def test_asking_too_early_neither_counts_nor_prolongs_the_delay(
    stranger: Person, clock: Any
) -> None:
    for _ in range(8):
        clock.now += stranger.guess()
        stranger.guess()
    wait = stranger.guess()
    for _ in range(50):
        assert stranger.guess() == wait
    clock.now += wait
    assert stranger.guess() == 0


@pytest.mark.proves("V6.3.1", "NIST-3.2.2")
def test_strangers_are_closed_after_eighty_failures_in_a_row_for_ever(
    stranger: Person, clock: Any
) -> None:
    assert stranger.insist(clock) == STRANGERS_GUESSES == 80
    clock.now += 10 * 365 * 86_400
    assert (stranger.guess(), stranger.guess(RIGHT)) == (LONGEST_DELAY, LONGEST_DELAY)


def test_a_right_password_below_the_cap_begins_a_new_row(stranger: Person, clock: Any) -> None:
    for _ in range(12):
        clock.now += stranger.guess()
    clock.now += LONGEST_DELAY
    assert stranger.guess(RIGHT) == 0
    stranger.fails(5)
    assert stranger.guess() == 1


def test_the_limits_are_those_that_are_promised() -> None:
    """docs/security.md names them; the tests below use the names."""
    assert (STRANGERS_GUESSES, OWNERS_GUESSES, LONGEST_DELAY) == (80, 20, 15 * 60)
    assert (DEVICE_FAILURES, DEVICES_PER_USER, DEVICE_SECONDS) == (10, 20, 365 * 24 * 3600)


def test_accounts_do_not_count_for_each_other(
    throttle: Throttle, store: MemoryUsers, stranger: Person
) -> None:
    bob = make_user("Bob")
    store.add(bob)
    for person in (stranger, Person(throttle, None, "nobody")):
        person.fails(5)
        assert person.guess() == 1
    assert Person(throttle, bob, "bob").guess() == 0
    # Unknown names share buckets, so that one may meet another's by chance.
    others = [Person(throttle, None, f"another {number}") for number in range(10)]
    assert sum(person.guess() > 0 for person in others) <= 1


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer(stranger: Person, clock: Any) -> None:
    for _ in range(30):
        clock.now += stranger.guess()
    clock.now -= 365 * 86_400
    assert stranger.guess() == 0
    assert stranger.guess() == LONGEST_DELAY


# --- known and unknown names


@pytest.mark.proves("V6.3.1")
def test_known_and_unknown_names_are_alike_through_failures_and_restarts(
    throttle: Throttle,
    store: MemoryUsers,
    make_throttle: MakeThrottle,
    stranger: Person,
    owner: Person,
    nobody: Person,
    clock: Any,
) -> None:
    seen: list[list[int]] = [[], []]
    for number in range(260):
        for person, answers in zip((stranger, nobody), seen, strict=True):
            answers.append(person.guess())
        clock.now += (0, 7, 900)[number % 3]
        if number % 7 == 0:
            stranger.throttle = nobody.throttle = owner.throttle = make_throttle(store)
        if number % 11 == 0:
            assert owner.guess(RIGHT) == 0
    assert seen[0] == seen[1]
    assert stranger.hashed == nobody.hashed == STRANGERS_GUESSES
    assert seen[0].count(LONGEST_DELAY) > 50


def test_an_unknown_name_is_counted_in_any_process_under_a_key_of_the_database(
    throttle: Throttle, make_throttle: MakeThrottle, store: MemoryUsers, tmp_path: Path, clock: Any
) -> None:
    there = make_throttle(store)
    for _ in range(5):
        Person(throttle, None, "nobody").guess()
    assert Person(there, None, "nobody").guess() == 1
    assert throttle.pseudonym("nobody") == there.pseudonym("nobody")
    other = Throttle(GuessRecords(tmp_path / "other.db", clock), store, clock, 1)
    assert other.pseudonym("nobody") != throttle.pseudonym("nobody")


def test_pseudonyms_and_buckets_of_names_are_those_of_every_version(
    throttle: Throttle, tmp_path: Path
) -> None:
    def keyed(message: bytes) -> bytes:
        return hmac.digest(throttle.guesses.key, message, "sha256")

    assert throttle.pseudonym("nobody") == keyed(b"pseudonym\0nobody").hex()[:16]
    Person(throttle, None, "nobody").guess()
    with closing(sqlite3.connect(tmp_path / "throttle.db")) as database:
        rows = database.execute("SELECT subject FROM lanes").fetchall()
    assert rows == [(str(int.from_bytes(keyed(b"bucket\0nobody")[:2])),)]


def test_a_pseudonym_is_sixteen_characters_and_has_nothing_of_the_name(throttle: Throttle) -> None:
    for name in ("nobody", "", "\0", "\ud800", "é" * 9000):
        pseudonym = throttle.pseudonym(name)
        assert len(pseudonym) == 16
        assert int(pseudonym, 16) >= 0
        assert pseudonym != throttle.pseudonym(name + "x")


def test_unknown_names_fill_no_more_than_their_buckets_and_no_name_is_kept(
    throttle: Throttle, tmp_path: Path
) -> None:
    for number in range(60):
        Person(throttle, None, f"a password typed into the wrong field {number}").guess()
    with closing(sqlite3.connect(tmp_path / "throttle.db")) as database:
        rows = database.execute("SELECT subject, generation, lane FROM lanes").fetchall()
    assert {(generation, lane) for _, generation, lane in rows} == {(0, "strangers")}
    assert all(0 <= int(subject) < 65_536 for subject, *_ in rows)
    for file in tmp_path.glob("throttle.db*"):
        assert b"password typed" not in file.read_bytes()


def test_a_name_that_is_registered_begins_at_zero(
    throttle: Throttle, nobody: Person, clock: Any
) -> None:
    nobody.insist(clock)
    assert Person(throttle, make_user("nobody"), "nobody").guess() == 0

"""How often the owner may guess, from known devices and in sessions."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from auth_service.guessing.devices import DEVICE_FAILURES, DEVICES_PER_USER, Devices
from auth_service.guessing.policies import LONGEST_DELAY, OWNERS_GUESSES, STRANGERS_GUESSES
from auth_service.guessing.throttle import Throttle
from auth_service.models import Account, User
from session_contract.cookies import DEVICE_SECONDS
from unit.auth_service.guessing.people import RIGHT, Person
from unit.made_users import make_user

# --- the owner


@pytest.mark.proves("V6.3.1")
def test_a_known_device_is_held_up_by_nothing_that_strangers_do(
    stranger: Person, owner: Person, clock: Any
) -> None:
    for _ in range(6):
        stranger.guess()
    assert (stranger.guess(RIGHT), owner.guess(RIGHT)) == (1, 0)
    stranger.insist(clock)
    assert (stranger.guess(RIGHT), owner.guess(RIGHT)) == (LONGEST_DELAY, 0)
    assert stranger.guess(RIGHT) == LONGEST_DELAY, "nor does the owner open the door for strangers"


@pytest.mark.proves("NIST-3.2.2")
def test_at_most_a_hundred_wrong_passwords_in_a_row_are_hashed_over_all_counters(
    throttle: Throttle, alice: User, devices: Devices, stranger: Person, clock: Any
) -> None:
    stolen = [
        Person(throttle, alice, device=devices.remember(alice, "")) for _ in range(DEVICES_PER_USER)
    ]
    for _ in range(3):
        for thief in stolen:
            thief.insist(clock)
        while stranger.again() == 0:
            pass
        stranger.insist(clock)
    hashed = stranger.hashed + sum(thief.hashed for thief in stolen)
    assert hashed == STRANGERS_GUESSES + OWNERS_GUESSES == 100


def test_ten_failures_of_its_own_revoke_a_device_and_no_other(
    throttle: Throttle, alice: User, devices: Devices, stranger: Person, owner: Person, clock: Any
) -> None:
    other = Person(throttle, alice, device=devices.remember(alice, ""))
    stranger.insist(clock)
    owner.fails(DEVICE_FAILURES)
    assert owner.guess(RIGHT) == LONGEST_DELAY, "it is a stranger's now"
    assert other.guess(RIGHT) == 0
    assert devices.remember(alice, owner.device) != owner.device


def test_a_devices_success_clears_its_own_and_the_owners_failures_only(
    throttle: Throttle, alice: User, devices: Devices, stranger: Person, owner: Person, clock: Any
) -> None:
    for _ in range(12):
        owner.fails(DEVICE_FAILURES - 1)
        assert owner.guess(RIGHT) == 0
    stranger.fails(5)
    assert owner.guess(RIGHT) == 0
    assert stranger.guess() == 1


@pytest.mark.proves("V2.3.2")
def test_in_sessions_twenty_may_fail_in_a_row_and_then_none(
    throttle: Throttle, stranger: Person, owner: Person, clock: Any
) -> None:
    stranger.insist(clock)
    assert [owner.again() for _ in range(OWNERS_GUESSES)] == [0] * 20
    assert (owner.again(), owner.again(RIGHT)) == (LONGEST_DELAY, LONGEST_DELAY)
    assert owner.guess(RIGHT) == LONGEST_DELAY, "a device shares the twenty"


def test_a_right_password_gives_the_owner_the_twenty_back(stranger: Person, owner: Person) -> None:
    for _ in range(2):
        assert [owner.again() for _ in range(OWNERS_GUESSES - 1)] == [0] * 19
        assert owner.again(RIGHT) == 0
    for _ in range(OWNERS_GUESSES):
        owner.again()
    assert stranger.guess(RIGHT) == 0
    assert (owner.again(), owner.guess(RIGHT)) == (0, 0)


def test_anything_but_a_token_that_was_handed_out_is_a_strangers(
    stranger: Person, owner: Person, devices: Devices, clock: Any
) -> None:
    stranger.insist(clock)
    token = owner.device
    for spoiled in (
        *("", token[:-1], f"{token}A", token.swapcase(), f"{token}.", f"{token} ", f"{token}\n"),
        *(".".join([token] * 5), "\ud800" * 43, "A" * 15_000),
        devices.remember(make_user("Bob"), ""),
    ):
        owner.device = spoiled
        assert owner.guess(RIGHT) == LONGEST_DELAY


def test_one_of_four_tokens_is_enough_wherever_it_stands(
    stranger: Person, owner: Person, clock: Any
) -> None:
    stranger.insist(clock)
    token, others = owner.device, ["A" * 43, "B" * 43, "C" * 43]
    for place in range(4):
        owner.device = ".".join([*others[:place], token, *others[place:]])
        assert owner.guess(RIGHT) == 0


# --- devices


@pytest.mark.proves("V11.5.1")
def test_a_token_is_256_random_bits_and_only_its_hash_is_kept(
    devices: Devices, alice: User, tmp_path: Path
) -> None:
    tokens = {devices.remember(alice, "") for _ in range(DEVICES_PER_USER)}
    assert {len(token) for token in tokens} == {43}
    assert len(tokens) == DEVICES_PER_USER
    for file in tmp_path.glob("throttle.db*"):
        assert not [token for token in tokens if token.encode() in file.read_bytes()]


def test_a_program_that_keeps_no_token_drives_out_no_browser_that_comes_again(
    throttle: Throttle, devices: Devices, alice: User, clock: Any
) -> None:
    """It gets a new one at every sign-in, of which nineteen have room beside the browser's."""
    browser = devices.remember(alice, "")
    assert Person(throttle, alice, device=browser).guess(RIGHT) == 0
    for _ in range(2 * DEVICES_PER_USER):
        clock.now += 1
        devices.remember(alice, "")
    assert devices.remember(alice, browser) == browser


@pytest.mark.proves("V7.2.2")
def test_a_known_token_is_kept_and_a_foreign_one_is_never_adopted(
    devices: Devices, alice: User
) -> None:
    token = devices.remember(alice, "")
    assert devices.remember(alice, token) == token
    assert devices.remember(alice, f"{'A' * 43}.{token}") == token
    bobs = devices.remember(make_user("Bob"), token)
    assert bobs != token
    assert devices.remember(make_user("Bob"), f"{token}.{bobs}") == bobs
    assert devices.remember(alice, "A" * 43) not in ("A" * 43, token)


@pytest.mark.parametrize("spent", [DEVICE_SECONDS - 1, DEVICE_SECONDS])
def test_a_device_is_known_for_a_year_after_its_last_use(
    throttle: Throttle, devices: Devices, stranger: Person, owner: Person, clock: Any, spent: int
) -> None:
    stranger.insist(clock)
    assert owner.user
    devices.remember(owner.user, owner.device)
    clock.now += spent - 10
    stranger.guess()  # clears away what is old by now, for the next hour
    clock.now += 10
    assert (owner.guess(RIGHT) == 0) is (spent < DEVICE_SECONDS)


@pytest.mark.proves("V2.3.2")
def test_past_twenty_devices_the_least_recently_used_one_goes(
    throttle: Throttle, devices: Devices, alice: User, clock: Any
) -> None:
    tokens = []
    for _ in range(DEVICES_PER_USER):
        clock.now += 1
        tokens.append(devices.remember(alice, ""))
    clock.now += 1
    devices.remember(alice, tokens[0])
    tokens.append(devices.remember(alice, ""))
    kept = [
        devices.remember(alice, token) == token for token in (tokens[0], tokens[-1], *tokens[2:5])
    ]
    assert kept == [True] * 5
    assert devices.remember(alice, tokens[1]) != tokens[1]


@pytest.mark.proves("V6.3.1")
def test_the_next_generation_begins_at_zero_and_knows_no_device(
    throttle: Throttle, devices: Devices, alice: User, stranger: Person, owner: Person, clock: Any
) -> None:
    stranger.insist(clock)
    changed = dataclasses.replace(alice, generation=2)
    renewed = Person(throttle, changed)
    renewed.fails(5)
    renewed.device = owner.device
    assert renewed.guess(RIGHT) == 1
    assert devices.remember(changed, owner.device) != owner.device
    assert stranger.guess() == LONGEST_DELAY, "who still has the old record gains nothing"


def test_unlocking_sets_the_counts_to_zero_and_keeps_the_devices(
    throttle: Throttle, alice: User, devices: Devices, stranger: Person, owner: Person, clock: Any
) -> None:
    stranger.insist(clock)
    while owner.again() == 0:
        pass
    revoked = devices.remember(alice, "")
    throttle.guesses.reset(Account.of(alice))
    for _ in range(DEVICE_FAILURES):
        Person(throttle, alice, device=revoked).guess()
    throttle.guesses.reset(Account.of(alice))
    assert devices.remember(alice, revoked) != revoked
    assert (stranger.guess(), owner.again()) == (0, 0)
    assert devices.remember(alice, owner.device) == owner.device
    assert stranger.insist(clock) == STRANGERS_GUESSES - 1

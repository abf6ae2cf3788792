"""What operators are told about the guesses at an account."""

import math
from dataclasses import replace
from typing import Any

from auth_service.guessing.devices import Devices, hash_of
from auth_service.guessing.standing import KnownDevice, Standing, standing
from auth_service.guessing.throttle import Throttle
from auth_service.models import Account, User
from session_contract.cookies import DEVICE_SECONDS
from unit.auth_service.guessing.people import RIGHT, Person


def look(throttle: Throttle, user: User, clock: Any) -> Standing:
    return standing(throttle.guesses.counters(Account.of(user)), clock.now)


UNTOUCHED = Standing(0, 0.0, 0, known_devices_closed=False, devices=[])


def test_an_account_at_which_nobody_guessed_is_open(
    throttle: Throttle, alice: User, clock: Any
) -> None:
    assert look(throttle, alice, clock) == UNTOUCHED


def test_the_wait_that_is_told_is_the_one_that_a_stranger_gets(
    throttle: Throttle, alice: User, stranger: Person, clock: Any
) -> None:
    stranger.fails(4)
    assert look(throttle, alice, clock) == replace(UNTOUCHED, new_devices_failures=4)
    stranger.fails(1)
    assert look(throttle, alice, clock).new_devices_wait == stranger.guess() == 1
    clock.now += 1
    stranger.fails(1)
    clock.now += 0.5
    told = look(throttle, alice, clock)
    assert (told.new_devices_failures, told.new_devices_wait) == (6, 1.5)
    assert stranger.guess() == 2
    clock.now += 1.5
    assert look(throttle, alice, clock).new_devices_wait == 0
    assert stranger.guess(RIGHT) == 0
    assert look(throttle, alice, clock) == UNTOUCHED


def test_after_80_failures_new_devices_wait_for_ever(
    throttle: Throttle, alice: User, stranger: Person, clock: Any
) -> None:
    stranger.insist(clock)
    clock.now += 1_000_000
    told = look(throttle, alice, clock)
    assert (told.new_devices_failures, told.new_devices_wait) == (80, math.inf)


def test_after_20_failures_of_the_owner_known_devices_are_closed(
    throttle: Throttle, alice: User, owner: Person, clock: Any
) -> None:
    assert [owner.again() for _ in range(19)] == [0] * 19
    assert not look(throttle, alice, clock).known_devices_closed
    assert owner.again() == 0
    told = look(throttle, alice, clock)
    assert (told.known_devices_failures, told.known_devices_closed) == (20, True)


def test_devices_come_with_the_last_used_first_until_they_are_forgotten(
    throttle: Throttle, alice: User, devices: Devices, clock: Any
) -> None:
    began = clock.now
    first = devices.remember(alice, "")
    clock.now += 60
    second = devices.remember(alice, "")
    told = look(throttle, alice, clock)
    expected = [
        KnownDevice(hash_of(second), began + 60, 0, is_trusted=True),
        KnownDevice(hash_of(first), began, 0, is_trusted=True),
    ]
    assert told.devices == expected
    clock.now = began + DEVICE_SECONDS
    assert look(throttle, alice, clock).devices == expected[:1]


def test_a_device_that_failed_ten_times_is_no_longer_trusted(
    throttle: Throttle, alice: User, owner: Person, clock: Any
) -> None:
    for failures in range(1, 11):
        owner.fails(1)
        (device,) = look(throttle, alice, clock).devices
        assert (device.failures, device.is_trusted) == (failures, failures < 10)

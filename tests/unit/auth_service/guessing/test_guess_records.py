"""Reserved guesses that are given back: exactly those, in exactly their counters."""

from pathlib import Path
from typing import Any

import pytest

from auth_service.models import OWNER, STRANGERS, Account, GuessCounters, Reservation
from auth_service.storage.sql.guesses import GuessRecords

SOMEBODY, ANOTHER = Account("somebody", 1), Account("another", 1)
DEVICE = "the hash of a device's token"


@pytest.fixture
def records(tmp_path: Path, clock: Any) -> GuessRecords:
    return GuessRecords(tmp_path / "throttle.db", clock)


def reserve(records: GuessRecords, *names: str, account: Account = SOMEBODY) -> Reservation:
    with records.open_account(account) as opened:
        return opened.reserve(names)


def look(records: GuessRecords, account: Account = SOMEBODY) -> GuessCounters:
    with records.open_account(account) as opened:
        return opened.counters


def failures(records: GuessRecords, account: Account = SOMEBODY) -> dict[str, int]:
    return {name: counter.failures for name, counter in look(records, account).items()}


def test_one_guess_is_given_back_and_the_others_go_on_counting(records: GuessRecords) -> None:
    reserve(records, STRANGERS)
    reserve(records, OWNER, account=ANOTHER)
    reservations = [reserve(records, OWNER, DEVICE) for _ in range(4)]
    records.give_back(reservations[1])
    assert failures(records) == {STRANGERS: 1, OWNER: 3, DEVICE: 3}
    records.give_back(reservations[3])
    assert failures(records) == {STRANGERS: 1, OWNER: 2, DEVICE: 2}
    assert failures(records, ANOTHER) == {OWNER: 1}


def test_what_a_right_guess_has_cleared_is_not_given_back_once_more(records: GuessRecords) -> None:
    shed, right = reserve(records, STRANGERS), reserve(records, STRANGERS)
    records.clear(right)
    reserve(records, STRANGERS)
    records.give_back(shed)
    assert failures(records) == {STRANGERS: 1}


def test_what_was_shed_right_after_a_success_is_given_back(records: GuessRecords) -> None:
    records.clear(reserve(records, STRANGERS))
    records.give_back(reserve(records, STRANGERS))
    assert failures(records) == {STRANGERS: 0}


def test_a_device_is_purged_when_it_was_last_used_at_the_given_time(
    records: GuessRecords, clock: Any
) -> None:
    reserve(records, STRANGERS, DEVICE)
    records.purge([], unused_since=clock.now - 0.001)
    assert failures(records) == {STRANGERS: 1, DEVICE: 1}
    records.purge([], unused_since=clock.now)
    assert failures(records) == {STRANGERS: 1}


def test_a_delay_that_a_later_guess_has_begun_goes_on(records: GuessRecords, clock: Any) -> None:
    reserve(records, STRANGERS)
    clock.now += 60
    shed = reserve(records, STRANGERS)
    clock.now += 60
    reserve(records, STRANGERS)
    records.give_back(shed)
    assert look(records)[STRANGERS].used_at == clock.now
    assert failures(records) == {STRANGERS: 2}


def test_a_strangers_right_guess_clears_the_owners_earlier_failures_only(
    records: GuessRecords,
) -> None:
    for _ in range(3):
        reserve(records, OWNER, DEVICE)
    right = reserve(records, STRANGERS)
    reserve(records, OWNER, DEVICE)
    records.clear(right)
    assert failures(records) == {OWNER: 1, STRANGERS: 0, DEVICE: 4}

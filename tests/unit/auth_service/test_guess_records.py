"""Reserved guesses that are given back: exactly those, in exactly their counters."""

from pathlib import Path

import pytest

from auth_service.models import OWNER, STRANGERS, Account, GuessCounters, Reservation
from auth_service.storage.sql.guesses import GuessRecords

SOMEBODY, ANOTHER = Account("somebody", 1), Account("another", 1)
DEVICE = "the hash of a device's token"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(tmp_path: Path, clock: Clock) -> GuessRecords:
    return GuessRecords(tmp_path / "throttle.db", clock)


def reserve(records: GuessRecords, *names: str, account: Account = SOMEBODY) -> Reservation:
    with records.open_account(account) as opened:
        return opened.reserve(names)


def look(records: GuessRecords, account: Account = SOMEBODY) -> GuessCounters:
    with records.open_account(account) as opened:
        return opened.counters


def failures(records: GuessRecords, account: Account = SOMEBODY) -> dict[str, int]:
    return {name: counter.failures for name, counter in look(records, account).items()}


def test_the_first_guess_of_all_can_be_given_back(records: GuessRecords) -> None:
    records.give_back(reserve(records, STRANGERS))
    assert failures(records) == {STRANGERS: 0}


def test_one_guess_is_given_back_and_the_others_go_on_counting(records: GuessRecords) -> None:
    reservations = [reserve(records, OWNER, DEVICE) for _ in range(4)]
    records.give_back(reservations[1])
    assert failures(records) == {OWNER: 3, DEVICE: 3}
    records.give_back(reservations[3])
    assert failures(records) == {OWNER: 2, DEVICE: 2}


def test_counters_and_accounts_that_it_was_not_counted_in_stay(records: GuessRecords) -> None:
    for account in (SOMEBODY, ANOTHER):
        for _ in range(3):
            reserve(records, STRANGERS, account=account)
    records.give_back(reserve(records, OWNER, DEVICE))
    assert failures(records) == {STRANGERS: 3, OWNER: 0, DEVICE: 0}
    assert failures(records, ANOTHER) == {STRANGERS: 3}


def test_what_a_right_guess_has_cleared_is_not_given_back_once_more(records: GuessRecords) -> None:
    shed, right = reserve(records, STRANGERS), reserve(records, STRANGERS)
    records.clear(right)
    reserve(records, STRANGERS)
    records.give_back(shed)
    assert failures(records) == {STRANGERS: 1}


def test_a_delay_that_a_later_guess_has_begun_goes_on(records: GuessRecords, clock: Clock) -> None:
    reserve(records, STRANGERS)
    clock.now += 60
    shed = reserve(records, STRANGERS)
    clock.now += 60
    reserve(records, STRANGERS)
    records.give_back(shed)
    assert look(records)[STRANGERS].used_at == 1120.0
    assert failures(records) == {STRANGERS: 2}


def test_the_counter_was_last_used_when_it_was_before(records: GuessRecords, clock: Clock) -> None:
    reserve(records, STRANGERS)
    clock.now += 60
    records.give_back(reserve(records, STRANGERS))
    assert look(records)[STRANGERS].used_at == 1000.0


def test_a_strangers_right_guess_clears_the_owners_earlier_failures_only(
    records: GuessRecords,
) -> None:
    for _ in range(3):
        reserve(records, OWNER, DEVICE)
    right = reserve(records, STRANGERS)
    reserve(records, OWNER, DEVICE)
    records.clear(right)
    assert failures(records) == {OWNER: 1, STRANGERS: 0, DEVICE: 4}

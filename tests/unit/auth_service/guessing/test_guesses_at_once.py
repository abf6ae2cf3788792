"""Guesses at the same time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytest

from auth_service.errors import Busy, InvalidCredentials, TooManyAttempts, Unavailable
from auth_service.guessing.devices import Devices
from auth_service.guessing.policies import OWNERS_GUESSES
from auth_service.guessing.throttle import GUESSES_AT_ONCE, Throttle
from auth_service.models import User
from unit.auth_service.guessing.people import RIGHT, Person
from unit.auth_service.memory_users import MemoryUsers

MakeThrottle = Callable[..., Throttle]


class Hash:
    """A hash that takes until the gate is opened, and says when it begins."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Semaphore(0), threading.Event()

    def run(
        self, throttle: Throttle, user: User, outcome: Exception | None, device: str = ""
    ) -> str:
        """Guess; return what came of it."""
        try:
            with throttle.guess(user, "alice", device):
                self.begun.release()
                assert self.gate.wait(30)
                if outcome:
                    raise outcome
        except (InvalidCredentials, TooManyAttempts, Busy) as error:
            return type(error).__name__
        return "right"


@pytest.fixture
def slow() -> Iterator[Hash]:
    made = Hash()
    yield made
    made.gate.set()


@pytest.mark.proves("V6.3.1", "V2.4.1")
def test_of_200_wrong_guesses_at_once_five_are_hashed(
    throttle: Throttle, alice: User, slow: Hash
) -> None:
    with ThreadPoolExecutor(200) as pool:
        guesses = [pool.submit(slow.run, throttle, alice, InvalidCredentials()) for _ in range(200)]
        for _ in range(5):
            assert slow.begun.acquire(timeout=30)
        assert not slow.begun.acquire(timeout=0.2)
        slow.gate.set()
        outcomes = [guess.result() for guess in guesses]
    assert outcomes.count("InvalidCredentials") == 5
    assert outcomes.count("TooManyAttempts") + outcomes.count("Busy") == 195
    assert outcomes.count("TooManyAttempts") >= 1


def test_a_right_sign_in_behind_wrong_ones_is_told_to_wait_when_they_have_failed(
    throttle: Throttle, alice: User, slow: Hash
) -> None:
    with ThreadPoolExecutor(6) as pool:
        wrong = [pool.submit(slow.run, throttle, alice, InvalidCredentials()) for _ in range(5)]
        for _ in range(5):
            assert slow.begun.acquire(timeout=30)
        right = pool.submit(slow.run, throttle, alice, None)
        with pytest.raises(TimeoutError):
            right.result(0.05)
        slow.gate.set()
        assert {guess.result() for guess in wrong} == {"InvalidCredentials"}
        assert right.result() == "TooManyAttempts"


def test_who_waits_for_others_of_the_account_for_too_long_is_sent_away_as_too_busy(
    make_throttle: MakeThrottle, store: MemoryUsers, alice: User, slow: Hash
) -> None:
    throttle = make_throttle(store, wait_seconds=0.01)
    with ThreadPoolExecutor(5) as pool:
        five = [pool.submit(slow.run, throttle, alice, None) for _ in range(5)]
        for _ in range(5):
            assert slow.begun.acquire(timeout=30)
        with (
            pytest.raises(Busy, match="others of the same account") as caught,
            throttle.guess(alice, "alice", ""),
        ):
            pass
        assert caught.value.retry_after == 2
        slow.gate.set()
        assert {guess.result() for guess in five} == {"right"}


def test_past_32_guesses_at_once_the_next_is_told_to_come_back(
    throttle: Throttle, alice: User
) -> None:
    with ExitStack() as guesses:
        for number in range(GUESSES_AT_ONCE):
            guesses.enter_context(throttle.guess(None, f"name {number}", ""))
        with pytest.raises(Busy, match="too many passwords") as caught:
            guesses.enter_context(throttle.guess(alice, "alice", ""))
    assert (GUESSES_AT_ONCE, caught.value.retry_after) == (32, 2)
    with throttle.guess(alice, "alice", ""):
        pass


def test_those_who_have_waited_leave_their_places_to_others(
    throttle: Throttle, alice: User
) -> None:
    for _ in range(2):
        hash_ = Hash()
        with ThreadPoolExecutor(40) as pool:
            guesses = [pool.submit(hash_.run, throttle, alice, None) for _ in range(40)]
            try:
                list(islice(as_completed(guesses, timeout=30), 40 - GUESSES_AT_ONCE))
            finally:
                hash_.gate.set()
            outcomes = [guess.result() for guess in guesses]
        assert (outcomes.count("right"), outcomes.count("Busy")) == (
            GUESSES_AT_ONCE,
            40 - GUESSES_AT_ONCE,
        )


def test_who_waits_does_so_until_the_last_of_those_before_has_ended(
    throttle: Throttle, alice: User
) -> None:
    *wrong, right, last = hashes = [Hash() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        try:
            failing = [
                pool.submit(hash_.run, throttle, alice, InvalidCredentials()) for hash_ in wrong
            ]
            assert all(hash_.begun.acquire(timeout=30) for hash_ in wrong)
            succeeding = pool.submit(right.run, throttle, alice, None)
            assert right.begun.acquire(timeout=30)
            waiting = pool.submit(last.run, throttle, alice, None)
            for hash_, guess in zip(wrong, failing, strict=True):
                with pytest.raises(TimeoutError):
                    waiting.result(0.02)
                hash_.gate.set()
                assert guess.result(30) == "InvalidCredentials"
        finally:
            for hash_ in hashes:
                hash_.gate.set()
        assert (succeeding.result(30), waiting.result(30)) == ("right", "right")


def test_a_guess_that_was_shed_is_as_if_it_had_never_been_made(
    throttle: Throttle, alice: User, devices: Devices, stranger: Person, owner: Person, clock: Any
) -> None:
    for _ in range(9):
        clock.now += stranger.guess()
    clock.now += 2**5
    for person in (stranger, owner):
        for _ in range(12):
            with pytest.raises(Busy), throttle.guess(alice, "alice", person.device):
                raise Busy("full")
    for _ in range(OWNERS_GUESSES + 1):
        with pytest.raises(Busy), throttle.owner_guess(alice):
            raise Busy("full")
    assert (stranger.guess(RIGHT), owner.guess(RIGHT), owner.again(RIGHT)) == (0, 0, 0)


def test_a_success_clears_nothing_that_came_while_it_was_hashed(
    throttle: Throttle, alice: User, stranger: Person
) -> None:
    stranger.guess()
    with throttle.guess(alice, "alice", ""):
        stranger.guess()
        stranger.guess()
    stranger.fails(3)
    assert stranger.guess() == 1, "two and three are five"


def test_successes_that_end_in_another_order_clear_what_came_before_the_last_of_them(
    throttle: Throttle, alice: User, stranger: Person
) -> None:
    with throttle.guess(alice, "alice", ""):
        stranger.guess()
        assert stranger.guess(RIGHT) == 0
    stranger.fails(5)
    assert stranger.guess() == 1


def test_giving_back_after_a_success_takes_nothing_from_the_next_row(
    throttle: Throttle, alice: User, stranger: Person
) -> None:
    shed = throttle.guess(alice, "alice", "")
    shed.__enter__()
    stranger.guess(RIGHT)
    shed.__exit__(Busy, Busy("full"), None)
    stranger.fails(5)
    assert stranger.guess() == 1


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), InvalidCredentials(), Unavailable("disk")]
)
def test_a_guess_whose_end_nobody_learns_counts_as_failed(
    throttle: Throttle, alice: User, stranger: Person, error: BaseException
) -> None:
    for _ in range(5):
        with pytest.raises(type(error)), throttle.guess(alice, "alice", ""):
            raise error
    assert stranger.guess() == 1

"""How often a password may be guessed: by strangers, from known devices, in sessions."""

import dataclasses
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Busy, InvalidCredentials, TooManyAttempts, Unavailable
from auth_service.guessing.devices import DEVICE_FAILURES, DEVICES_PER_USER, Devices
from auth_service.guessing.policies import LONGEST_DELAY, OWNERS_GUESSES, STRANGERS_GUESSES
from auth_service.guessing.throttle import (
    GUESSES_AT_ONCE,
    PURGE_SECONDS,
    RETRY_SECONDS,
    Throttle,
)
from auth_service.models import Account, User
from auth_service.storage.sql.guesses import GuessRecords
from session_contract.cookies import DEVICE_SECONDS
from session_contract.startup import StartupError
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

RIGHT, WRONG = True, False
MakeThrottle = Callable[..., Throttle]


class Person:
    """Somebody who guesses: a stranger or, with a token, a device; at a known name or not."""

    def __init__(
        self, throttle: Throttle, user: User | None, name: str = "alice", device: str = ""
    ) -> None:
        self.throttle, self.user, self.name, self.device = throttle, user, name, device
        self.hashed = 0

    def guess(self, right: bool = WRONG) -> int:
        """Guess once; return 0 if the password was hashed, otherwise for how long to wait."""
        return self._enter(self.throttle.guess(self.user, self.name, self.device), right)

    def again(self, right: bool = WRONG) -> int:
        """Guess in the user's own session; return as `guess`."""
        assert self.user
        return self._enter(self.throttle.owner_guess(self.user), right)

    def _enter(self, guess: AbstractContextManager[None], right: bool) -> int:
        try:
            with guess:
                self.hashed += 1
                if not right:
                    raise InvalidCredentials
        except InvalidCredentials:
            pass
        except TooManyAttempts as error:
            return error.retry_after
        return 0

    def fails(self, times: int) -> None:
        """Guess wrongly that often, each guess being hashed."""
        assert [self.guess() for _ in range(times)] == [0] * times

    def insist(self, clock: Any, times: int = 1000) -> int:
        """Guess as soon as it is allowed, until waiting is useless; return how many were hashed."""
        before, useless = self.hashed, 0
        while useless < 2 and self.hashed - before < times:
            wait = self.guess()
            clock.now += wait
            useless = useless + 1 if wait else 0
        return self.hashed - before


@pytest.fixture
def store() -> MemoryUsers:
    return MemoryUsers()


@pytest.fixture
def alice(store: MemoryUsers) -> User:
    user = make_user("Alice")
    store.add(user)
    return user


@pytest.fixture
def throttle(make_throttle: MakeThrottle, store: MemoryUsers) -> Throttle:
    return make_throttle(store)


@pytest.fixture
def devices(throttle: Throttle) -> Devices:
    return Devices(throttle.guesses)


@pytest.fixture
def stranger(throttle: Throttle, alice: User) -> Person:
    return Person(throttle, alice)


@pytest.fixture
def owner(throttle: Throttle, alice: User, devices: Devices) -> Person:
    """Alice, at a browser that she has used before."""
    return Person(throttle, alice, device=devices.remember(alice, ""))


@pytest.fixture
def nobody(throttle: Throttle) -> Person:
    """Somebody who guesses at a name that is not there."""
    return Person(throttle, None, "nobody")


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
def test_no_more_than_a_hundred_wrong_passwords_in_a_row_are_hashed_over_all_counters(
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


# --- at the same time


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
        with pytest.raises(Busy) as caught, throttle.guess(alice, "alice", ""):
            pass
        assert caught.value.retry_after == RETRY_SECONDS
        slow.gate.set()
        assert {guess.result() for guess in five} == {"right"}


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
    clock.now += PURGE_SECONDS - 1
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

"""Hashing: the right answers, for every string, and never more at once than there are slots."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import bcrypt
import pytest
from flask import Flask
from flask_bcrypt import Bcrypt

from auth_service.accounts.hashing import PasswordHasher
from auth_service.errors import Busy
from auth_service.models import PasswordScheme

GOOD = "a quiet harbour at dawn"
SCHEMES: list[PasswordScheme] = ["bcrypt-sha256", "bcrypt", "unknown"]


def real_bcrypt() -> Bcrypt:
    app = Flask(__name__)
    app.config["BCRYPT_HANDLE_LONG_PASSWORDS"] = True
    return Bcrypt(app)


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(real_bcrypt(), 4, waiting=40)


class FakeBcrypt:
    """Hashes when the gate is open; counts how many do so at once."""

    def __init__(self) -> None:
        self.gate, self.started = threading.Event(), threading.Semaphore(0)
        self.running, self.most = 0, 0
        self.order: list[bytes] = []
        self.checked: list[str] = []
        self._lock = threading.Lock()

    def generate_password_hash(self, password: bytes, rounds: int) -> bytes:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.order.append(password)
        self.started.release()
        assert self.gate.wait(30)
        with self._lock:
            self.running -= 1
        return b"$2b$04$hash of " + password

    def check_password_hash(self, password_hash: str, password: bytes) -> bool:
        self.checked.append(password_hash)
        return self.generate_password_hash(password, 4).decode() == password_hash


MakeHasher = Callable[..., PasswordHasher]


@pytest.fixture
def fake() -> FakeBcrypt:
    return FakeBcrypt()


@pytest.fixture
def make_hasher(fake: FakeBcrypt) -> MakeHasher:
    def make(**changes: Any) -> PasswordHasher:
        arguments = {"rounds": 4, "slots": 1, "waiting": 10, "wait_seconds": 30, **changes}
        return PasswordHasher(fake, **arguments)  # type: ignore[arg-type]

    return make


# --- the answers


@pytest.mark.proves("NIST-3.1.1.2-whole", "V6.2.8")
@pytest.mark.parametrize(
    "password",
    [
        *(GOOD, " ", "\0", "a quiet\0harbour", "x" * 1024, "é" * 512, "x" * 71 + "y"),
        *("x" * 1_000_000, "\ud800 half a character", "🦆" * 20),
    ],
    ids=lambda password: repr(password[:20]),
)
def test_a_password_matches_its_hash_and_nothing_near_it_does(
    hasher: PasswordHasher, password: str
) -> None:
    password_hash = hasher.hash(password)
    assert hasher.check(password_hash, password)
    for other in (
        *(password + "x", password[:-1], password[:-1] + "z", password[:72] + "?"),
        *(password[:72], password.swapcase() + ".", "", "\0"),
    ):
        assert other == password or not hasher.check(password_hash, other)


@pytest.mark.proves("NIST-3.1.1.2-unicode")
def test_spellings_of_one_text_match_one_hash(hasher: PasswordHasher) -> None:
    assert hasher.check(hasher.hash("caf\u00e9 au lait"), "cafe\u0301\u00a0au lait")


@pytest.mark.proves("NIST-3.1.1.2-storage", "V11.4.2")
def test_a_hash_is_salted_and_of_the_cost_that_was_set(hasher: PasswordHasher) -> None:
    first, second = hasher.hash(GOOD), hasher.hash(GOOD)
    assert first != second
    assert first.startswith("$2b$04$")
    assert len(first) == 60
    assert not bcrypt.checkpw(GOOD.encode(), first.encode()), "it is over all bytes, not over 72"


def test_a_hash_of_a_lower_cost_or_of_another_scheme_is_outdated(hasher: PasswordHasher) -> None:
    for cost, outdated in (("03", True), ("04", False), ("12", False)):
        assert hasher.is_outdated(f"$2b${cost}$" + "." * 53) is outdated
    for scheme in SCHEMES[1:]:
        assert hasher.is_outdated("$2b$12$" + "." * 53, scheme)


def test_a_password_is_exchanged_for_a_hash_of_the_new_one_only_where_it_is_right(
    hasher: PasswordHasher,
) -> None:
    old = hasher.hash(GOOD)
    new = hasher.exchange(old, GOOD, "another fine evening")
    assert new
    assert hasher.check(new, "another fine evening")
    assert not hasher.check(new, GOOD)
    for wrong in ("", "wrong", GOOD + " ", "another fine evening", "\ud800"):
        assert hasher.exchange(old, wrong, "another fine evening") is None


def test_an_exchange_waits_in_line_once_and_a_wrong_password_costs_but_one_hash(
    make_hasher: MakeHasher, fake: FakeBcrypt
) -> None:
    hasher = make_hasher(slots=1)
    with ThreadPoolExecutor(2) as pool:
        exchanged = pool.submit(hasher.exchange, "$2b$04$hash of old", "old", "new")
        assert fake.started.acquire(timeout=30)
        hashed = pool.submit(hasher.hash, "another's")
        fake.gate.set()
        assert exchanged.result(30) == "$2b$04$hash of new"
        assert hashed.result(30) == "$2b$04$hash of another's"
    assert fake.order == [b"old", b"new", b"another's"]
    assert hasher.exchange("$2b$04$hash of old", "wrong", "new") is None
    assert fake.order[3:] == [b"wrong"]


def test_an_unknown_name_costs_the_work_of_a_known_one_and_never_matches(
    make_hasher: MakeHasher, fake: FakeBcrypt
) -> None:
    fake.gate.set()
    hasher = make_hasher()
    assert hasher.check("$2b$04$hash of " + GOOD, GOOD)
    assert not hasher.check(None, GOOD)
    known, unknown = fake.checked
    assert unknown.startswith("$2b$04$"), "as costly as a new hash"
    assert (len(unknown), unknown != known, len(fake.order)) == (60, True, 2)


def test_even_a_match_with_nobodys_hash_lets_nobody_in(
    fake: FakeBcrypt, make_hasher: MakeHasher
) -> None:
    fake.check_password_hash = lambda *_: True  # type: ignore[method-assign]
    assert not make_hasher().check(None, GOOD)


# --- hashes made elsewhere


def plain_hash(password: bytes, cost: int = 4, version: bytes = b"$2y$") -> str:
    """Return what `htpasswd -nbB` makes: bcrypt of the password itself."""
    made = bcrypt.hashpw(password, bcrypt.gensalt(cost))
    return made.replace(b"$2b$", version).decode()


@pytest.mark.parametrize("scheme", ["bcrypt", "unknown"])
def test_a_plain_bcrypt_hash_opens_with_its_password(
    hasher: PasswordHasher, scheme: PasswordScheme
) -> None:
    for version in (b"$2a$", b"$2b$", b"$2y$"):
        password_hash = plain_hash(GOOD.encode(), version=version)
        assert hasher.check(password_hash, GOOD, scheme)
        for wrong in (GOOD + "x", GOOD[:-1], "", "\0", "x" * 1000):
            assert not hasher.check(password_hash, wrong, scheme)
        assert not hasher.check(password_hash, GOOD), "as ours it is another hash"


@pytest.mark.parametrize("scheme", ["bcrypt", "unknown"])
def test_of_a_plain_hash_no_password_beyond_72_bytes_is_taken(
    hasher: PasswordHasher, scheme: PasswordScheme
) -> None:
    password_hash = plain_hash(b"x" * 72)
    assert hasher.check(password_hash, "x" * 72, scheme)
    assert not hasher.check(password_hash, "x" * 73, scheme), "bcrypt would cut it"


def test_a_hash_of_unknown_scheme_may_be_ours(hasher: PasswordHasher) -> None:
    password_hash = hasher.hash(GOOD)
    assert hasher.check(password_hash, GOOD, "unknown")
    assert not hasher.check(password_hash, GOOD, "bcrypt")
    assert not hasher.check(password_hash, GOOD + "x", "unknown")


def test_a_plain_hash_is_exchanged_for_one_of_ours(hasher: PasswordHasher) -> None:
    old = plain_hash(GOOD.encode())
    for scheme in SCHEMES[1:]:
        new = hasher.exchange(old, GOOD, "another fine evening", scheme)
        assert new
        assert hasher.check(new, "another fine evening")
        assert hasher.exchange(old, "wrong", "another fine evening", scheme) is None


@pytest.mark.parametrize(
    ("scheme", "cost", "work"),
    [
        ("bcrypt-sha256", 9, 2**9),
        ("bcrypt-sha256", 8, 2**9),
        ("bcrypt-sha256", 4, 2**9),
        ("bcrypt", 9, 2**9),
        ("bcrypt", 5, 2**9),
        ("unknown", 8, 2**9),
        ("unknown", 5, 2**9),
        ("unknown", 9, 2**10),  # two hashes of the full cost: documented
    ],
)
@pytest.mark.parametrize("password", ["wrong", "x" * 100])
def test_every_scheme_takes_the_same_work(
    monkeypatch: pytest.MonkeyPatch, scheme: PasswordScheme, cost: int, work: int, password: str
) -> None:
    spent: list[int] = []

    def count(_password: bytes, salt: bytes) -> bytes:
        spent.append(2 ** int(salt.split(b"$")[2]))
        return b""

    monkeypatch.setattr(bcrypt, "hashpw", count)
    monkeypatch.setattr(bcrypt, "checkpw", lambda *arguments: bool(count(*arguments)))
    hasher = PasswordHasher(real_bcrypt(), 9, waiting=1)
    hasher.check(f"$2b${cost:02}$" + "." * 53, password, scheme)
    assert sum(spent) == work


# --- the queue


def hash_in_threads(
    pool: ThreadPoolExecutor, hasher: PasswordHasher, count: int
) -> list[Future[str]]:
    return [pool.submit(hasher.hash, f"password {number}") for number in range(count)]


@pytest.mark.proves("V15.2.2")
@pytest.mark.parametrize("slots", [1, 2, 3])
def test_no_more_are_hashed_at_once_than_there_are_slots(
    make_hasher: MakeHasher, fake: FakeBcrypt, slots: int
) -> None:
    hasher = make_hasher(slots=slots)
    with ThreadPoolExecutor(10) as pool:
        hashes = hash_in_threads(pool, hasher, 10)
        for _ in range(slots):
            assert fake.started.acquire(timeout=30)
        assert not fake.started.acquire(timeout=0.01)
        fake.gate.set()
        assert len({future.result() for future in hashes}) == 10
    assert fake.most == slots


def test_who_comes_first_is_hashed_first(make_hasher: MakeHasher, fake: FakeBcrypt) -> None:
    hasher = make_hasher()
    with ThreadPoolExecutor(6) as pool:
        hashes = []
        for number in range(6):
            hashes.append(pool.submit(hasher.hash, f"password {number}"))
            time.sleep(0.01)  # there is no outer sign of one that waits
        fake.gate.set()
        for future in hashes:
            future.result()
    assert fake.order == [f"password {number}".encode() for number in range(6)]


def test_who_waits_for_too_long_is_sent_away_and_never_hashed(
    make_hasher: MakeHasher, fake: FakeBcrypt
) -> None:
    hasher = make_hasher(wait_seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hasher.hash, "first")
        assert fake.started.acquire(timeout=30)
        for _ in range(2):
            with pytest.raises(Busy) as caught:
                hasher.hash("second")
            assert caught.value.retry_after > 0
        fake.gate.set()
        assert first.result() == "$2b$04$hash of first", "who is being hashed already gets the hash"
    assert fake.order == [b"first"]


ENDING = """
import threading

from auth_service.errors import Busy
from unit.auth_service.test_hashing import GOOD, PasswordHasher, real_bcrypt

hasher = PasswordHasher(real_bcrypt(), 4, waiting=40)

def late():
    threading.main_thread().join()
    for _ in range(2):
        try:
            print(hasher.hash(GOOD))
        except Busy as error:
            print("sent away:", error.retry_after > 0)

threading.Thread(target=late).start()
"""


def test_who_comes_when_the_process_is_ending_is_sent_away() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDING],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout, ended.stderr) == ("sent away: True\n" * 2, "")


@pytest.mark.proves("V15.2.2")
@pytest.mark.parametrize(("slots", "limit"), [(1, 0), (1, 3), (2, 4)])
def test_who_comes_when_the_queue_is_full_is_sent_away_at_once(
    make_hasher: MakeHasher, fake: FakeBcrypt, slots: int, limit: int
) -> None:
    hasher = make_hasher(slots=slots, waiting=limit)
    refused = threading.Semaphore(0)

    def try_to_hash(number: int) -> bool:
        try:
            hasher.hash(f"password {number}")
        except Busy:
            refused.release()
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(try_to_hash, number) for number in range(12)]
        for _ in range(12 - slots - limit):
            assert refused.acquire(timeout=30)
        fake.gate.set()
        assert sum(future.result() for future in answers) == slots + limit
        assert hasher.hash("later") == "$2b$04$hash of later", "the queue is empty again"


def test_an_error_while_hashing_reaches_who_asked_and_frees_the_place(
    make_hasher: MakeHasher, fake: FakeBcrypt
) -> None:
    hasher = make_hasher(waiting=0)
    failures = itertools.count()

    def fail(*_arguments: object) -> bool:
        next(failures)
        raise ValueError("invalid salt")

    fake.check_password_hash = fail  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(ValueError, match="invalid salt"):
            hasher.check("$2b$04$hash", GOOD)
    assert next(failures) == 5


def test_hashing_goes_after_everything_else_that_wants_the_processors(
    make_hasher: MakeHasher,
) -> None:
    """Without it, pages in other processes wait while passwords are hashed."""
    priority = make_hasher()._run(
        lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    )
    assert priority == 19 != os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

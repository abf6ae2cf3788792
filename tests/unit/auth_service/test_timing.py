"""Whether the time of a sign-in tells a known name from an unknown one.

Known and unknown names are tried in pairs, in random order within each, so that whatever else
the machine does falls on both alike. If the name makes no difference, either of a pair is the
slower one as often as the other: the sign test says how surprising the count is, whatever the
distribution of the noise.

LONG=1 tries ten times as many pairs.
"""

import json
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_service.accounts.hashing import PasswordHasher
from auth_service.storage.ports import Users
from unit.made_users import make_user

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("LONG"))
PAIRS = 4000 if LONG else 400
FALSE_ALARM = 1e-5
"""How improbable a leak is: one of a hundred thousand honest runs fails."""
LEAST_SECONDS = 20e-6
"""About the smallest difference that can be measured across the Internet (Crosby, Wallach, Riedi:
Opportunities and Limits of Remote Timing Attacks, 2009). Thousands of pairs also show the two
microseconds that making a record of a user takes."""
GUESSES_UNTIL_HELD_UP = 5
LOWEST_COST = 4
OLDER_COST = 6
SESSIONS = "/api/v1/sessions"

MakePairs = Callable[..., list[tuple[str, str]]]
Attempt = Callable[[str], object]


@dataclass(frozen=True)
class Comparison:
    """How much longer the first of each pair took than the second, in seconds."""

    differences: Sequence[float]

    @property
    def median(self) -> float:
        """The median of the differences."""
        return statistics.median(self.differences)

    @property
    def chance(self) -> float:
        """How probable so uneven a count is by chance alone (two-sided sign test)."""
        unequal = [difference for difference in self.differences if difference]
        fewer = min(sum(d > 0 for d in unequal), sum(d < 0 for d in unequal))
        ways = sum(math.comb(len(unequal), count) for count in range(fewer + 1))
        return min(1.0, 2 * ways / 2 ** len(unequal))

    @property
    def leaks(self) -> bool:
        """Whether the difference is more than chance explains, and large enough to be of use."""
        return self.chance < FALSE_ALARM and abs(self.median) >= LEAST_SECONDS

    def __str__(self) -> str:
        return (
            f"{len(self.differences)} pairs: median difference {self.median * 1e6:+.0f} us, "
            f"chance {self.chance:.2g}"
        )


def compare(attempt: Attempt, pairs: Sequence[tuple[str, str]]) -> Comparison:
    """Time an attempt for both names of each pair."""

    def seconds(name: str) -> float:
        began = time.perf_counter()
        attempt(name)
        return time.perf_counter() - began

    differences = []
    for known, unknown in pairs:
        if random.random() < 0.5:
            first = seconds(known)
            differences.append(first - seconds(unknown))
        else:
            first = seconds(unknown)
            differences.append(seconds(known) - first)
    return Comparison(differences)


def names(count: int, kind: str) -> list[str]:
    """Return names of the same length, whatever kind they are."""
    return [f"{kind}-{number:06}" for number in range(count)]


@pytest.fixture
def make_pairs(app: Flask) -> MakePairs:
    """Return a function that makes pairs of a known and an unknown name, none tried before."""

    def make(password_hash: str, count: int = PAIRS) -> list[tuple[str, str]]:
        known, unknown = names(count, "known"), names(count, "nobod")
        store: Users = app.extensions["auth_service"].registration.users
        for name in known:
            store.add(make_user(name, password_hash=password_hash))
        return list(zip(known, unknown, strict=True))

    return make


@pytest.fixture
def app(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """Return auth-service with the hashes' cost as the parameter, or the lowest."""
    return make_app(bcrypt_rounds=getattr(request, "param", LOWEST_COST))


@pytest.fixture
def pairs(app: Flask, make_pairs: MakePairs) -> list[tuple[str, str]]:
    """Return pairs whose known names have a password that nobody tries, hashed at today's cost."""
    hasher: PasswordHasher = app.extensions["auth_service"].signing_in.hasher
    return make_pairs(hasher.hash("a lantern over the weir"))


@pytest.fixture
def attempt(client: FlaskClient) -> Iterator[Attempt]:
    """Return a function that signs in with a wrong password; all its answers must be alike."""
    statuses = set()

    def sign_in(name: str) -> None:
        body = json.dumps({"username": name, "password": "not the password at all"})
        statuses.add(client.post(SESSIONS, data=body, content_type="application/json").status_code)

    yield sign_in
    assert len(statuses) == 1, "a part of the attempts was answered otherwise"


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Comparison], None]:
    """Return a function that prints a result for whoever watches the tests, and asserts it."""

    def tell(what: str, comparison: Comparison) -> None:
        with capsys.disabled():
            print(f"\n{what}: {comparison}")
        assert not comparison.leaks, str(comparison)

    return tell


Told = Callable[[str, Comparison], None]


def test_a_wrong_password_takes_as_long_for_a_known_name_as_for_an_unknown_one(
    attempt: Attempt, pairs: list[tuple[str, str]], told: Told
) -> None:
    told("known and unknown names", compare(attempt, pairs))


@pytest.mark.parametrize("app", [OLDER_COST + 2], indirect=True)
def test_a_hash_of_a_lower_cost_takes_about_as_long_as_that_of_an_unknown_name(
    attempt: Attempt, make_pairs: MakePairs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three calls of bcrypt replace one and cost microseconds more; unpadded, 3/4 is missing."""
    older = bcrypt.hashpw(b"a lantern over the weir", bcrypt.gensalt(OLDER_COST)).decode()
    took = []

    def timed(name: str) -> None:
        began = time.perf_counter()
        attempt(name)
        took.append(time.perf_counter() - began)

    comparison = compare(timed, make_pairs(older, PAIRS // 4))
    share = comparison.median / statistics.median(took)
    with capsys.disabled():
        print(f"\nknown names with an older hash: {share:+.1%} of a sign-in; {comparison}")
    assert abs(share) < 0.25


def test_who_is_held_up_waits_as_long_for_a_known_name_as_for_an_unknown_one(
    client: FlaskClient, attempt: Attempt, make_pairs: MakePairs, told: Told
) -> None:
    [(known, unknown)] = make_pairs("$2b$04$" + "." * 53, 1)
    for name in (known, unknown):
        for _ in range(GUESSES_UNTIL_HELD_UP):
            assert (
                client.post(SESSIONS, json={"username": name, "password": "no"}).status_code == 401
            )
        assert client.post(SESSIONS, json={"username": name, "password": "no"}).status_code == 429
    told("known and unknown names that are held up", compare(attempt, [(known, unknown)] * PAIRS))

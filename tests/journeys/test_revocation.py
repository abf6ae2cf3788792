"""An ended session is refused: by the API at once, by pages within the bound.

The bound is how old a token may become before auth-service is asked: 30 seconds by default,
which tests/contract checks, and one second here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import Api, Visitor, new_name
from running_stack import Stack, eventually

# How long a test waits at most: a busy machine, not the product, decides how soon it is there.
PATIENCE = 20
FLOODERS = 24


def check_that_a_copied_token_is_refused(stack: Stack, owner: Visitor, thief: Visitor) -> None:
    """Sign the owner out, and see the copy of the token turn useless everywhere."""
    thief.token = stolen = owner.token
    assert thief.is_signed_in()
    assert owner.sign_out().status_code == 303
    with Api(stack.base_url) as api:
        assert api.current(stolen).status_code == 401, "at once"
        refused = api.renew(stolen)
        assert refused.status_code == 401
        assert refused.json()["type"] == "urn:doorward:problem:session-ended"
    eventually(lambda: not thief.is_signed_in(), "the dashboard went on showing", PATIENCE)
    thief.token = stolen
    answer = thief.get("/dashboard")
    assert answer.headers["Location"] == "/login?next=/dashboard"
    assert not thief.token
    assert "Your session was ended." in thief.page(answer.headers["Location"]).text


@contextmanager
def hash_flood(stack: Stack) -> Iterator[list[int]]:
    """Keep every hashing slot busy and people waiting behind; yields the statuses.

    Each guess is at another name, because those at one would soon be turned away unhashed.
    """
    over, statuses = threading.Event(), list[int]()

    def flood() -> None:
        with Api(stack.base_url) as api:
            while not over.is_set():
                statuses.append(api.sign_in(new_name(), "not the password").status_code)
                over.wait(0.1)

    threads = [threading.Thread(target=flood) for _ in range(FLOODERS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=60)


@pytest.mark.proves("NIST-5.1", "V7.4.1")
def test_a_copied_token_is_refused_while_hashes_are_flooded(
    dear: Stack, new_visitor: NewVisitor
) -> None:
    owner, thief, name = new_visitor(dear), new_visitor(dear), new_name()
    assert owner.register(name).status_code == 303
    with hash_flood(dear) as statuses:
        eventually(lambda: statuses, "nobody of the flood was answered")
        check_that_a_copied_token_is_refused(dear, owner, thief)
    assert set(statuses) <= {401, 503}
    with Api(dear.base_url) as api:
        eventually(lambda: api.sign_in(name).status_code == 201, "signing in did not recover")


def test_a_session_in_use_elsewhere_lives_on_through_a_flood(
    dear: Stack, new_visitor: NewVisitor
) -> None:
    visitor, name = new_visitor(dear), new_name()
    visitor.register(name)
    with hash_flood(dear) as statuses:
        before = visitor.token
        eventually(
            lambda: visitor.get("/dashboard").status_code == 200 and visitor.token != before,
            "renewing had to wait behind hashes",
            PATIENCE,
        )
        answer = visitor.get("/dashboard")
        assert answer.status_code == 200
        assert "could not be renewed" not in answer.text
    assert statuses

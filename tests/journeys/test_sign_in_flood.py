"""Two hundred sign-ins at once, with hashes that cost what they really cost and no rate limit."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from journeys.visitor import PASSWORD, Api, Visitor, all_at_once, new_name
from running_stack import Stack, Usage, eventually
from tests.conftest import Promise, Tally

CROWD = 200
# auth-service may have 96 threads, and each crowd makes it start only some of them.
CROWDS = 20
EXPECTED = {201, 401, 429, 503}
# Two hundred clients run on the same processors.
HEALTH = Promise("99 of 100 health checks", 0.5, 0.5 + 2)


@contextmanager
def watched_health(stack: Stack) -> Iterator[list[tuple[int, float]]]:
    """Ask /healthz over and over; yields what it answered and after how many seconds."""
    over, seen = threading.Event(), list[tuple[int, float]]()

    def watch() -> None:
        with Visitor(stack.base_url) as visitor:
            while not over.is_set():
                began = time.monotonic()
                status = visitor.get("/healthz").status_code
                seen.append((status, time.monotonic() - began))
                over.wait(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(timeout=60)


def flood(stack: Stack, username: str) -> list[tuple[int, str | None]]:
    """Sign in two hundred times at once, every third time with a wrong password."""

    def attempt(number: int) -> tuple[int, str | None]:
        with Api(stack.base_url) as api:
            answer = api.sign_in(username, PASSWORD if number % 3 else "not the password")
            return answer.status_code, answer.headers.get("Retry-After")

    return all_at_once([partial(attempt, number) for number in range(CROWD)])


def usage(stack: Stack) -> dict[str, Usage]:
    """Return what the services hold."""
    return {service: stack.usage(service) for service in ("auth-service", "web-frontend", "nginx")}


@pytest.mark.fault(18)
@pytest.mark.proves("V15.2.2")
def test_two_hundred_sign_ins_at_once_are_answered_and_leave_nothing_behind(
    dear: Stack, measured: list[str], tally: Tally
) -> None:
    name = new_name()
    with Api(dear.base_url) as api:
        assert api.register(name).status_code == 201
        with watched_health(dear) as health:
            answers = flood(dear, name)
        statuses = [status for status, _ in answers]
        tally.unit, tally.tried, tally.acknowledged = "sign-ins", len(answers), statuses.count(201)
        assert set(statuses) <= EXPECTED
        assert all(wait and wait.isdigit() for status, wait in answers if status in (429, 503))
        assert {status for status, _ in health} == {200}, "the whole stayed up all the while"
        p99 = sorted(seconds for _, seconds in health)[int(len(health) * 0.99)]
        measured.append(
            f"{CROWD} sign-ins at once ({dear.mode}): "
            + ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
            + f"; /healthz 200 {len(health)} times, p99 {p99 * 1000:.0f} ms"
        )
        tally.kept(HEALTH, p99)

        eventually(lambda: api.sign_in(name).status_code == 201, "signing in did not recover")
        with Visitor(dear.base_url) as visitor:
            assert visitor.sign_in(name).status_code == 303
            assert visitor.is_signed_in()
    assert_crowds_leave_nothing_behind(dear, name)


def assert_crowds_leave_nothing_behind(stack: Stack, name: str) -> None:
    """Send crowds until two leave nothing behind that had not been there before them.

    They make the services start the threads and connections that they keep, up to a limit; how soon
    that is reached depends on the machine. What leaks grows with each crowd.
    """
    held = [usage(stack)]
    for _ in range(CROWDS):
        flood(stack, name)
        held.append(usage(stack))
        if len(held) > 2 and is_as_before(held[-3], held[-1]):
            return
    pytest.fail(f"threads or descriptors are left behind by each crowd: {held}")


def is_as_before(before: dict[str, Usage], now: dict[str, Usage]) -> bool:
    """Whether no service holds more than it did, but for a connection or two."""
    return all(
        now[name].processes == before[name].processes
        and now[name].threads <= before[name].threads + 2
        and now[name].descriptors <= before[name].descriptors + 8
        for name in before
    )

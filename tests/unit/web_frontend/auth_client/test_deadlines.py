"""Every call to auth-service ends in bounded time, and none holds up the others."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from misbehaving_server import Exchange, Server, answer, problem, sends
from unit.web_frontend.auth_client.calls import (
    CALLS,
    GOOD,
    OPENED,
    SLOW,
    Call,
    dripping_headers,
    register,
    renew,
    reset,
    sign_in,
    silence,
)
from unit.web_frontend.auth_client.conftest import Connect, Serve
from web_frontend.auth_service import client as deadlines
from web_frontend.auth_service import transport
from web_frontend.auth_service.answers import AuthServiceError, Refused, Unavailable, Unreachable

pytestmark = pytest.mark.enable_socket
PATIENCE = 3
"""Seconds that a machine under load may take beyond a deadline."""


def test_people_wait_no_longer_than_was_promised() -> None:
    assert deadlines.SIGN_IN_SECONDS < 5, "sign-in answers 503 within 5 s"
    assert deadlines.SESSION_SECONDS < 2, "the dashboard answers within 2 s"


def test_each_call_has_the_deadline_of_its_kind(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def remember(seconds: float) -> contextlib.AbstractContextManager[None]:
        given.append(seconds)
        return real(seconds)

    real = transport.deadline
    monkeypatch.setattr(transport, "deadline", remember)
    for call in CALLS.values():
        call.ask(connect(serve(sends(call.good)).url))
    assert given == [getattr(deadlines, call.deadline) for call in CALLS.values()]


def took(call: Call, server: Server, connect: Connect) -> tuple[float, Exception | None]:
    """Return how long a call lasted and what it raised."""
    client = connect(server.url)
    began = time.monotonic()
    try:
        call.ask(client)
    except AuthServiceError as raised:
        return time.monotonic() - began, raised
    return time.monotonic() - began, None


@pytest.mark.fault(15)
@pytest.mark.parametrize("case", SLOW)
def test_the_deadline_is_for_the_whole_exchange_however_slowly_it_is_answered(
    serve: Serve, connect: Connect, short_deadlines: float, case: str
) -> None:
    server = serve(SLOW[case])
    # All at once, which takes as long as one of them.
    with ThreadPoolExecutor(len(CALLS)) as pool:
        running = [pool.submit(took, call, server, connect) for call in CALLS.values()]
    for call, ended in zip(CALLS.values(), running, strict=True):
        seconds, error = ended.result()
        assert isinstance(error, Unreachable | Unavailable), call
        assert case != "silence" or isinstance(error, Unreachable), call
        assert seconds < short_deadlines + PATIENCE, call
        assert server.asked.count((call.method, call.path)) <= call.tries, call


def test_the_deadline_holds_for_both_tries_together(
    serve: Serve, connect: Connect, short_deadlines: float
) -> None:
    def breaks_late(exchange: Exchange) -> None:
        exchange.wait(short_deadlines * 0.7)
        exchange.reset()

    server = serve(breaks_late, dripping_headers)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        renew(connect(server.url))
    assert time.monotonic() - began < short_deadlines + PATIENCE
    assert len(server.requests) == 2


@pytest.mark.fault(13)
def test_the_deadline_holds_where_no_connection_comes_about(
    connect: Connect, short_deadlines: float
) -> None:
    with contextlib.ExitStack() as opened:
        deaf = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # the queue is full then, and further packets are dropped
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        began = time.monotonic()
        with pytest.raises(Unreachable):
            renew(connect(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        assert time.monotonic() - began < short_deadlines + PATIENCE


def test_a_slow_call_holds_up_no_other_one(
    serve: Serve, connect: Connect, short_deadlines: float
) -> None:
    arrived = threading.Event()

    def hold(exchange: Exchange) -> None:
        arrived.set()
        silence(exchange)

    client = connect(serve(hold, sends(GOOD)).url)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sign_in, client)
        assert arrived.wait(10)
        assert renew(client).session_id == "s1"
        assert isinstance(slow.exception(), Unreachable)


def test_a_crowd_of_sign_ins_is_turned_away_and_leaves_room_for_renewals(
    serve: Serve, connect: Connect
) -> None:
    places = transport.CREDENTIAL_CALLS
    arrived = threading.Semaphore(0)
    leave = threading.Event()

    def hold(exchange: Exchange) -> None:
        arrived.release()
        leave.wait(10)
        exchange.send(OPENED)

    client = connect(serve(*[hold] * places, sends(GOOD)).url)
    with ThreadPoolExecutor(places) as pool:
        waiting = [pool.submit(sign_in, client) for _ in range(places)]
        assert all(arrived.acquire(timeout=10) for _ in range(places))
        for ask in (sign_in, register):
            with pytest.raises(Unavailable) as caught:
                ask(client)
            assert caught.value.retry_after >= 1
        assert renew(client).session_id == "s1"
        leave.set()
        assert all(call.result().session_id == "s1" for call in waiting)
    assert sign_in(client).session_id == "s1"


def test_sign_ins_that_fail_give_their_places_back(serve: Serve, connect: Connect) -> None:
    server = serve(sends(problem(401, "invalid-credentials")), sends(answer(503)), reset)
    client = connect(server.url)
    for _ in range(transport.CREDENTIAL_CALLS + 5):
        with pytest.raises((Refused, Unavailable, Unreachable)):
            sign_in(client)
    assert len(server.requests) == transport.CREDENTIAL_CALLS + 5

"""Connections to auth-service break: passwords are sent once, everything else twice at most."""

import socket
import threading
import time

import pytest

from misbehaving_server import Exchange, answer, sends
from unit.web_frontend.auth_client.calls import (
    BREAKS,
    CALLS,
    GARBAGE,
    GOOD,
    ISSUED,
    TWICE,
    renew,
    reset,
)
from unit.web_frontend.auth_client.conftest import Connect, Serve
from web_frontend.auth_service.answers import Unavailable, Unreachable

pytestmark = pytest.mark.enable_socket
EVERY_BREAK = BREAKS | GARBAGE
PLANTED = answer(200, {**ISSUED, "token": "planted"})


@pytest.mark.parametrize("case", BREAKS)
def test_a_call_that_does_no_harm_is_sent_once_more(
    serve: Serve, connect: Connect, case: str
) -> None:
    for call in TWICE.values():
        server = serve(BREAKS[case], sends(call.good))
        call.ask(connect(server.url))
        assert len(server.requests) == 2


@pytest.mark.fault(14)
@pytest.mark.parametrize("case", EVERY_BREAK)
def test_credentials_are_sent_once_and_every_other_call_twice_at_most(
    serve: Serve, connect: Connect, case: str
) -> None:
    for call in CALLS.values():
        server = serve(EVERY_BREAK[case])
        with pytest.raises((Unreachable, Unavailable)):
            call.ask(connect(server.url))
        assert 1 <= len(server.requests) <= call.tries


def test_a_refused_connection_is_unreachable_at_once(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = connect(f"http://127.0.0.1:{port}")
    began = time.monotonic()
    for call in CALLS.values():
        with pytest.raises(Unreachable):
            call.ask(client)
    assert time.monotonic() - began < 1


def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(
    serve: Serve, connect: Connect
) -> None:
    for call in CALLS.values():
        closed = threading.Event()

        def hang_up(exchange: Exchange, closed: threading.Event = closed) -> None:
            exchange.close()
            closed.set()

        server = serve(sends(call.good, hang_up), sends(call.good))
        client = connect(server.url)
        call.ask(client)
        assert closed.wait(10)
        call.ask(client)
        assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("name", CALLS)
def test_a_kept_connection_that_breaks_under_the_next_call(
    serve: Serve, connect: Connect, name: str
) -> None:
    call = CALLS[name]
    server = serve(sends(call.good), reset, sends(call.good))
    client = connect(server.url)
    call.ask(client)
    if call.tries == 1:
        with pytest.raises(Unreachable):
            call.ask(client)
    else:
        call.ask(client)
    assert len(server.requests) == 1 + call.tries
    call.ask(client)


def test_bytes_after_an_answer_are_not_taken_for_the_next_answer(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve(sends(GOOD + PLANTED), sends(GOOD)).url)
    assert renew(client).token == "a.b.c"
    assert renew(client).token == "a.b.c"


def test_the_rest_of_an_answer_that_is_too_long_is_not_taken_for_the_next_one(
    serve: Serve, connect: Connect
) -> None:
    too_long = answer(200, b" " * (128 * 1024 + 1) + PLANTED)
    client = connect(serve(sends(too_long), sends(GOOD)).url)
    with pytest.raises(Unavailable):
        renew(client)
    assert renew(client).token == "a.b.c"


def test_an_answer_after_the_deadline_is_not_taken_for_that_of_the_next_call(
    serve: Serve, connect: Connect, short_deadlines: float
) -> None:
    given_up = threading.Event()
    answered = threading.Event()

    def late(exchange: Exchange) -> None:
        given_up.wait(10)
        exchange.send(PLANTED)
        answered.set()

    client = connect(serve(late, sends(GOOD)).url)
    with pytest.raises(Unreachable):
        renew(client)
    given_up.set()
    assert answered.wait(10)
    assert renew(client).token == "a.b.c"

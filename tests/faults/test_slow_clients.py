"""Connections send as slowly as they can, or nothing more; everybody else is still served."""

import itertools
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest

from journeys.visitor import Visitor, all_at_once, new_name
from running_stack import Stack, eventually
from tests.conftest import Promise, Tally

SLOW = 200
OTHERS, VISITS = 4, 60
OTHERS_ARE_SERVED = Promise("99 of 100 of the others' requests", 1, 1 + 2)
# nginx waits five seconds for a header, and as long for more of a body.
PATIENCE = 5
# Only connections whose header has come count for the limit per address.
UNCOUNTED = 2_100


def header(_number: int) -> bytes:
    return b"GET /dashboard HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000


def body(number: int) -> bytes:
    """Return a request whose body is announced: for web-frontend and auth-service in turn."""
    path = ("/login", "/api/v1/sessions")[number % 2]
    kind = ("application/x-www-form-urlencoded", "application/json")[number % 2]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {kind}\r\nContent-Length: 16000\r\n\r\n"
    )
    return head.encode() + b"a" * 1000


class SlowClients:
    """Keep connections that each send a byte a second; one that is closed is opened anew."""

    def __init__(self, port: int, say: Callable[[int], bytes], begins: int) -> None:
        self._port, self._say, self._begins = port, say, begins
        self._open: list[tuple[socket.socket, Iterator[int]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self.ended = 0
        self._numbers = itertools.count()

    def start(self) -> None:
        self._fill()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=30)
        for connection, _ in self._open:
            connection.close()

    def _fill(self) -> None:
        while len(self._open) < SLOW:
            connection = socket.create_connection(("127.0.0.1", self._port), timeout=5)
            text = self._say(next(self._numbers))
            connection.sendall(text[: self._begins])
            self._open.append((connection, iter(text[self._begins :])))

    def _drip(self) -> None:
        while not self._over.wait(1):
            living = []
            for connection, rest in self._open:
                if self._goes_on(connection, rest):
                    living.append((connection, rest))
                else:
                    self.ended += 1
                    connection.close()
            self._open = living
            self._fill()

    @staticmethod
    def _goes_on(connection: socket.socket, rest: Iterator[int]) -> bool:
        with suppress(OSError):
            connection.sendall(bytes([next(rest)]))
            connection.setblocking(False)
            try:
                return bool(connection.recv(1))
            except BlockingIOError:
                connection.setblocking(True)
                return True
        return False


@contextmanager
def slow_clients(stack: Stack, say: Callable[[int], bytes], begins: int) -> Iterator[SlowClients]:
    clients = SlowClients(stack.port, say, begins)
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()


def visits(stack: Stack, number: int) -> list[float]:
    """Use the site as somebody who is signed in; return how long each answer took."""
    took = []
    with Visitor(stack.base_url) as visitor:
        assert visitor.register(new_name()).status_code == 303
        for path in itertools.islice(
            itertools.cycle(("/dashboard", "/account/sessions", "/healthz")), VISITS
        ):
            began = time.monotonic()
            assert visitor.get(path).status_code == 200
            took.append(time.monotonic() - began)
    return took


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("say", "begins"),
    [pytest.param(header, 20, id="headers"), pytest.param(body, 160, id="bodies")],
)
def test_while_two_hundred_send_a_byte_a_second_the_others_are_served_promptly(
    stack: Stack, say: Callable[[int], bytes], begins: int, tally: Tally, measured: list[str]
) -> None:
    tally.unit = "slow connections"
    with slow_clients(stack, say, begins) as slow:
        time.sleep(2)
        took = sorted(
            itertools.chain(
                *all_at_once([partial(visits, stack, number) for number in range(OTHERS)])
            )
        )
        p99 = took[int(len(took) * 0.99)]
        if say is header:
            eventually(lambda: slow.ended >= SLOW, "nginx did not end them", PATIENCE + 20)
        tally.tried += SLOW + slow.ended
    measured.append(
        f"{SLOW} connections with slow {'headers' if say is header else 'bodies'} ({stack.mode}): "
        f"the others' p99 {p99 * 1000:.0f} ms, {slow.ended} of the slow ones ended"
    )
    tally.kept(OTHERS_ARE_SERVED, p99)


@pytest.mark.fault(17)
def test_a_body_that_never_ends_is_refused_and_one_that_stops_is_not_waited_for(
    stack: Stack, tally: Tally
) -> None:
    tally.unit = "endless bodies"
    for number, path in enumerate(("/login", "/api/v1/sessions")):
        tally.tried += 2
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode()
        with socket.create_connection(("127.0.0.1", stack.port), timeout=PATIENCE + 20) as endless:
            endless.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            with suppress(OSError):
                for _ in range(10_000):
                    endless.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")
            with suppress(ConnectionResetError):
                assert b" 413 " in endless.recv(65_536).partition(b"\r\n")[0]
        with socket.create_connection(("127.0.0.1", stack.port), timeout=PATIENCE + 20) as stalled:
            stalled.sendall(body(number)[:200])
            with suppress(ConnectionResetError):
                assert stalled.recv(65_536).partition(b"\r\n")[0].split()[1:2] in ([], [b"408"])


@contextmanager
def half_sent(stack: Stack) -> Iterator[None]:
    """Hold connections on each of which a header has begun."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < 2 * UNCOUNTED:
        pytest.skip("so many files may not be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, 2 * UNCOUNTED), most))
    try:
        with ExitStack() as held:
            for _ in range(UNCOUNTED):
                connection = held.enter_context(
                    socket.create_connection(("127.0.0.1", stack.port), 5)
                )
                connection.sendall(b"GET /login HTTP/1.1\r\nHost: local")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


@pytest.mark.fault(17)
def test_two_thousand_half_sent_headers_of_one_client_keep_nobody_out(
    stack: Stack, tally: Tally
) -> None:
    tally.unit, tally.tried = "half-sent headers", UNCOUNTED
    with half_sent(stack):
        began = time.monotonic()
        with Visitor(stack.base_url) as visitor:
            assert visitor.get("/login").status_code == 200
        assert time.monotonic() - began < OTHERS_ARE_SERVED.allowed


@pytest.mark.fault(17)
def test_who_sends_nothing_more_is_let_go_after_five_seconds(stack: Stack, tally: Tally) -> None:
    tally.unit, tally.tried = "connections", 1
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as stalled:
        began = time.monotonic()
        stalled.sendall(header(0)[:200])
        with suppress(ConnectionResetError):
            stalled.recv(65_536)
        assert PATIENCE - 1 < time.monotonic() - began < PATIENCE + OTHERS_ARE_SERVED.allowed

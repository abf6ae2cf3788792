"""web-frontend's calls to auth-service over real sockets, to a server that misbehaves on demand."""

import base64
import contextlib
import gzip
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from session_contract.callers import Caller
from session_contract.credentials import Credential
from web_frontend.app import create_app
from web_frontend.auth_service import client as auth_client
from web_frontend.auth_service.answers import (
    AuthServiceError,
    Issued,
    LiveSession,
    Refused,
    Unavailable,
    Unreachable,
)
from web_frontend.auth_service.client import AuthClient
from web_frontend.auth_service.transport import CREDENTIAL_CALLS

CREDENTIAL = "nfawJqjGwm48Os0jcKFuk__9wAFf9b2Hkhh4gCXbAoA"
CALLER = Caller("203.0.113.9", "Lynx/2.9", "feedc0de-1234")
KEY = bytes(range(100, 132))
NOW = 1_800_000_000


# --- the server
# ------------------------------------------------------------------------------------------


@dataclass
class Request:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Exchange:
    """One request's connection, for a script that answers it."""

    def __init__(
        self, connection: socket.socket, lines: BufferedReader, stopped: threading.Event
    ) -> None:
        self._connection, self._lines, self._stopped = connection, lines, stopped

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Send a byte at a time until the peer or the test has had enough."""
        for byte in data:
            self._connection.sendall(bytes([byte]))
            if self._stopped.wait(pause):
                return

    def wait(self, seconds: float = 60) -> None:
        self._stopped.wait(seconds)

    def close(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Break the connection off with a RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._lines.close()  # as long as it is open, the socket is not really closed
        self._connection.close()


Script = Callable[[Exchange], None]


class Server:
    """Answers the n-th request with the n-th script, and all that follow with the last one."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._start(self._accept)

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.requests]

    def stop(self) -> None:
        self._stopped.set()
        for opened in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for opened in [self._listener, *self._open]:
            opened.close()

    def _start(self, target: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._start(self._serve, connection, len(self._open))

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            while not lines.closed and (line := lines.readline()):
                method, path, _ = line.decode().split(" ", 2)
                headers = {}
                while (line := lines.readline()).strip():
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = lines.read(int(headers.get("content-length", 0)))
                with self._lock:
                    self.requests.append(Request(method, path, headers, body, number))
                    script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
                script(Exchange(connection, lines, self._stopped))
        connection.close()


def answer(status: int, body: bytes | str | dict[str, Any] = b"", **headers: str) -> bytes:
    """Return an HTTP answer as it goes over the wire."""
    if isinstance(body, dict):
        body = json.dumps(body)
    content = body if isinstance(body, bytes) else body.encode()
    named = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + content


def sends(data: bytes, then: Script | None = None) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.send(data)
        if then:
            then(exchange)

    return script


def problem(status: int, code: str, **more: Any) -> bytes:
    body = {
        "type": f"urn:doorward:problem:{code}",
        "title": "x",
        "status": status,
        "detail": "x",
        **more,
    }
    return answer(status, body, Content_Type="application/problem+json")


DEVICE = "A" * 43
ISSUED = {"token": "a.b.c", "token_type": "Bearer", "expires_in": 1800, "session_id": "s1"}
GOOD = answer(200, ISSUED)
REGISTERED = answer(201, {"id": "u1", "username": "Alice", "created_at": "x", "session": ISSUED})
DONE = answer(204, Content_Length="", Content_Type="")
LISTED = {
    "id": "id-1",
    "created_at": "2026-11-22T10:00:00Z",
    "renewed_at": "2026-11-22T10:05:00Z",
    "ends_at": "2026-11-22T22:00:00Z",
    "client_address": "203.0.113.9",
    "user_agent": "Lynx/2.9",
    "current": True,
}
READY = answer(200, {"status": "ok"})

Ask = Callable[[AuthClient], Any]
REGISTER: Ask = lambda client: client.register("Alice", "päss word", DEVICE, CALLER)  # noqa: E731
SIGN_IN: Ask = lambda client: client.sign_in("Alice", "päss word", DEVICE, CALLER)  # noqa: E731
RENEW: Ask = lambda client: client.renew("x.y.z", CALLER)  # noqa: E731
END: Ask = lambda client: client.end("x.y.z", CALLER)  # noqa: E731
SESSIONS: Ask = lambda client: client.sessions("x.y.z", CALLER)  # noqa: E731
END_ONE: Ask = lambda client: client.end_session("x.y.z", "id-1", CALLER)  # noqa: E731
END_OTHERS: Ask = lambda client: client.end_other_sessions("x.y.z", CALLER)  # noqa: E731
AGAIN: Ask = lambda client: client.reauthenticate("x.y.z", "päss word", CALLER)  # noqa: E731
CHANGE: Ask = lambda client: client.change_password("x.y.z", "päss word", "neẃ", CALLER)  # noqa: E731
DELETE: Ask = lambda client: client.delete_account("x.y.z", "päss word", CALLER)  # noqa: E731
READYZ: Ask = lambda client: client.check_ready(CALLER)  # noqa: E731

CALLS: dict[str, tuple[Ask, str, str, float, int]] = {
    # what is called, method, path, its deadline, how often it may be sent
    "register": (REGISTER, "POST", "/api/v1/users", auth_client.SIGN_IN_SECONDS, 1),
    "sign_in": (SIGN_IN, "POST", "/api/v1/sessions", auth_client.SIGN_IN_SECONDS, 1),
    "renew": (RENEW, "POST", "/api/v1/sessions/current/renew", auth_client.SESSION_SECONDS, 2),
    "end": (END, "DELETE", "/api/v1/sessions/current", auth_client.SESSION_SECONDS, 2),
    "sessions": (SESSIONS, "GET", "/api/v1/sessions", auth_client.SESSION_SECONDS, 2),
    "end_session": (END_ONE, "DELETE", "/api/v1/sessions/id-1", auth_client.SESSION_SECONDS, 2),
    "end_others": (
        END_OTHERS,
        "DELETE",
        "/api/v1/sessions?others=true",
        auth_client.SESSION_SECONDS,
        2,
    ),
    "reauthenticate": (
        *(
            AGAIN,
            "POST",
            "/api/v1/sessions/current/reauthentication",
            auth_client.SIGN_IN_SECONDS,
            1,
        ),
    ),
    "change_password": (CHANGE, "PUT", "/api/v1/users/me/password", auth_client.CHANGE_SECONDS, 1),
    "delete_account": (DELETE, "DELETE", "/api/v1/users/me", auth_client.SIGN_IN_SECONDS, 1),
    "check_ready": (READYZ, "GET", "/readyz", auth_client.HEALTH_SECONDS, 2),
}
ONCE = [name for name, call in CALLS.items() if call[4] == 1]
TWICE = [name for name, call in CALLS.items() if call[4] == 2]
ANSWERS = {
    "register": REGISTERED,
    "sign_in": answer(201, ISSUED),
    "renew": GOOD,
    "end": DONE,
    "sessions": answer(200, {"sessions": [LISTED]}),
    "end_session": DONE,
    "end_others": DONE,
    "reauthenticate": DONE,
    "change_password": GOOD,
    "delete_account": DONE,
    "check_ready": READY,
}


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server with these scripts."""
    started: list[Server] = []

    def start(*scripts: Script) -> Server:
        started.append(Server(*scripts))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Callable[[str], AuthClient]:
    """Return a function that makes a client of an address."""

    def make(url: str) -> AuthClient:
        made = AuthClient(url, Credential(CREDENTIAL))
        request.addfinalizer(made._transport._session.close)
        return made

    return make


@pytest.fixture
def short_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sign-ins that are not answered end sooner, where their length is not the question."""
    monkeypatch.setattr(auth_client, "SIGN_IN_SECONDS", 1.0)


Serve = Callable[..., Server]
Connect = Callable[[str], AuthClient]


SENT = {
    "register": {
        "username": "Alice",
        "password": "päss word",
        "device_token": DEVICE,
        "sign_in": True,
    },
    "sign_in": {"username": "Alice", "password": "päss word", "device_token": DEVICE},
    "reauthenticate": {"password": "päss word"},
    "change_password": {"current_password": "päss word", "new_password": "neẃ"},
    "delete_account": {"password": "päss word"},
}
ODD_AGENTS = ["", "\xe9", "a" * 4000, "\xa0Mozilla", "\x85", "x: y"]


# --- what goes over the wire
# -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_a_call_says_what_it_must_and_no_more(serve: Serve, connect: Connect, name: str) -> None:
    ask, method, path, _, _ = CALLS[name]
    server = serve(sends(ANSWERS[name]))
    got = ask(connect(server.url + "/"))
    (request,) = server.requests
    assert (request.method, request.path) == (method, path)
    assert request.headers["x-service-credential"] == CREDENTIAL
    assert request.headers["x-forwarded-for"] == CALLER.address
    assert request.headers["x-request-id"] == CALLER.request_id
    assert request.headers["user-agent"] == CALLER.user_agent
    signed_in = name not in ("register", "sign_in", "check_ready")
    assert request.headers.get("authorization") == ("Bearer x.y.z" if signed_in else None)
    assert not {"x-edge-credential", "cookie", "referer"} & request.headers.keys()
    if name in ONCE:
        assert json.loads(request.body) == SENT[name]
        assert request.headers["content-type"] == "application/json"
    else:
        assert request.body == b""
    assert got in (None, Issued.model_validate(ISSUED), [LiveSession.model_validate(LISTED)])


def test_odd_texts_arrive_as_they_were_typed(serve: Serve, connect: Connect) -> None:
    server = serve(sends(ANSWERS["sign_in"]))
    for text in ("\0", "\u2028\U0001f600", '"\\', " x ", "é\u0301", "a" * 15_000):
        connect(server.url).sign_in(text, text, text, CALLER)
        assert json.loads(server.requests[-1].body) == dict.fromkeys(SENT["sign_in"], text)


@pytest.mark.parametrize("agent", ODD_AGENTS)
def test_a_browser_with_an_odd_name_is_served_as_well(
    serve: Serve, connect: Connect, agent: str
) -> None:
    server = serve(sends(ANSWERS["sign_in"]))
    assert (
        connect(server.url).sign_in("Alice", "x", "", Caller("::1", agent, "12345678")).session_id
        == "s1"
    )


def test_one_connection_serves_many_calls(serve: Serve, connect: Connect) -> None:
    scripts = [sends(ANSWERS[name]) for name in CALLS for _ in range(3)]
    server, order = serve(*scripts), [name for name in CALLS for _ in range(3)]
    client = connect(server.url)
    for name in order:
        CALLS[name][0](client)
    assert len(server.requests) == len(order)
    assert {request.connection for request in server.requests} == {1}


def test_a_refusal_does_not_cost_the_connection(serve: Serve, connect: Connect) -> None:
    server = serve(sends(problem(401, "x")), sends(answer(503)), sends(GOOD))
    client = connect(server.url)
    for _ in range(2):
        with pytest.raises(AuthServiceError):
            RENEW(client)
    RENEW(client)
    assert {request.connection for request in server.requests} == {1}


def test_a_cookie_from_auth_service_is_not_kept_for_the_next_caller(
    serve: Serve, connect: Connect
) -> None:
    server = serve(sends(answer(200, ISSUED, Set_Cookie="session=a; Path=/")))
    client = connect(server.url)
    RENEW(client)
    RENEW(client)
    assert "cookie" not in server.requests[1].headers


def test_proxies_and_passwords_of_the_environment_are_ignored(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, server = serve(sends(GOOD)), serve(sends(GOOD))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("no_proxy", "")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = connect(server.url)
    RENEW(client)
    SIGN_IN(client)
    assert not proxy.requests
    assert [request.headers.get("authorization") for request in server.requests] == [
        "Bearer x.y.z",
        None,
    ]


# --- refusals and answers of no use
# ----------------------------------------------------------------------


def test_a_refusal_carries_its_code_its_errors_and_how_long_to_wait(
    serve: Serve, connect: Connect
) -> None:
    server = serve(
        sends(problem(422, "invalid-fields", errors={"password": ["Too short.", "Too common."]})),
        sends(
            problem(429, "too-many-attempts").replace(
                b"\r\n\r\n", b"\r\nRetry-After: 42\r\n\r\n", 1
            )
        ),
        sends(problem(401, "session-limit-reached")),
    )
    client = connect(server.url)
    raised = []
    for ask in (REGISTER, SIGN_IN, RENEW):
        with pytest.raises(Refused) as caught:
            ask(client)
        raised.append(caught.value)
    assert (raised[0].status, raised[0].code) == (422, "invalid-fields")
    assert raised[0].errors == {"password": ["Too short.", "Too common."]}
    assert (raised[1].status, raised[1].retry_after) == (429, 42)
    assert (raised[2].status, raised[2].code) == (401, "session-limit-reached")


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        *[("17", 17), ("0", 0), ("", 5), ("-1", 5), ("1e9", 5), ("99999999999", 5), ("²", 5)],
        *[("Wed, 21 Oct 2026 07:28:00 GMT", 5), ("1, 2", 5)],
    ],
)
@pytest.mark.parametrize("status", [503, 500, 502])
def test_an_answer_of_5xx_is_unavailable_and_says_how_long_to_wait(
    serve: Serve, connect: Connect, status: int, waits: str, seconds: int
) -> None:
    server = serve(sends(answer(status, "{}", Retry_After=waits)))
    with pytest.raises(Unavailable) as caught:
        SIGN_IN(connect(server.url))
    assert caught.value.retry_after == seconds
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", CALLS)
def test_a_503_is_an_answer_and_not_asked_for_again(
    serve: Serve, connect: Connect, name: str
) -> None:
    server = serve(sends(answer(503)))
    with pytest.raises(Unavailable):
        CALLS[name][0](connect(server.url))
    assert len(server.requests) == 1


HTML = b"<!doctype html><title>Welcome to nginx!</title>"
USELESS: dict[str, bytes] = {
    "HTML": answer(200, HTML, Content_Type="text/html"),
    "nothing": answer(200),
    "an empty object": answer(200, "{}"),
    "null": answer(200, "null"),
    "a list": answer(200, "[]"),
    "cut JSON": answer(200, json.dumps(ISSUED)[:-9]),
    "JSON and more": answer(200, json.dumps(ISSUED) + "x"),
    "no token": answer(200, {**ISSUED, "token": None}),
    "another type of token": answer(200, {**ISSUED, "token_type": "Basic"}),
    "a number for a token": answer(200, {**ISSUED, "token": 5}),
    "no UTF-8": answer(200, b'{"token": "\xff\xfe"}'),
    "deep nesting": answer(200, "[" * 60_000),
    "204": answer(204, Content_Length="", Content_Type=""),
    "202": answer(202, ISSUED),
    "206": answer(206, ISSUED),
    "304": answer(304, Content_Length=""),
    "HTML and 401": answer(401, HTML, Content_Type="text/html"),
    "{} and 401": answer(401, "{}"),
    "HTML and 404": answer(404, HTML, Content_Type="text/html"),
    "HTML and 429": answer(429, HTML, Content_Type="text/html"),
    "a type that is no text": answer(401, {"type": 5}),
    "errors that are no lists": answer(422, {"type": "x", "errors": {"password": "short"}}),
    "just over 128 KB": answer(200, json.dumps(ISSUED) + " " * 128 * 1024),
    "a megabyte": answer(200, "x" * 1_000_000),
    "a megabyte with 401": answer(401, "x" * 1_000_000),
    "a compressed megabyte": answer(200, gzip.compress(b"x" * 30_000_000), Content_Encoding="gzip"),
    "a wrong redirect": answer(302, Location="http://[bad"),
    "a redirect to no text": answer(302, Location="/\xff\xfe"),
    "a redirect to another scheme": answer(302, Location="file:///etc/passwd"),
}


@pytest.mark.fault(16)
@pytest.mark.proves("V16.5.3")
@pytest.mark.parametrize("case", USELESS)
def test_an_answer_of_no_use_is_unavailable_and_never_a_success(
    serve: Serve, connect: Connect, case: str
) -> None:
    server = serve(sends(USELESS[case]))
    client = connect(server.url)
    asks = (REGISTER, SIGN_IN, RENEW, SESSIONS, CHANGE)
    for ask in asks:
        with pytest.raises(Unavailable):
            ask(client)
    assert len(server.requests) == len(asks)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"created_at": "2026-11-22T10:00:00"},
        {"renewed_at": "yesterday"},
        {"client_address": 1},
        {"user_agent": None},
        {"current": "perhaps"},
    ],
    ids=str,
)
def test_a_list_of_sessions_is_understood_as_a_whole_or_not_at_all(
    serve: Serve, connect: Connect, wrong: dict[str, Any]
) -> None:
    server = serve(sends(answer(200, {"sessions": [LISTED, {**LISTED, **wrong}]})))
    with pytest.raises(Unavailable):
        SESSIONS(connect(server.url))


def test_fifty_sessions_of_browsers_with_the_longest_odd_names_are_not_too_long_an_answer(
    serve: Serve, connect: Connect
) -> None:
    listed = [
        {**LISTED, "id": "i" * 64, "user_agent": "\xff" * 256, "client_address": "a" * 64}
    ] * 50
    server = serve(sends(answer(200, {"sessions": listed})))
    assert len(SESSIONS(connect(server.url))) == 50


@pytest.mark.parametrize("case", ["HTML", "an empty object", "HTML and 404", "202"])
def test_a_session_counts_as_ended_only_if_auth_service_says_so(
    serve: Serve, connect: Connect, case: str
) -> None:
    server = serve(sends(USELESS[case]))
    for ask in (END, END_ONE, END_OTHERS, AGAIN, DELETE):
        with pytest.raises(AuthServiceError):
            ask(connect(server.url))


@pytest.mark.proves("V15.3.2")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", CALLS)
def test_no_redirect_is_followed(serve: Serve, connect: Connect, name: str, status: int) -> None:
    elsewhere = serve(sends(ANSWERS[name]))
    server = serve(sends(answer(status, Location=f"{elsewhere.url}/api/v1/sessions")))
    with pytest.raises(Unavailable):
        CALLS[name][0](connect(server.url))
    assert not elsewhere.requests
    assert len(server.requests) == 1


# --- connections that break
# ------------------------------------------------------------------------------

GARBAGE = [
    b"",
    b"\0",
    b"nonsense\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n",
    b"HTTP/1.1 500 Oops\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    answer(200, ISSUED)[:-20],
    answer(200, ISSUED, Content_Length="100000"),
]
BREAKS: dict[str, Script] = {
    "reset at once": lambda exchange: exchange.reset(),
    "closed at once": lambda exchange: exchange.close(),
    "reset in mid-headers": sends(GOOD[:30], lambda exchange: exchange.reset()),
    "reset in mid-body": sends(GOOD[:-10], lambda exchange: exchange.reset()),
    "closed in mid-body": sends(GOOD[:-10], lambda exchange: exchange.close()),
    **{
        f"closed after {data[:60]!r} ({len(data)})": sends(data, lambda exchange: exchange.close())
        for data in GARBAGE
    },
}


@pytest.mark.fault(14)
@pytest.mark.parametrize("case", BREAKS)
@pytest.mark.parametrize("name", ONCE)
def test_a_post_of_credentials_is_never_sent_twice(
    serve: Serve, connect: Connect, name: str, case: str
) -> None:
    server = serve(BREAKS[case])
    with pytest.raises((Unreachable, Unavailable)):
        CALLS[name][0](connect(server.url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("case", list(BREAKS)[:5])
@pytest.mark.parametrize("name", TWICE)
def test_a_call_that_does_no_harm_is_sent_once_more(
    serve: Serve, connect: Connect, name: str, case: str
) -> None:
    server = serve(BREAKS[case], sends(ANSWERS[name]))
    CALLS[name][0](connect(server.url))
    assert len(server.requests) == 2


@pytest.mark.parametrize("case", BREAKS)
@pytest.mark.parametrize("name", TWICE)
def test_a_call_that_does_no_harm_is_given_up_after_two_tries(
    serve: Serve, connect: Connect, name: str, case: str
) -> None:
    server = serve(BREAKS[case])
    with pytest.raises((Unreachable, Unavailable)):
        CALLS[name][0](connect(server.url))
    assert 1 <= len(server.requests) <= 2


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_connection_is_unreachable_at_once(connect: Connect, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(Unreachable):
        CALLS[name][0](connect(f"http://127.0.0.1:{port}"))
    assert time.monotonic() - began < CALLS[name][3]


@pytest.mark.parametrize("name", CALLS)
def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(
    serve: Serve, connect: Connect, name: str
) -> None:
    server = serve(sends(ANSWERS[name], lambda exchange: exchange.close()), sends(ANSWERS[name]))
    client = connect(server.url)
    CALLS[name][0](client)
    time.sleep(0.3)
    CALLS[name][0](client)
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("name", CALLS)
def test_a_kept_connection_that_breaks_under_the_next_call(
    serve: Serve, connect: Connect, name: str
) -> None:
    ask, _, _, _, tries = CALLS[name]
    server = serve(sends(ANSWERS[name]), BREAKS["reset at once"], sends(ANSWERS[name]))
    client = connect(server.url)
    ask(client)
    if tries == 1:
        with pytest.raises(Unreachable):
            ask(client)
    else:
        ask(client)
    assert len(server.requests) == 1 + tries
    ask(client)


def test_bytes_after_an_answer_are_not_taken_for_the_next_answer(
    serve: Serve, connect: Connect
) -> None:
    planted = answer(200, {**ISSUED, "token": "planted"})
    server = serve(sends(GOOD + planted), sends(GOOD))
    client = connect(server.url)
    assert RENEW(client).token == "a.b.c"
    time.sleep(0.1)
    assert RENEW(client).token == "a.b.c"


def test_the_rest_of_an_answer_that_is_too_long_is_not_taken_for_the_next_one(
    serve: Serve, connect: Connect
) -> None:
    planted = answer(200, {**ISSUED, "token": "planted"})
    server = serve(sends(answer(200, b" " * (64 * 1024 + 1) + planted)), sends(GOOD))
    client = connect(server.url)
    with pytest.raises(Unavailable):
        RENEW(client)
    assert RENEW(client).token == "a.b.c"


def test_an_answer_after_the_deadline_is_not_taken_for_that_of_the_next_call(
    serve: Serve, connect: Connect
) -> None:
    late = answer(200, {**ISSUED, "token": "late"})

    def slow(exchange: Exchange) -> None:
        exchange.wait(auth_client.SESSION_SECONDS + 0.3)
        exchange.send(late)

    server = serve(slow, sends(GOOD))
    client = connect(server.url)
    with pytest.raises(Unreachable):
        RENEW(client)
    time.sleep(0.6)
    assert RENEW(client).token == "a.b.c"


# --- the deadline
# ----------------------------------------------------------------------------------------

LONG = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: abcdefgh\r\n" * 90
SLOW: dict[str, Script] = {
    "silence": lambda exchange: exchange.wait(),
    "headers a byte at a time": lambda exchange: exchange.drip(LONG),
    "a body a byte at a time": lambda exchange: (
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"),
        exchange.drip(b" " * 2000),
    )[0],
    "chunks a byte at a time": lambda exchange: (
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        exchange.drip(b"1\r\n \r\n" * 300),
    )[0],
    "a body without an end": lambda exchange: (
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\n"),
        exchange.drip(b" " * 2000),
    )[0],
    "one interim answer after another": lambda exchange: exchange.drip(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 200, 0.02
    ),
    "a redirect with a body a byte at a time": lambda exchange: (
        exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2000\r\n\r\n"),
        exchange.drip(b" " * 2000),
    )[0],
    "an error with a body a byte at a time": lambda exchange: (
        exchange.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 2000\r\n\r\n"),
        exchange.drip(b" " * 2000),
    )[0],
}


@pytest.mark.fault(15)
def test_the_deadline_is_for_the_whole_exchange_however_slowly_it_is_answered(
    serve: Serve, connect: Connect
) -> None:
    servers = {case: serve(script) for case, script in SLOW.items()}

    def timed(case: str, name: str) -> tuple[str, str, float, Exception | None]:
        client, error = connect(servers[case].url), None
        began = time.monotonic()
        try:
            CALLS[name][0](client)
        except AuthServiceError as raised:
            error = raised
        return case, name, time.monotonic() - began, error

    # All at once, which takes as long as the longest of them.
    every = [(case, name) for case in SLOW for name in CALLS]
    with ThreadPoolExecutor(len(every)) as pool:
        outcomes = list(pool.map(timed, *zip(*every, strict=True)))
    for case, name, took, error in outcomes:
        assert isinstance(error, Unreachable | Unavailable), (case, name)
        assert case != "silence" or isinstance(error, Unreachable), name
        assert took < CALLS[name][3] * 2 + 1, (case, name)
        assert servers[case].asked.count(CALLS[name][1:3]) <= CALLS[name][4], (case, name)


def test_the_deadline_holds_for_both_tries_together(serve: Serve, connect: Connect) -> None:
    def breaks_late(exchange: Exchange) -> None:
        exchange.wait(auth_client.SESSION_SECONDS * 0.7)
        exchange.reset()

    server = serve(breaks_late, SLOW["headers a byte at a time"])
    began = time.monotonic()
    with pytest.raises(Unreachable):
        RENEW(connect(server.url))
    assert time.monotonic() - began < auth_client.SESSION_SECONDS * 2
    assert len(server.requests) == 2


@pytest.mark.fault(13)
def test_the_deadline_holds_where_no_connection_comes_about(connect: Connect) -> None:
    with contextlib.ExitStack() as opened:
        deaf = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # the queue is full then, and further packets are dropped
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        began = time.monotonic()
        with pytest.raises(Unreachable):
            RENEW(connect(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        assert time.monotonic() - began < auth_client.SESSION_SECONDS * 2 + 1


def test_people_wait_no_longer_than_was_promised() -> None:
    assert auth_client.SIGN_IN_SECONDS < 5, "sign-in answers 503 within 5 s"
    assert auth_client.SESSION_SECONDS < 2, "the dashboard answers within 2 s"


def test_a_slow_call_holds_up_no_other_one(
    serve: Serve, connect: Connect, short_sign_in: None
) -> None:
    server = serve(SLOW["silence"], sends(GOOD))
    client = connect(server.url)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(SIGN_IN, client)
        while not server.requests:
            time.sleep(0.01)
        began = time.monotonic()
        assert RENEW(client).session_id == "s1"
        assert time.monotonic() - began < auth_client.SESSION_SECONDS
        assert isinstance(slow.exception(), Unreachable)


def test_a_crowd_of_sign_ins_is_turned_away_and_leaves_room_for_renewals(
    serve: Serve, connect: Connect
) -> None:
    places, leave = CREDENTIAL_CALLS, threading.Event()

    def by_path(exchange: Exchange) -> None:
        leave.wait(10)
        exchange.send(ANSWERS["sign_in"])

    server = serve(*[by_path] * places, sends(GOOD))
    client = connect(server.url)
    with ThreadPoolExecutor(places) as pool:
        waiting = [pool.submit(SIGN_IN, client) for _ in range(places)]
        deadline = time.monotonic() + 10
        while len(server.requests) < places and time.monotonic() < deadline:
            time.sleep(0.01)
        for ask in (SIGN_IN, REGISTER):
            with pytest.raises(Unavailable) as caught:
                ask(client)
            assert caught.value.retry_after >= 1
        assert RENEW(client).session_id == "s1"
        leave.set()
        assert all(call.result().session_id == "s1" for call in waiting)
    assert SIGN_IN(client).session_id == "s1"


def test_sign_ins_that_fail_give_their_places_back(serve: Serve, connect: Connect) -> None:
    server = serve(
        sends(problem(401, "invalid-credentials")), sends(answer(503)), BREAKS["reset at once"]
    )
    client = connect(server.url)
    for _ in range(CREDENTIAL_CALLS + 5):
        with pytest.raises((Refused, Unavailable, Unreachable)):
            SIGN_IN(client)
    assert len(server.requests) == CREDENTIAL_CALLS + 5


# --- the pages over a real connection
# --------------------------------------------------------------------


@dataclass
class Page:
    """What a page's answer comes to."""

    status: int
    text: str
    session: str | None
    location: str | None


class Site:
    """web-frontend as create_app builds it, towards a server of ours."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, headers: dict[str, str] | None = None) -> Page:
        return self._page(self.client.get(path, headers=headers))

    def send(self, path: str) -> Page:
        """Fill in the form at this address and send it."""
        form = self.client.get(path).text
        token = form.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        fields = {"csrf_token": token, "username": "Alice", "password": "a password"}
        return self._page(self.client.post(path, data=fields))

    @staticmethod
    def _page(response: Any) -> Page:
        lines = [
            line for line in response.headers.getlist("Set-Cookie") if line.startswith("session=")
        ]
        value = lines[0].partition(";")[0].partition("=")[2] if lines else None
        return Page(response.status_code, response.text, value, response.headers.get("Location"))


def token(age: int = 0, key: bytes = KEY, **changes: Any) -> str:
    claims = {
        "iss": "doorward-auth-service",
        "aud": "doorward",
        "sub": "u1",
        "preferred_username": "Alice",
        "sid": "s1",
        "jti": f"j{age}",
        "iat": NOW - age,
        "auth_time": NOW - age,
        "exp": NOW - age + 1800,
        **changes,
    }
    return jwt.encode(claims, key, "HS256", {"kid": "first", "typ": "doorward-session+jwt"})


def with_token(text: str) -> bytes:
    return answer(200, {**ISSUED, "token": text, "session": {**ISSUED, "token": text}})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """Return a function that builds web-frontend towards an address, perhaps with a session."""
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    encoded = base64.urlsafe_b64encode(KEY).rstrip(b"=").decode()
    keys = {"keys": [{"kty": "oct", "kid": "first", "k": encoded}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))

    def build(url: str, session: str | None = None) -> Site:
        values = {
            "KEY_SET_FILE": str(tmp_path / "keys.json"),
            "EDGE_CREDENTIAL": "ocsQD1fpccrPJp58JuRjCiWo6dS9014y3xqAtmuJYlQ",
            "SERVICE_CREDENTIAL": CREDENTIAL,
            "CSRF_KEY": "fOErqHgqMvdDV877ge24wg6k11URXstAYzSLjMnUHzQ",
            "AUTH_URL": url,
        }
        for name, value in values.items():
            monkeypatch.setenv(f"DOORWARD_{name}", value)
        client = create_app(clock=lambda: NOW).test_client()
        if session:
            client.set_cookie("session", session)
        return Site(client)

    return build


MakeSite = Callable[..., Site]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (sends(READY), 200),
        (sends(answer(503)), 503),
        (sends(problem(404, "not-found")), 503),
        (sends(answer(302, Location="/x")), 503),
        (BREAKS["reset at once"], 503),
        (SLOW["headers a byte at a time"], 503),
        (None, 503),
    ],
)
def test_health_is_that_of_auth_service_too(
    serve: Serve, site: MakeSite, script: Script | None, status: int
) -> None:
    server = serve(script or sends(b""))
    if script is None:
        server.stop()
    page = site(server.url, token()).get("/healthz")
    assert page.status == status
    assert page.session is None


def test_a_session_is_renewed_over_the_wire(serve: Serve, site: MakeSite) -> None:
    server = serve(sends(with_token(token(1))))
    page = site(server.url, token(600)).get("/dashboard")
    assert (page.status, page.session) == (200, token(1))
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {token(600)}"


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("script", "age", "status", "session"),
    [
        (BREAKS["reset at once"], 299, 200, None),
        (BREAKS["reset at once"], 301, 503, None),
        (SLOW["silence"], 100, 200, None),
        (SLOW["headers a byte at a time"], 100, 200, None),
        (sends(answer(503)), 100, 503, None),
        (sends(USELESS["HTML"]), 100, 503, None),
        (sends(USELESS["HTML and 401"]), 100, 503, None),
        (sends(USELESS["an empty object"]), 100, 503, None),
        (sends(USELESS["cut JSON"]), 100, 503, None),
        (sends(with_token(token(key=b"k" * 32))), 100, 503, None),
        (sends(with_token(token(sid="s2"))), 100, 503, None),
        (sends(with_token(token(sub="u2"))), 100, 503, None),
        (sends(with_token("x\r\nSet-Cookie: a=b")), 100, 503, None),
        (sends(problem(401, "session-ended")), 100, 303, ""),
    ],
)
def test_a_dashboard_before_a_misbehaving_auth_service(
    serve: Serve, site: MakeSite, script: Script, age: int, status: int, session: str | None
) -> None:
    server = serve(script)
    page = site(server.url, token(age)).get("/dashboard")
    assert (page.status, page.session) == (status, session)
    assert ("Hello, Alice" in page.text) is (status == 200)
    assert ("could not be renewed just now" in page.text) is (status == 200)


@pytest.mark.parametrize("agent", ODD_AGENTS)
def test_a_browser_cannot_make_auth_service_look_unreachable_to_keep_an_ended_session(
    serve: Serve, site: MakeSite, agent: str
) -> None:
    server = serve(sends(problem(401, "session-ended")))
    page = site(server.url, token(100)).get("/dashboard", {"User-Agent": agent})
    assert "Hello, Alice" not in page.text
    assert len(server.requests) == 1


@pytest.mark.fault(16)
@pytest.mark.parametrize("path", ["/login", "/register"])
@pytest.mark.parametrize(
    "script",
    [
        BREAKS["reset in mid-headers"],
        BREAKS["reset in mid-body"],
        BREAKS["closed in mid-body"],
        SLOW["a body a byte at a time"],
        sends(USELESS["HTML"]),
        sends(USELESS["an empty object"]),
        sends(with_token(token())[:-5]),
        sends(with_token(token(key=b"k" * 32))),
        sends(with_token("x\r\nSet-Cookie: a=b")),
    ],
)
def test_a_form_before_a_misbehaving_auth_service_is_sent_once_and_signs_nobody_in(
    serve: Serve, site: MakeSite, short_sign_in: None, script: Script, path: str
) -> None:
    server = serve(script)
    page = site(server.url).send(path)
    assert (page.status, page.session) == (503, None)
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_people_sign_in_over_the_wire(serve: Serve, site: MakeSite, path: str) -> None:
    server = serve(sends(with_token(token())))
    page = site(server.url).send(path)
    assert (page.status, page.location, page.session) == (303, "/dashboard", token())

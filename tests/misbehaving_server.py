"""An HTTP server on a loopback port that answers as a test says: well, wrongly, slowly or not."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from typing import Any


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
        self._connection = connection
        self._lines = lines
        self._stopped = stopped

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes, pause: float = 0.02) -> None:
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
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """The method and path of each request."""
        return [(request.method, request.path) for request in self.requests]

    def stop(self) -> None:
        """Break off every connection, and listen no longer."""
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
                headers = _headers(lines)
                body = lines.read(int(headers.get("content-length", 0)))
                with self._lock:
                    self.requests.append(Request(method, path, headers, body, number))
                    script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
                script(Exchange(connection, lines, self._stopped))
        connection.close()


def _headers(lines: BufferedReader) -> dict[str, str]:
    headers = {}
    while (line := lines.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return headers


def answer(status: int, body: bytes | str | dict[str, Any] = b"", **headers: str) -> bytes:
    """Return an HTTP answer as it goes over the wire; an empty header is left out."""
    if isinstance(body, dict):
        body = json.dumps(body)
    content = body if isinstance(body, bytes) else body.encode()
    named = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + content


def problem(status: int, code: str, retry_after: str = "", **more: Any) -> bytes:
    """Return an answer that refuses (RFC 9457)."""
    body = {
        "type": f"urn:doorward:problem:{code}",
        "title": "x",
        "status": status,
        "detail": "x",
        **more,
    }
    return answer(status, body, Content_Type="application/problem+json", Retry_After=retry_after)


def sends(data: bytes, then: Script | None = None) -> Script:
    """Return a script that sends these bytes, and does something more."""

    def script(exchange: Exchange) -> None:
        exchange.send(data)
        if then:
            then(exchange)

    return script


def drips(start: bytes, rest: bytes) -> Script:
    """Return a script that sends the start at once, and the rest a byte at a time."""

    def script(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.drip(rest)

    return script

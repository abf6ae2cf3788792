"""Stands between two programs and spoils the answers: resets them halfway, or lets them drip."""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class TcpProxy:
    """Passes connections on to a port of this machine, as they are until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self.reset_after: int | None = None
        """Bytes of an answer after which the connection breaks off with a RST."""
        self.drip_seconds = 0.0
        """Pause after each byte of an answer."""
        self.sent = b""
        """All that has come in."""
        self._port = port
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for opened in [self._listener, *self._open]:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for opened in [self._listener, *self._open]:
            opened.close()

    def _start(self, target: object, *given: socket.socket) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open += [client, server]
                self._start(self._forth, client, server)
                self._start(self._back, server, client)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                self.sent += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if self.reset_after is not None:
                    client.sendall(data[: self.reset_after])
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                if self.drip_seconds:
                    for byte in data:
                        client.sendall(bytes([byte]))
                        if self._over.wait(self.drip_seconds):
                            return
                else:
                    client.sendall(data)
            # Both directions must let go of it before it is really closed.
            server.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RD)
            client.close()

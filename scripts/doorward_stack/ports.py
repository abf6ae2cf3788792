"""Ports: whether one is free, and free ones for the services."""

import errno
import random
import socket
from collections.abc import Collection

from .errors import StackError

# Below the range that outgoing connections are given, so that none of them takes the port.
PRIVATE_PORTS = range(20000, 32000)


def try_bind(host: str, port: int) -> OSError | None:
    """Return the error of listening there, if there is one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        return error
    return None


def listens(address: str) -> bool:
    """Whether a program takes connections at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def refuse_unusable(name: str, bind: str, port: int, owner: str = "") -> None:
    """Raise StackError if nginx could not listen on a port.

    Args:
        name: the setting that the port is from.
        bind: the address, an IPv6 one in brackets.
        port: the port.
        owner: who listens there, such as " by nginx (process 12)".
    """
    error = try_bind(bind.strip("[]"), port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise StackError(
            f"{name}: port {port} on {bind} is in use{owner}. Stop that program, or give "
            f"Doorward another port: {name}={port + 1} in .env or in front of the command."
        )
    if error.errno == errno.EACCES:
        raise StackError(
            f"{name}: port {port} on {bind} is reserved for system services. Use one from 1024."
        )
    raise StackError(f"DOORWARD_BIND: {bind} is not an address of this machine ({error.strerror}).")


def free_port(preferred: int | None, taken: Collection[int]) -> int:
    """Return a free loopback port, the preferred one if it still is."""
    candidates = random.sample(PRIVATE_PORTS, 200)
    for port in (preferred, *candidates):
        if port is not None and port not in taken and try_bind("127.0.0.1", port) is None:
            return port
    raise StackError("No free port was found on 127.0.0.1 for the services.")

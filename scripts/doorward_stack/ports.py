"""Ports: whether one is free, who has it, and free ones for the services."""

import errno
import random
import re
import socket
from contextlib import suppress
from pathlib import Path

from .errors import StackError
from .settings import Settings

# Below the range that outgoing connections are given, so that none of them takes the port.
PRIVATE_PORTS = range(20000, 32000)


def try_bind(host: str, port: int) -> OSError | None:
    """Return what stands in the way of listening there, if anything does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        return error
    return None


def check_public_ports(settings: Settings) -> None:
    """Refuse ports that nginx could not have."""
    for name, port in settings.public_ports.items():
        check_public_port(settings, name, port)


def check_public_port(settings: Settings, name: str, port: int) -> None:
    """Refuse a port that nginx could not have; `name` is the setting that it is from."""
    error = try_bind(settings.bind.strip("[]"), port)
    if error is None:
        return
    place = f"port {port} on {settings.bind}"
    if error.errno == errno.EADDRINUSE:
        raise StackError(
            f"{name}: {place} is in use{_by_whom(port)}. Stop that program, or give Doorward "
            f"another port: {name}={port + 1} in .env or in front of the command."
        )
    if error.errno == errno.EACCES:
        raise StackError(
            f"{name}: {place} is reserved for the system's own services. Use one from 1024."
        )
    raise StackError(
        f"DOORWARD_BIND: {settings.bind} is no address of this machine ({error.strerror})."
    )


def free_port(preferred: int | None, taken: set[int]) -> int:
    """Return a free loopback port, the preferred one if it still is."""
    candidates = random.sample(PRIVATE_PORTS, 200)
    for port in (preferred, *candidates):
        if port is not None and port not in taken and try_bind("127.0.0.1", port) is None:
            return port
    raise StackError("No free port was found on 127.0.0.1 for the services.")


def _by_whom(port: int) -> str:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & _open_files(process):
            name = (process / "comm").read_text().strip()
            return f" by {name} (process {process.name})"
    return ""


def _open_files(process: Path) -> set[str]:
    found = set()
    try:
        for link in (process / "fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
    except OSError:
        # Other people's processes say nothing, and some end meanwhile.
        return found
    return found


def _listening_inodes(port: int) -> list[str]:
    pattern = re.compile(rf"^ *\d+: [0-9A-F]+:{port:04X} \S+ 0A (?:\S+ +){{5}}(\d+)", re.M)
    found: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            found += pattern.findall(Path(table).read_text())
        except OSError:
            continue
    return found

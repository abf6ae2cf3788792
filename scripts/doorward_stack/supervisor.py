"""How to talk to the supervisor of local mode, which `supervisord.conf` configures."""

import os
import tempfile
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
# sizeof(sun_path) is 108; the supervisor first makes the socket under a longer name.
LONGEST_SOCKET_PATH = 90


def socket_path(run: Path) -> Path:
    """Return where the supervisor is to listen: in this folder if the path is short enough."""
    beside = run / "supervisor.sock"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
        return beside
    return Path(tempfile.mkdtemp(prefix="doorward-")) / "supervisor.sock"


class Supervisor:
    """The supervisor that listens on a socket."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def processes(self) -> list[dict[str, Any]]:
        """Return name, state, start time and process id of every program."""
        return list(self._call("getAllProcessInfo"))

    def pid(self, name: str) -> int:
        """Return a program's main process."""
        return int(self._call("getProcessInfo", name)["pid"])

    def start(self, name: str) -> None:
        """Start a program that was stopped, without waiting for it."""
        self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program; return when it has ended."""
        self._call("stopProcess", name)

    def stop_all(self) -> None:
        """Stop every program; return when all have ended."""
        self._call("stopAllProcesses")

    def start_all(self) -> None:
        """Start every program, without waiting for them."""
        self._call("startAllProcesses", False)

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


class Watch:
    """Finds out which programs died since it was made."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._first_starts: dict[str, int] = {}

    def dead(self) -> list[str]:
        """Return the programs that have ended, or were started again after that."""
        try:
            processes = self._supervisor.processes()
        except (OSError, Fault):
            return []  # It is not listening yet.
        return [process["name"] for process in processes if self._died(process)]

    def _died(self, process: dict[str, Any]) -> bool:
        if process["statename"] in ("BACKOFF", "EXITED", "FATAL"):
            return True
        start = process["start"]
        return bool(start and start > self._first_starts.setdefault(process["name"], start))

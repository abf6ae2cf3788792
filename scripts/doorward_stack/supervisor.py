"""The supervisor of local mode: its configuration, and how to talk to it.

The configuration names folders only through `%(here)s`, and programs relative to the checkout: a
path may hold characters that mean something in this format.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

# sizeof(sun_path) is 108; the supervisor first makes the socket under a longer name.
LONGEST_SOCKET_PATH = 90
GUNICORN = ".venv/bin/python -m gunicorn --config"


@dataclass(frozen=True)
class Program:
    """A program, and the signal that lets it answer the requests under way."""

    name: str
    command: str
    stop_signal: str = "TERM"


PROGRAMS = (
    Program(
        "auth-service", f"{GUNICORN} auth-service/gunicorn.conf.py 'auth_service:create_app()'"
    ),
    Program(
        "web-frontend", f"{GUNICORN} web-frontend/gunicorn.conf.py 'web_frontend:create_app()'"
    ),
    Program("nginx", ".venv/bin/python -m doorward_init edge", "QUIT"),
)
NAMES = tuple(program.name for program in PROGRAMS)


def socket_path(run: Path) -> str:
    """Return where the supervisor is to listen: in this folder if the path is short enough."""
    beside = run / "supervisor.sock"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
        return str(beside)
    return str(Path(tempfile.mkdtemp(prefix="doorward-")) / "supervisor.sock")


def configuration(run: Path, socket: str) -> str:
    """Return the supervisor's configuration, which belongs into this folder."""
    if Path(socket).parent == run:
        socket = f"%(here)s/{Path(socket).name}"
    return "\n".join([_supervisord(socket), *map(_program, PROGRAMS)])


def _supervisord(socket: str) -> str:
    # Without a user, a supervisor that root starts warns that it stays root.
    user = "user=root\n" if os.geteuid() == 0 else ""
    return f"""\
; Written by `make up`.
[supervisord]
nodaemon=true
silent=true
{user}logfile=%(here)s/../log/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=%(here)s/supervisord.pid

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""


def _program(program: Program) -> str:
    # A program that dies within a second is started again after 1 s, then 2 s, 3 s, and so on.
    # Stopping waits longer than gunicorn waits for requests.
    return f"""\
[program:{program.name}]
command={program.command}
autorestart=true
startsecs=1
startretries=1000
stopsignal={program.stop_signal}
stopwaitsecs=35
stopasgroup=true
killasgroup=true
stdout_logfile=%(here)s/../log/{program.name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
stderr_logfile=%(here)s/../log/{program.name}.err.log
stderr_logfile_maxbytes=5MB
stderr_logfile_backups=2
"""


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

    DEAD = ("BACKOFF", "EXITED", "FATAL")

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._started: dict[str, int] = {}

    def dead(self) -> list[str]:
        """Return the programs that have ended, or were started again after that."""
        try:
            processes = self._supervisor.processes()
        except (OSError, Fault):
            return []  # It is not listening yet.
        return [process["name"] for process in processes if self._died(process)]

    def _died(self, process: dict[str, Any]) -> bool:
        if process["statename"] in self.DEAD:
            return True
        if not process["start"]:
            return False
        first_start = self._started.setdefault(process["name"], process["start"])
        return bool(process["start"] > first_start)

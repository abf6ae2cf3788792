"""Writes the supervisor's configuration.

It names no folder but through `%(here)s`, and programs relative to the checkout, which is the
supervisor's working directory: a path may hold characters that mean something in this format.
The programs' environment is the supervisor's own, for the same reason.
"""

import os
import tempfile
from pathlib import Path

# sizeof(sun_path) is 108; the supervisor first makes the socket under a longer name.
LONGEST_SOCKET_PATH = 90
PYTHON = ".venv/bin/python"
GUNICORN = f"{PYTHON} -m gunicorn --config"
LAUNCH = f"{PYTHON} -I -S scripts/doorward_stack/launch.py"
# name, command, signal that lets it finish what it is doing
PROGRAMS = (
    (
        "auth-service",
        f"{GUNICORN} auth-service/gunicorn.conf.py 'auth_service:create_app()'",
        "TERM",
    ),
    (
        "web-frontend",
        f"{GUNICORN} web-frontend/gunicorn.conf.py 'web_frontend:create_app()'",
        "TERM",
    ),
    ("nginx", f"{PYTHON} -m doorward_init edge", "QUIT"),
)
NAMES = tuple(name for name, _, _ in PROGRAMS)


def socket_path(run: Path, previous: str | None) -> str:
    """Return where the supervisor listens: beside the configuration where the path is short."""
    beside = run / "supervisor.sock"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
        return str(beside)
    if previous and _is_private(Path(previous).parent):
        return previous
    return str(Path(tempfile.mkdtemp(prefix="doorward-")) / "s")


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and status.st_uid == os.geteuid() and status.st_mode & 0o77 == 0


def render(run: Path, socket: str, *, root_user: bool) -> str:
    """Return the whole configuration, which is to be put into the given folder."""
    if Path(socket).parent == run:
        socket = f"%(here)s/{Path(socket).name}"
    programs = (_program(*program) for program in PROGRAMS)
    return "\n".join([_daemon(socket, root_user=root_user), *programs])


def _daemon(socket: str, *, root_user: bool) -> str:
    # Without a user, a supervisor started by root warns that it stays root.
    user = "user=root\n" if root_user else ""
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


def _program(name: str, command: str, stop: str) -> str:
    # No startsecs: a program that dies early would wait longer each time and in the end be given
    # up. launch.py keeps the pace instead. Stopping waits longer than gunicorn's own patience.
    return f"""\
[program:{name}]
command={LAUNCH} {name} {command}
autorestart=true
startsecs=0
startretries=1000000000
stopsignal={stop}
stopwaitsecs=35
stopasgroup=true
killasgroup=true
stdout_logfile=%(here)s/../log/{name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
stderr_logfile=%(here)s/../log/{name}.err.log
stderr_logfile_maxbytes=5MB
stderr_logfile_backups=2
"""

"""Runs nginx in the foreground, with a process beside it that applies changes.

nginx reads certificate, key, edge credential and addresses only with its configuration. When one of
them changes, this renders and tests the configuration, and nginx rereads it while requests go on.
If the new state is wrong, the log says why and nginx keeps the old one.
"""

import os
import select
import signal
import traceback
from pathlib import Path
from typing import NoReturn

from doorward_init import nginx
from doorward_init.watch import Edge, Watch, say
from doorward_settings.edge import read_settings
from session_contract.startup import StartupError

SECONDS_BETWEEN_LOOKS = 2.0


def run() -> list[str]:
    """Become nginx, or return every problem that prevents it."""
    try:
        edge = Edge(read_settings())
        # The state comes before `install` reads anything, so that no change is missed.
        state = edge.state()
        edge.install()
    except StartupError as error:
        return error.problems
    # The watcher would take the file of an earlier start for nginx's own.
    (edge.folder / "nginx.pid").unlink(missing_ok=True)
    _start_watch(Watch(edge, state, _send_to_nginx, say))
    try:
        _become_nginx(edge.folder)
    except FileNotFoundError:
        return ["nginx is not installed: sudo apt-get install -y nginx"]


def render() -> list[str]:
    """Write the configuration, or return every problem that prevents it."""
    try:
        edge = Edge(read_settings())
        edge.state()
        edge.install()
    except StartupError as error:
        return error.problems
    return []


def _start_watch(watch: Watch) -> None:
    """Fork a process that watches until no process has the pipe's other end open.

    nginx, which this process becomes, and its workers have it open.
    """
    reading, writing = os.pipe()
    if os.fork() != 0:
        os.close(reading)
        os.set_inheritable(writing, True)
        return
    os.close(writing)
    status = 1
    try:
        _watch(watch, reading)
        status = 0
    except Exception:  # noqa: BLE001 - the end of this process
        traceback.print_exc()
    os._exit(status)


def _watch(watch: Watch, pipe: int) -> None:
    # Signals to the whole group are meant for nginx. This process ends when nginx has ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    nginx_pid = os.getppid()
    while not select.select([pipe], [], [], SECONDS_BETWEEN_LOOKS)[0]:
        try:
            watch.look(nginx_pid)
        except OSError as error:
            # For example, no descriptor is free. The next look may succeed.
            say(f"it could not be checked whether anything changed ({error.strerror})")


def _send_to_nginx(number: signal.Signals) -> None:
    os.kill(os.getppid(), number)


def _become_nginx(folder: Path) -> NoReturn:
    # nginx needs no setting, and other processes may read an environment.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    # Times in the access log are UTC, whatever the host's time zone is.
    environment = {**kept, "TZ": "UTC0", "PATH": nginx.SEARCH_PATH}
    configuration = str(folder / nginx.CONFIGURATION)
    command = ["nginx", "-e", "stderr", "-c", configuration, "-g", "daemon off;"]
    os.execvpe("nginx", command, environment)

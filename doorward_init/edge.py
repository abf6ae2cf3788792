"""Runs nginx in the foreground, with a process beside it that takes up what changes.

nginx reads certificate, key, edge credential and addresses only with its configuration. When one of
them changes, the configuration is rendered anew, tested, and read by nginx while requests go on.
What is wrong with the new state is logged, and nginx stays with the old one.
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
    """Become nginx; return every problem where that is not possible."""
    try:
        edge = Edge(read_settings())
        # Before anything is read, so that no change is missed.
        state = edge.state()
        edge.install()
    except StartupError as error:
        return error.problems
    # An earlier start's would pass for this one's.
    (edge.folder / "nginx.pid").unlink(missing_ok=True)
    _start_watch(Watch(edge, state, _send_to_nginx, say))
    try:
        _become_nginx(edge.folder)
    except FileNotFoundError:
        return ["nginx is not installed: sudo apt-get install -y nginx"]


def render() -> list[str]:
    """Write the configuration; return every problem where that is not possible."""
    try:
        edge = Edge(read_settings())
        edge.state()
        edge.install()
    except StartupError as error:
        return error.problems
    return []


def _start_watch(watch: Watch) -> None:
    """Fork a process that watches until the last process with the pipe's other end is gone.

    These are nginx, which this process becomes, and nginx's workers.
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
    except Exception:  # noqa: BLE001 - this process has nobody to raise it to
        traceback.print_exc()
    os._exit(status)


def _watch(watch: Watch, pipe: int) -> None:
    # Signals for the whole group are for nginx; this process ends with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    nginx_pid = os.getppid()
    while not select.select([pipe], [], [], SECONDS_BETWEEN_LOOKS)[0]:
        try:
            watch.look(nginx_pid)
        except OSError as error:
            # Such as no free descriptor: the next look may be better.
            say(f"what has changed could not be looked at ({error.strerror})")


def _send_to_nginx(number: signal.Signals) -> None:
    os.kill(os.getppid(), number)


def _become_nginx(folder: Path) -> NoReturn:
    # The workers need no setting, and a process's environment is easily read.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    # The access log's times are UTC wherever the host is.
    environment = {**kept, "TZ": "UTC0", "PATH": nginx.SEARCH_PATH}
    configuration = str(folder / nginx.CONFIGURATION)
    command = ["nginx", "-e", "stderr", "-c", configuration, "-g", "daemon off;"]
    os.execvpe("nginx", command, environment)

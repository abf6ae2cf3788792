"""What is compared: Doorward's local stack, and others behind an nginx configured the same."""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from doorward_stack import ports
from doorward_stack.settings import ALLOCATOR
from doorward_stack.system_packages import SEARCH_PATH

ROOT = Path(__file__).resolve().parents[1]
STACK_SCRIPT = ROOT / "scripts" / "stack.py"
START_SECONDS = 120
_taken: set[int] = set()

# The smallest configuration that serves files, for the comparison of static files.
BARE_NGINX = """\
{user}worker_processes 2;
pid "{folder}/nginx.pid";
events {{ worker_connections 1024; }}
http {{
    types {{ text/css css; }}
    keepalive_timeout 65s;
    access_log "{folder}/access.log";
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    server {{
        listen 127.0.0.1:{port};
        root "{files}";
    }}
}}
"""


class NotStarted(Exception):
    """A program did not start; the message has its output."""


def free_port() -> int:
    """Return a loopback port that was not used before."""
    port = ports.free_port(None, _taken)
    _taken.add(port)
    return port


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without Doorward's settings, and with `more`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DOORWARD_", "COMPOSE_"))
    }
    return kept | {"PATH": SEARCH_PATH} | more


@dataclass(frozen=True)
class Doorward:
    """A local stack that runs; `folder` is its data."""

    port: int
    folder: Path
    start_up: float
    """Seconds from the command to the first good answer."""

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://localhost:{self.port}"

    def processes(self) -> dict[str, list[int]]:
        """Return the processes of each program, and the supervisor, by name."""
        session = json.loads((self.folder / "run" / "stack.json").read_text("utf-8"))["supervisor"]
        groups: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.getsid(int(entry.name)) == session:
                    groups.setdefault(os.getpgid(int(entry.name)), []).append(int(entry.name))
        return {_program(leader): pids for leader, pids in groups.items()}

    def memory(self, program: str) -> int:
        """Return the bytes of memory that a program takes, shared pages shared out."""
        return sum(proportional_bytes(pid) for pid in self.processes()[program])

    def written(self) -> int:
        """Return the bytes that auth-service has written so far."""
        return sum(_written(pid) for pid in self.processes()["auth-service"])


def _program(leader: int) -> str:
    """Return which program a process group belongs to, by the command of its first process."""
    command = (Path("/proc") / str(leader) / "cmdline").read_text().replace("_", "-")
    names = ("auth-service", "web-frontend", "nginx")
    return next((name for name in names if name in command), "supervisor")


@contextmanager
def doorward(folder: Path, **settings: str) -> Iterator[Doorward]:
    """Run Doorward's local stack with its default settings but for these."""
    port, https_port = free_port(), free_port()
    given = environment(
        **settings,
        DOORWARD_PORT=str(port),
        DOORWARD_HTTPS_PORT=str(https_port),
        DOORWARD_TLS_DIR=str(folder),
    )
    command = [sys.executable, "-B", str(STACK_SCRIPT), "--mode", "local", "--state", str(folder)]
    began = time.monotonic()
    starting = subprocess.Popen(
        [*command, "up"],
        cwd=ROOT,
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        ready = _first_answer(port, starting)
        said, _ = starting.communicate(timeout=START_SECONDS)
        if starting.returncode != 0 or ready is None:
            raise NotStarted(said)
        yield Doorward(port, folder, ready - began)
    finally:
        if starting.poll() is None:
            starting.send_signal(signal.SIGINT)
            starting.wait()
        subprocess.run(
            [*command, "down"], cwd=ROOT, env=given, check=False, stdout=subprocess.DEVNULL
        )


@contextmanager
def behind_nginx(name: str, folder: Path, **settings: str) -> Iterator[int]:
    """Run an application of this folder under gunicorn and Doorward's nginx; yield nginx's port."""
    port, inner = free_port(), free_port()
    folder.mkdir(parents=True)
    given = environment(
        **ALLOCATOR,
        **settings,
        BENCH_LISTEN=f"127.0.0.1:{inner}",
        DOORWARD_NGINX_DIR=str(folder / "nginx"),
        DOORWARD_NGINX_LOG=str(folder / "nginx.access.log"),
        DOORWARD_NGINX_LISTEN=f"127.0.0.1:{port}",
        DOORWARD_AUTH_UPSTREAM=f"127.0.0.1:{inner}",
        DOORWARD_WEB_UPSTREAM=f"127.0.0.1:{inner}",
        DOORWARD_EDGE_CREDENTIAL=secrets.token_urlsafe(32),
        DOORWARD_CREDENTIAL_RATE="off",
    )
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "benchmarks/gunicorn.conf.py"]
    commands = {
        "gunicorn": [*gunicorn, f"benchmarks.{name}:app"],
        "nginx": [str(ROOT / ".venv/bin/python"), "-m", "doorward_init", "edge"],
    }
    with _running(commands, folder, given):
        _wait_for(port, folder)
        yield port


@contextmanager
def bare_nginx(folder: Path, files: Path) -> Iterator[int]:
    """Run an nginx that serves files and nothing else; yields its port."""
    port = free_port()
    folder.mkdir(parents=True)
    config = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    config.write_text(BARE_NGINX.format(user=user, folder=folder, files=files, port=port), "utf-8")
    command = ["nginx", "-e", "stderr", "-c", str(config), "-g", "daemon off;"]
    with _running({"nginx": command}, folder, environment()):
        _wait_for(port, folder)
        yield port


@contextmanager
def _running(
    commands: Mapping[str, list[str]], folder: Path, given: Mapping[str, str]
) -> Iterator[None]:
    started = []
    try:
        for name, command in commands.items():
            with (folder / f"{name}.err.log").open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=ROOT, env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            started.append(process)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=60)


def _first_answer(port: int, starting: subprocess.Popen[str]) -> float | None:
    """Return when /healthz first gave 200 (monotonic clock); None if the command ended before."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _status(port, "/healthz") == 200:
            return time.monotonic()
        if starting.poll() not in (None, 0):
            return None
        time.sleep(0.01)
    return None


def _wait_for(port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while _status(port, "/") in (None, 502):
        if time.monotonic() > deadline:
            logs = "\n".join(log.read_text("utf-8", "replace") for log in folder.glob("*.err.log"))
            raise NotStarted(f"nothing answers on port {port}:\n{logs}")
        time.sleep(0.05)


def _status(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process, pages that it shares with others divided by their number."""
    for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            return int(rest.split()[0]) * 1024
    raise ValueError(f"process {pid} says nothing of its memory")


def _written(pid: int) -> int:
    fields = dict(
        line.split(": ") for line in (Path("/proc") / str(pid) / "io").read_text().splitlines()
    )
    return int(fields["wchar"])

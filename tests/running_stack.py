"""A stack of the tests' own: how it is started, reached, disturbed and removed again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import leftovers
import trust
from scripts.doorward_stack.ports import free_port
from scripts.doorward_stack.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[1]
STACK_SCRIPT = ROOT / "scripts" / "stack.py"
SERVICES = ("auth-service", "web-frontend", "nginx")
READY_SECONDS = 60
LOG_TAIL_LINES = 20

FAST = {
    "DOORWARD_CREDENTIAL_RATE": "off",
    "DOORWARD_TEST_FAST_HASH": "1",
    "DOORWARD_BCRYPT_ROUNDS": "4",
}
"""What every stack is started with unless a test says otherwise."""


@dataclass(frozen=True)
class Usage:
    """What the processes of a service hold."""

    processes: int
    threads: int
    descriptors: int


class StackFailed(Exception):
    """A command of a stack failed; the message is its output."""


class Stack(ABC):
    """A stack that the tests started with `scripts/stack.py`, kept in a folder of its own.

    `base_url` is all that journeys need of it. Services are named `auth-service`, `web-frontend`
    and `nginx`.
    """

    def __init__(self, mode: str, folder: Path, settings: Mapping[str, str], *, tls: bool) -> None:
        port = free_port(None, set())
        https_port = free_port(None, {port})
        self.plain_url = f"http://localhost:{port}"
        self.secure_url = f"https://localhost:{https_port}"
        self.base_url = self.secure_url if tls else self.plain_url
        self.mode = mode
        self.settings = FAST | dict(settings)
        self.folder = folder
        # Compose mounts it even if it is empty.
        self.certs = folder / "certs"
        self.certs.mkdir(parents=True, exist_ok=True)
        if tls:
            trust.certify(self.certs)
        # What the person at this machine has set is no business of the tests.
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DOORWARD_", "COMPOSE_"))
            and name not in ("MODE", "FILE", "CONFIRM")
        }
        self._options: tuple[str, ...] = ()
        self._environment |= {
            **self.settings,
            "DOORWARD_PORT": str(port),
            "DOORWARD_HTTPS_PORT": str(https_port),
            "DOORWARD_TLS_DIR": str(self.certs),
        }

    @property
    def port(self) -> int:
        """The port that nginx listens on."""
        return int(self.base_url.rpartition(":")[2].strip("/"))

    @property
    @abstractmethod
    def data(self) -> Path:
        """The folder of users.json (local mode only)."""

    @property
    @abstractmethod
    def ports(self) -> Mapping[str, int]:
        """The services' own loopback ports, by name (local mode only)."""

    @abstractmethod
    def exec(
        self, service: str, *command: str, stdin: str = "", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command where the service runs, as who it runs: `flask --app auth_service …`."""

    @abstractmethod
    def kill(self, service: str) -> None:
        """End all of a service's processes by SIGKILL."""

    @abstractmethod
    def stop(self, service: str) -> None:
        """Stop a service until `start`."""

    @abstractmethod
    def start(self, service: str) -> None:
        """Start a service that was stopped."""

    @abstractmethod
    def pause(self, service: str) -> None:
        """Freeze a service's processes until `resume`; its connections stay open."""

    @abstractmethod
    def resume(self, service: str) -> None:
        """Let a paused service go on."""

    @abstractmethod
    def usage(self, service: str) -> Usage:
        """Count what the processes of a service hold."""

    @abstractmethod
    def logs(self) -> str:
        """Return everything that the stack has logged."""

    def down(self) -> None:
        """Stop everything; the data stays."""
        self.script("down")

    def up(self) -> None:
        """Start everything, with the same data and settings."""
        self.script("up")

    def rotate_credentials(self) -> None:
        """Replace the credentials between the programs, which go on running."""
        self.script("rotate-credentials")

    def script(self, *arguments: str, **settings: str) -> str:
        """Run stack.py on this stack, with more settings; return its output."""
        options = ("--mode", self.mode, "--state", str(self.folder), *self._options)
        command = [sys.executable, "-B", str(STACK_SCRIPT), *options]
        done = subprocess.run(
            [*command, *arguments],
            env=self._environment | settings,
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise StackFailed(
                f"stack.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
            )
        return done.stdout

    def _state(self) -> dict[str, object]:
        state: dict[str, object] = json.loads(
            (self.folder / "run" / "stack.json").read_text("utf-8")
        )
        return state

    @abstractmethod
    def remove(self) -> None:
        """Stop everything and remove what it kept."""

    def restart(self, service: str | None = None) -> None:
        """Stop and start one service, or everything; return when the whole answers."""
        if service is None:
            self.down()
            self.up()
        else:
            self.stop(service)
            self.start(service)
        self.wait_until_ready()

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """Freeze a service for the length of a block."""
        self.pause(service)
        try:
            yield
        finally:
            self.resume(service)

    @contextmanager
    def stopped(self, service: str) -> Iterator[None]:
        """Stop a service for the length of a block."""
        self.stop(service)
        try:
            yield
        finally:
            self.start(service)
            self.wait_until_ready()

    def health(self) -> int | None:
        """Return what /healthz answers, or None where nobody does."""
        try:
            public = self.settings.get("DOORWARD_PUBLIC_URL") or self.base_url
            request = urllib.request.Request(
                f"{self.base_url}/healthz", headers={"Host": public.partition("//")[2].strip("/")}
            )
            with urllib.request.urlopen(request, timeout=5, context=trust.context()) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return when /healthz answers 200."""
        eventually(
            lambda: self.health() == 200, f"{self.base_url}/healthz did not answer 200", seconds
        )

    @abstractmethod
    def tail(self) -> str:
        """Return the end of every log, for the report of a failed test."""


class LocalStack(Stack):
    """The programs as plain processes."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, tls: bool = False) -> None:
        super().__init__("local", folder, settings, tls=tls)
        self._service_environments: dict[str, dict[str, str]] = {}

    @property
    def data(self) -> Path:
        return self.folder

    @property
    def ports(self) -> Mapping[str, int]:
        ports = self._state()["ports"]
        assert isinstance(ports, dict)
        return ports

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor that starts the programs."""
        return Supervisor(str(self._state()["socket"]))

    def pid(self, service: str) -> int:
        """Return the service's main process, which also names its process group."""
        return self.supervisor.pid(service)

    def supervisor_pid(self) -> int:
        """Return the supervisor's process, whose number is also the session's."""
        pid = self._state()["supervisor"]
        assert isinstance(pid, int)
        return pid

    def processes(self) -> list[int]:
        """Return the processes of this stack.

        Left out is what ends by itself: nginx's cache loader, and what nginx's watcher starts.
        """
        session = self.supervisor_pid()
        found = [process for process in psutil.process_iter() if _session(process) == session]
        return [process.pid for process in found if _stays(process)]

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment that a service was started with."""
        if service not in self._service_environments:
            environment = psutil.Process(self.pid(service)).environ()
            environment["PATH"] = f"{ROOT}/.venv/bin:{environment['PATH']}"
            # The command would otherwise read the checkout's own .env on top.
            environment["FLASK_SKIP_DOTENV"] = "1"
            self._service_environments[service] = environment
        return dict(self._service_environments[service])

    def exec(
        self, service: str, *command: str, stdin: str = "", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        return _run(command, stdin=stdin, check=check, env=self.environment(service))

    def kill(self, service: str) -> None:
        os.killpg(self.pid(service), signal.SIGKILL)

    def stop(self, service: str) -> None:
        self.supervisor.stop(service)

    def start(self, service: str) -> None:
        self.supervisor.start(service)

    def pause(self, service: str) -> None:
        os.killpg(self.pid(service), signal.SIGSTOP)

    def resume(self, service: str) -> None:
        os.killpg(self.pid(service), signal.SIGCONT)

    def usage(self, service: str) -> Usage:
        group = self._group(service)
        threads = 0
        descriptors = 0
        for process in group:
            # What nginx's watcher calls may end at any moment.
            with suppress(psutil.NoSuchProcess):
                threads += process.num_threads()
                descriptors += process.num_fds()
        return Usage(len(group), threads, descriptors)

    def memory(self, service: str) -> int:
        """Return the kilobytes of a service's own, what its processes share counting once.

        Files that are mapped do not count: how much of them is whose depends on all other programs.
        """
        total = 0
        for process in self._group(service):
            with suppress(FileNotFoundError, ProcessLookupError):
                rollup = (Path("/proc") / str(process.pid) / "smaps_rollup").read_text()
                own = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", rollup, re.M)
                total += sum(map(int, own))
        return total

    def _group(self, service: str) -> list[psutil.Process]:
        group = self.pid(service)
        return [each for each in psutil.process_iter() if _process_group(each) == group]

    def logs(self) -> str:
        return self._logs()

    def tail(self) -> str:
        return self._logs(LOG_TAIL_LINES)

    def _logs(self, lines: int = 0) -> str:
        parts = []
        for file in sorted((self.folder / "log").glob("*.log*")):
            text = file.read_text("utf-8", errors="replace").splitlines()
            parts += [f"--- {file.name}", *text[-lines:]]
        return "\n".join(parts)

    def remove(self) -> None:
        try:
            self.down()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class ComposeStack(Stack):
    """The programs in containers."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, tls: bool = False) -> None:
        super().__init__("compose", folder, settings, tls=tls)
        self.project = leftovers.new_project()
        self._options = ("--project", self.project)

    @property
    def data(self) -> Path:
        raise NotImplementedError("users.json is inside a volume: use exec")

    @property
    def ports(self) -> Mapping[str, int]:
        raise NotImplementedError("the services have no ports on this machine")

    def compose(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run a `docker compose` command on this stack; return what it printed."""
        return self._compose(*arguments, stdin=stdin, check=check).stdout

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def exec(
        self, service: str, *command: str, stdin: str = "", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        return self._compose("exec", "-T", service, *command, stdin=stdin, check=check)

    def kill(self, service: str) -> None:
        """Kill the container's first process behind the engine's back; the others die with it.

        `docker kill` would count as a wish of the operator's and disable the restart policy.
        """
        container = self.container(service)
        form = "{{.State.Pid}} {{.Image}}"
        pid, image = _run(["docker", "inspect", "--format", form, container]).stdout.split()
        among_all = ("--pid", "host", "--user", "0", "--network", "none", "--entrypoint", "sh")
        _run(["docker", "run", "--rm", *among_all, image, "-c", f"kill -9 {pid}"])

    def stop(self, service: str) -> None:
        self.compose("stop", service)

    def start(self, service: str) -> None:
        self.compose("start", service)

    def pause(self, service: str) -> None:
        self.compose("pause", service)

    def resume(self, service: str) -> None:
        # A container that goes on already is no fault: only that it goes on matters.
        self.compose("unpause", service, check=False)

    def usage(self, service: str) -> Usage:
        """Count over the container's own processes.

        Those that came in from outside, such as a health check and the one that counts, have no
        parent here.
        """
        script = (
            "p=0 t=0 f=0; for d in /proc/[0-9]*; do while read -r name value; do "
            '[ "$name" != PPid: ] || break; done 2>/dev/null <$d/status || continue; '
            '[ "$value" != 0 ] || [ $d = /proc/1 ] || continue; '
            "set -- $d/task/*; t=$((t + $#)); set -- $d/fd/*; f=$((f + $#)); p=$((p + 1)); done; "
            "echo $p $t $f"
        )
        processes, threads, descriptors = self.exec(service, "sh", "-c", script).stdout.split()
        return Usage(int(processes), int(threads), int(descriptors))

    def logs(self) -> str:
        return self.compose("logs", "--no-color", check=False)

    def tail(self) -> str:
        return self.compose("logs", "--no-color", "--tail", str(LOG_TAIL_LINES), check=False)

    def remove(self) -> None:
        leftovers.remove_project(self.project)
        shutil.rmtree(self.folder, ignore_errors=True)
        if left := leftovers.found(self.project):
            raise StackFailed(f"{self.project} has left in the engine: {left}")

    def _compose(
        self, *arguments: str, stdin: str = "", check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        file = str(ROOT / "docker-compose.yml")
        command = ["docker", "compose", "-p", self.project, "--env-file", os.devnull, "-f", file]
        return _run([*command, *arguments], stdin=stdin, check=check, env=self._environment)


def start(mode: str, folder: Path, settings: Mapping[str, str], *, tls: bool = False) -> Stack:
    """Start a stack with these settings on top of `FAST`; an empty value takes a default back."""
    kind = ComposeStack if mode == "compose" else LocalStack
    stack = kind(folder, settings, tls=tls)
    try:
        stack.up()
    except BaseException:
        # Nothing may be left, not even of a start that failed half-way.
        if mode == "compose" or (folder / "run" / "stack.json").exists():
            stack.remove()
        raise
    return stack


def eventually(check: Callable[[], object], otherwise: str, seconds: float = 30) -> None:
    """Return as soon as `check` holds; fail with `otherwise` when it does not within the bound."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            pytest.fail(f"{otherwise} within {seconds:g} s")
        time.sleep(0.05)


def tracebacks(log: str) -> list[str]:
    """Return the lines of a log that begin a traceback."""
    return re.findall(r".*Traceback \(most recent call last\).*", log)


def _run(
    command: "list[str] | tuple[str, ...]",
    *,
    stdin: str = "",
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command,
        input=stdin,
        env=env,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    if check and done.returncode != 0:
        raise StackFailed(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


def _session(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(process.pid)
    return None


def _process_group(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid)
    return None


def _stays(process: psutil.Process) -> bool:
    """Whether a process runs until the stack ends."""
    try:
        command = " ".join(process.cmdline())
        parent = process.parent()
        caller = " ".join(parent.cmdline()) if parent else ""
    except psutil.NoSuchProcess:
        return False
    called_by_watcher = caller.endswith("doorward_init edge")
    return bool(command) and "cache loader" not in command and not called_by_watcher

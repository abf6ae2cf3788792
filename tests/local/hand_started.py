"""Programs that a test starts by hand, beside or instead of those of a stack."""

import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from running_stack import FAST, ROOT, eventually
from scripts.doorward_stack.ports import free_port

GUNICORN = (sys.executable, "-m", "gunicorn", "--config")
PYTHON_PATH = os.pathsep.join(str(ROOT / part) for part in ("auth-service", "web-frontend", "."))
START_SECONDS = 30


@dataclass(frozen=True)
class Ended:
    """How a program ended and what it said."""

    code: int
    output: str


def secret() -> str:
    """Return a secret as init makes them."""
    return secrets.token_urlsafe(32)


def command(package: str, *options: str) -> list[str]:
    """Return how a service is started: `auth_service` or `web_frontend`."""
    folder = package.replace("_", "-")
    return [*GUNICORN, f"{folder}/gunicorn.conf.py", *options, f"{package}:create_app()"]


def environment(data: Path, **changes: str) -> dict[str, str]:
    """Return a complete environment for both services, with changes; empty is unset."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")
    }
    folder = data / "secrets"
    wiring = {
        "PYTHONPATH": PYTHON_PATH,
        "PYTHONUNBUFFERED": "1",
        "DOORWARD_DATA_DIR": str(data),
        "DOORWARD_KEY_SET_FILE": str(folder / "keys" / "keys.json"),
        "DOORWARD_EDGE_CREDENTIAL_FILE": str(folder / "edge" / "credential"),
        "DOORWARD_SERVICE_CREDENTIAL_FILE": str(folder / "service" / "credential"),
        "DOORWARD_CSRF_KEY_FILE": str(folder / "csrf" / "key"),
    }
    return inherited | wiring | FAST | changes


def provision(given: Mapping[str, str]) -> None:
    """Make keys and credentials."""
    command = [sys.executable, "-m", "doorward_init"]
    subprocess.run(command, env=given, cwd=ROOT, check=True, capture_output=True)


def run(command: list[str], given: Mapping[str, str], **how: object) -> Ended:
    """Run a program that is expected to end soon."""
    done = subprocess.run(
        command,
        env=dict(given),
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        **how,  # type: ignore[call-overload]
    )
    return Ended(done.returncode, done.stdout)


BUILDER = """
import importlib, json, os, sys, traceback
package = importlib.import_module(sys.argv[1])
importlib.import_module(sys.argv[1] + ".app")
for line in sys.stdin:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, 1), os.dup2(writing, 2)
        os.environ.clear()
        os.environ.update(json.loads(line))
        code = 0
        try:
            package.create_app()
        except SystemExit as error:
            code = error.code
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stderr.flush()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        output = said.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([code, output]), flush=True)
"""


class Builder:
    """Builds a service's application in one environment after the other.

    Each time in a fresh process that has only imported the code: starting anew for every case
    would cost more than all the cases.
    """

    def __init__(self, package: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BUILDER, package],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": PYTHON_PATH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def build(self, given: Mapping[str, str]) -> Ended:
        """Build once; return the exit status, 0 if it could be built, and what was said."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(dict(given)) + "\n")
        self._process.stdin.flush()
        code, output = json.loads(self._process.stdout.readline())
        return Ended(code, output)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Service:
    """A service on a free port, which stays its own however often it is started.

    `under` is a command that starts it, as `strace` does; the main process is then that command's.
    """

    def __init__(
        self,
        package: str,
        given: Mapping[str, str],
        log: Path,
        *options: str,
        under: Sequence[str] = (),
    ) -> None:
        port = free_port(None, set())
        self.base_url = f"http://localhost:{port}"
        self.log = log
        self._command = [*under, *command(package, *options)]
        if package == "auth_service":
            self._given = {**given, "DOORWARD_AUTH_LISTEN": f"127.0.0.1:{port}"}
        else:
            self._given = {
                **given,
                "DOORWARD_WEB_LISTEN": f"127.0.0.1:{port}",
                "DOORWARD_PUBLIC_URL": self.base_url,
            }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The main process, which also names its group."""
        assert self._process is not None
        return self._process.pid

    def start(self, output: int | None = None) -> None:
        """Start it with its log in the file or in the open `output`; return when it answers."""
        with self.log.open("ab") as file:
            output = file.fileno() if output is None else output
            process = self._process = subprocess.Popen(
                self._command,
                env=self._given,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(
            lambda: process.poll() is not None or answers(self.base_url),
            "it did not answer",
            START_SECONDS,
        )
        assert process.poll() is None, self.log.read_text()

    def kill(self) -> None:
        """Kill the main process and its workers at one moment."""
        os.killpg(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def workers(self) -> list[int]:
        """Return the processes that serve, which the main process starts anew when they die."""
        return [
            int(pid)
            for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    def stop(self, seconds: float = 40) -> int:
        """Ask it to end, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float = 40) -> int:
        """Return its exit status when it has ended."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_running():
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()


def answers(base_url: str) -> bool:
    """Whether a service lives."""
    try:
        with urllib.request.urlopen(f"{base_url}/livez", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False

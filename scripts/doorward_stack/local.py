"""Runs the stack as plain processes under a supervisor: for trying and developing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from . import archive, local_checks, local_settings, logs, ports, processes, progress, state
from .errors import StackError, indent
from .health import Address
from .layout import Layout
from .settings import address, refuse_unknown
from .supervisor import CONFIGURATION, Supervisor, Watch, socket_path

# With root's usual umask others could read the files that a command makes.
UMASK = 0o077
# All that Doorward keeps in the data folder beside the secrets.
DATA = ("users.json*", "state.db*", "throttle.db*")


class LocalStack:
    """The stack's processes on this machine."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def _remembered(self) -> dict[str, Any]:
        return state.read(self._layout.state_file)

    @property
    def _leader(self) -> psutil.Process | None:
        return processes.supervisor(self._remembered, self._layout.state)

    @property
    def running(self) -> bool:
        """Whether its supervisor lives."""
        return self._leader is not None

    @property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self._remembered["socket"])

    def up(self, why: str) -> None:
        """Start the stack, or restart it if something changed, and return when it answers."""
        layout = self._layout
        local_checks.refuse_impossible(layout)
        refuse_unknown(layout, os.environ)
        values = local_settings.read(layout, os.environ)
        local_checks.refuse_others_data(local_settings.data_folder(layout, values))
        remembered_ports = self._remembered.get("ports", {})
        chosen = remembered_ports or local_settings.free_ports(values, {})
        environment = local_settings.environment(layout, values, chosen)
        leader = self._leader
        if leader and not local_checks.changed_since(layout.root, leader, environment):
            self.resume()
            state.announce(self._remembered, "is already running")
            return
        with suppress(ValueError):  # The next check refuses a port that is not a number.
            own = processes.members(self._remembered)
            local_checks.refuse_taken_ports(_address(environment), own)
        self._make_secrets(environment)
        self.down()
        chosen = local_settings.free_ports(values, remembered_ports)
        self._start(why, chosen, local_settings.environment(layout, values, chosen))
        done = "was started anew with your changes" if leader else "is running"
        state.announce(self._remembered, done)

    def _make_secrets(self, environment: Mapping[str, str]) -> None:
        """Refuse settings that are wrong, then make the secrets that are missing."""
        self._run(["-m", "doorward_init", "--check"], environment)
        Path(environment["DOORWARD_DATA_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run(["-m", "doorward_init"], environment, failure="init failed")

    def _start(self, why: str, chosen: Mapping[str, int], environment: dict[str, str]) -> None:
        print("Starting the programs …", flush=True)
        layout = self._layout
        where = _address(environment)
        socket = socket_path(layout.run)
        output = layout.log / "supervisord.err.log"
        output.touch(mode=0o600)
        with output.open("wb") as handle:
            supervisor = subprocess.Popen(
                [str(layout.python), "-m", "supervisor.supervisord", "-c", str(CONFIGURATION)],
                cwd=layout.root,
                env=environment | {"STACK_SOCKET": str(socket)},
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
                umask=UMASK,
            )
        found = {
            "mode": "local",
            "why": why,
            "url": where.public_url,
            "data": environment["DOORWARD_DATA_DIR"],
            "ports": {**chosen, "nginx": where.port},
            "socket": str(socket),
            "supervisor": supervisor.pid,
            "boot": processes.boot_id(),
        }
        state.write(layout.state_file, found)
        try:
            self._wait(environment)
        except BaseException:
            self.down()
            raise

    def _wait(self, environment: Mapping[str, str]) -> None:
        """Return when the stack answers. Raises StackError with the output of dead programs."""
        watch = Watch(self._supervisor)
        services = [environment["DOORWARD_AUTH_UPSTREAM"], environment["DOORWARD_WEB_UPSTREAM"]]
        with progress.shown("Waiting until Doorward answers"):
            _address(environment).wait(partial(self._services_listen, services, watch))

    def _services_listen(self, services: Sequence[str], watch: Watch) -> bool:
        if not self.running:
            raise StackError(f"The supervisor stopped.\n{self._output('supervisord')}")
        if dead := watch.dead():
            raise StackError(f"{' and '.join(dead)} could not start.", *map(self._output, dead))
        return all(map(ports.listens, services))

    def _output(self, name: str) -> str:
        """Return the end of a program's error log."""
        log = self._layout.log / f"{name}.err.log"
        text = log.read_text("utf-8", errors="replace") if log.exists() else ""
        return f"The end of {log}:\n{indent(text, 15)}"

    def down(self) -> bool:
        """End every process; return whether there was any."""
        remembered = self._remembered
        if not processes.members(remembered):
            return False
        processes.stop(self._leader, remembered)
        socket = Path(remembered["socket"])
        socket.unlink(missing_ok=True)
        if socket.parent != self._layout.run:
            socket.parent.rmdir()
        # Without it, no process is taken for one of this stack's.
        del remembered["boot"]
        state.write(self._layout.state_file, remembered)
        return True

    def cleaned(self) -> str:
        """Return what `clean` removes."""
        data = self._environment()["DOORWARD_DATA_DIR"]
        return f"every user, session and key in {data}, and the logs in {self._layout.log}"

    def clean(self) -> None:
        """Stop, and remove the files that Doorward makes, and no others."""
        layout = self._layout
        # The stack that runs may have been started with another folder than a new one would be.
        data = Path(self._environment()["DOORWARD_DATA_DIR"])
        self.down()
        try:
            for path in [path for pattern in DATA for path in data.glob(pattern)]:
                path.unlink()
            for folder in (data / "secrets", layout.log, layout.run):
                shutil.rmtree(folder, ignore_errors=True)
            for folder in (data, layout.state):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise StackError(f"Not everything could be removed: {error}") from None

    def logs(self, *, follow: bool) -> Iterable[Sequence[logs.Line]]:
        """Return the last lines of every program's log and, if asked, those that they add."""
        files = sorted(self._layout.log.glob("*.log"))
        if not files:
            raise StackError("There are no logs yet. Start Doorward with `make up`.")
        return logs.of_files(files, follow=follow)

    def flask(self, command: Sequence[str]) -> int:
        """Run a command of auth-service with its settings; return its exit status."""
        if not self.running:
            raise StackError("make flask needs a running Doorward. Start it with `make up`.")
        # Flask would add the settings in .env, which may have changed since the start.
        environment = {**self._environment(), "FLASK_SKIP_DOTENV": "1"}
        program = [sys.executable, "-m", "flask", "--app", "auth_service"]
        return subprocess.run(
            [*program, *command], cwd=self._layout.root, env=environment, check=False, umask=UMASK
        ).returncode

    def rotate_credentials(self) -> None:
        """Replace the internal service credentials."""
        command = ["-m", "doorward_init", "rotate"]
        self._run(command, self._environment(), failure="Not all credentials were replaced")

    def archive(self, action: str, **streams: BinaryIO) -> None:
        """Pack the data into `stdout`, or unpack it from `stdin`."""
        environment = self._environment()
        local_checks.refuse_others_data(Path(environment["DOORWARD_DATA_DIR"]))
        command = [archive.__file__, action]
        self._run(command, environment, failure=f"{action} failed", **streams)

    def pause(self) -> bool:
        """Stop the programs until `resume`; return whether they ran."""
        if not self.running:
            return False
        self._supervisor.stop_all()
        return True

    def resume(self) -> None:
        """Start the programs again; return when they answer."""
        self._supervisor.start_all()
        self._wait(self._environment())

    def _environment(self) -> dict[str, str]:
        """Return the environment that the stack runs with, or would be started with."""
        leader = self._leader
        if leader:
            return leader.environ()
        values = local_settings.read(self._layout, os.environ)
        return local_settings.environment(self._layout, values, local_settings.NO_PORTS)

    def _run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        failure: str = "",
        **streams: Any,
    ) -> None:
        """Run Python. If it fails, raise StackError with `failure` and its output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._layout.root,
            env=environment,
            check=False,
            umask=UMASK,
            stderr=subprocess.PIPE,
            **streams,
        )
        if done.returncode != 0:
            said = done.stderr.decode().rstrip()
            raise StackError(f"{failure}:\n{indent(said)}" if failure else said)


def _address(environment: Mapping[str, str]) -> Address:
    return address(environment, Path(environment.get("DOORWARD_TLS_DIR", "nowhere")))

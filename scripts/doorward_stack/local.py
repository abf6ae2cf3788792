"""Runs the stack as plain processes under a supervisor: for trying and developing."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from . import (
    archive,
    local_checks,
    local_settings,
    log_reader,
    processes,
    removal,
    state,
)
from .engine import indent
from .errors import StackError
from .health import Address
from .layout import Layout
from .settings import address, refuse_unknown
from .supervisor import Supervisor, Watch, configuration, socket_path

# Root's own umask would leave what a command makes open to others.
UMASK = 0o077


class LocalStack:
    """The stack's processes on this machine."""

    mode = "local"

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
        return Supervisor(str(self._remembered["socket"]))

    def up(self, why: str) -> None:
        """Start what does not run, start anew what changed, and return when it answers."""
        layout = self._layout
        local_checks.refuse_impossible(layout)
        refuse_unknown(layout, os.environ)
        values = local_settings.read(layout, os.environ)
        local_checks.refuse_others_data(local_settings.data_folder(layout, values))
        known_ports = self._remembered.get("ports") or local_settings.free_ports(values, {})
        environment = local_settings.environment(layout, values, known_ports)
        leader = self._leader
        if leader and not local_checks.changed_since(layout.root, leader, environment):
            self.resume()
            self._print_state("is already running")
            return
        with suppress(ValueError):  # The next check refuses a port that is not a number.
            own = processes.members(self._remembered, layout.root)
            local_checks.refuse_taken_ports(_address(environment), own)
        self._check(environment)
        self.down()
        chosen = local_settings.free_ports(values, known_ports)
        self._start(why, chosen, local_settings.environment(layout, values, chosen))
        self._print_state("was started anew with your changes" if leader else "is running")

    def _check(self, environment: Mapping[str, str]) -> None:
        """Refuse settings that are wrong, then make the secrets that are missing."""
        checked = self._run(["-m", "doorward_init", "--check"], environment, stderr=subprocess.PIPE)
        if checked.returncode != 0:
            raise StackError(checked.stderr.decode().rstrip())
        Path(environment["DOORWARD_DATA_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._run(["-m", "doorward_init"], environment, stderr=subprocess.PIPE)
        if made.returncode != 0:
            raise StackError(f"init failed:\n{indent(made.stderr.decode())}")

    def _start(self, why: str, chosen: Mapping[str, int], environment: Mapping[str, str]) -> None:
        layout = self._layout
        where = _address(environment)
        socket_file = socket_path(layout.run)
        config = layout.run / "supervisord.conf"
        config.write_text(configuration(layout.run, socket_file), "utf-8")
        output = layout.log / "supervisord.err.log"
        output.unlink(missing_ok=True)
        output.touch(mode=0o600)
        with output.open("wb") as handle:
            supervisor = subprocess.Popen(
                [str(layout.python), "-m", "supervisor.supervisord", "-c", str(config)],
                cwd=layout.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
                umask=UMASK,
            )
        found = {
            "mode": self.mode,
            "why": why,
            "url": where.public_url,
            "data": environment["DOORWARD_DATA_DIR"],
            "ports": {**chosen, "nginx": where.port},
            "socket": socket_file,
            "supervisor": supervisor.pid,
            "boot": processes.boot_id(),
        }
        state.write(layout.state_file, found)
        try:
            self._wait(environment, Watch(Supervisor(socket_file)))
        except BaseException:
            self.down()
            raise

    def _wait(self, environment: Mapping[str, str], watch: Watch) -> None:
        """Return when the stack answers. Raises StackError with the output of dead programs."""
        services = [environment["DOORWARD_AUTH_UPSTREAM"], environment["DOORWARD_WEB_UPSTREAM"]]

        def services_listen() -> bool:
            if not self.running:
                raise StackError(f"The supervisor stopped.\n{self._output(['supervisord'])}")
            if dead := watch.dead():
                raise StackError(f"{' and '.join(dead)} could not start.", self._output(dead))
            return all(map(local_checks.listens, services))

        _address(environment).wait(services_listen)

    def _output(self, names: Sequence[str]) -> str:
        """Return the end of what programs wrote to their error logs."""
        found = []
        for name in names:
            log = self._layout.log / f"{name}.err.log"
            text = log.read_text("utf-8", errors="replace") if log.exists() else ""
            found += [f"The end of {log}:", indent("\n".join(text.splitlines()[-15:]))]
        return "\n".join(found)

    def _print_state(self, done: str) -> None:
        known = self._remembered
        print(
            f"\nDoorward {done} in local mode ({known['why']}).\n"
            f"  Open    {known['url']}\n"
            f"  Data    {known['data']}\n"
            f"  Logs    make logs        Stop    make down",
            flush=True,
        )

    def down(self) -> bool:
        """End every process; return whether there was any."""
        remembered = self._remembered
        if not processes.members(remembered, self._layout.root):
            return False
        processes.stop(self._leader, remembered, self._layout.root)
        socket_file = Path(remembered["socket"])
        socket_file.unlink(missing_ok=True)
        if socket_file.parent != self._layout.run:
            socket_file.parent.rmdir()
        return True

    def clean(self) -> None:
        """Stop, and remove the data and the logs."""
        # The stack that runs may have been started with another folder than a new one would be.
        data = Path(self._environment()["DOORWARD_DATA_DIR"])
        self.down()
        removal.remove(self._layout, data)

    def cleaned(self) -> str:
        """Return what `clean` removes."""
        data = self._environment()["DOORWARD_DATA_DIR"]
        return f"every user, session and key in {data}, and the logs in {self._layout.log}"

    def logs(self, *, follow: bool) -> None:
        """Print the logs, and follow them if asked."""
        if not any(self._layout.log.glob("*.log")):
            raise StackError("There are no logs yet. Start Doorward with `make up`.")
        for line in log_reader.read(self._layout.log, follow=follow):
            print(line, flush=follow)

    def flask(self, command: Sequence[str]) -> int:
        """Run a command of auth-service with its settings; return its exit status."""
        if not self.running:
            raise StackError("make flask needs a running Doorward. Start it with `make up`.")
        # Flask would add the settings in .env, which may have changed since the start.
        environment = {**self._environment(), "FLASK_SKIP_DOTENV": "1"}
        return self._run(["-m", "flask", "--app", "auth_service", *command], environment).returncode

    def rotate_credentials(self) -> None:
        """Replace the internal service credentials."""
        command = ["-m", "doorward_init", "rotate"]
        done = self._run(command, self._environment(), stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise StackError(f"Not all credentials were replaced:\n{indent(done.stderr.decode())}")

    def archive(self, action: str, **streams: BinaryIO) -> None:
        """Pack the data into `stdout`, or unpack it from `stdin`."""
        environment = self._environment()
        local_checks.refuse_others_data(Path(environment["DOORWARD_DATA_DIR"]))
        done = self._run(
            [str(archive.__file__), action], environment, stderr=subprocess.PIPE, **streams
        )
        if done.returncode != 0:
            raise StackError(f"{action} failed:\n{indent(done.stderr.decode())}")

    def pause(self) -> bool:
        """Stop the programs until `resume`; return whether they ran."""
        if not self.running:
            return False
        self._supervisor.stop_all()
        return True

    def resume(self) -> None:
        """Start the programs again; return when they answer."""
        self._supervisor.start_all()
        self._wait(self._environment(), Watch(self._supervisor))

    def _environment(self) -> dict[str, str]:
        """Return the environment that the stack runs with, or would be started with."""
        leader = self._leader
        if leader:
            return leader.environ()
        values = local_settings.read(self._layout, os.environ)
        return local_settings.environment(self._layout, values, local_settings.NO_PORTS)

    def _run(
        self, arguments: Sequence[str], environment: Mapping[str, str], **streams: Any
    ) -> "subprocess.CompletedProcess[bytes]":
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._layout.root,
            env=environment,
            check=False,
            umask=UMASK,
            **streams,
        )
        return done


def _address(environment: Mapping[str, str]) -> Address:
    return address(environment, Path(environment.get("DOORWARD_TLS_DIR", "nowhere")))

"""Runs the stack as plain processes under a supervisor."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from . import health, local_settings, ports, processes, running, state, supervisor_config
from .engine import indent
from .errors import StackError
from .last_words import LastWords, tail
from .layout import Layout
from .settings import Settings

READY_SECONDS = 60


class ProgramDied(StackError):
    """A program ended while the stack was starting, with what it said itself."""


class LocalStack:
    """The stack's processes on this machine."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def _session(self) -> processes.Session | None:
        remembered = state.read(self._layout.state_file).get("supervisord")
        return processes.Session.from_json(remembered)

    @property
    def running(self) -> bool:
        """Whether its supervisor lives."""
        session = self._session
        return session is not None and session.leader_lives

    @property
    def _leftover(self) -> bool:
        """Whether anything of it lives, be it without its supervisor."""
        session = self._session
        return session is not None and bool(session.members(self._layout.root))

    def down(self) -> bool:
        """End every process; return whether there was any."""
        session = self._session
        existed = self._leftover
        if session is not None and existed:
            processes.stop(session, self._layout.root)
        state.forget(self._layout.state_file)
        return existed

    def check(self, settings: Settings) -> None:
        """Refuse what cannot work."""
        if not processes.PROC.joinpath("self/stat").exists():
            raise StackError("Local mode needs Linux. Use Docker: MODE=compose.")
        # PYTHONPATH splits at one, and the supervisor takes the other for a format.
        if any(sign in str(self._layout.state) + str(self._layout.root) for sign in ":%"):
            raise StackError(f"Local mode needs a path without : and %, unlike {self._layout.root}")
        refuse_others_data(settings.data_dir)
        remembered = state.read(self._layout.state_file)
        ours = self._leftover and remembered.get("ports", {}).get("nginx") == settings.port
        if not ours:
            ports.check_public_ports(settings)

    def up(self, settings: Settings, why: str) -> str:
        """Start what does not run, start anew what changed; return what was done."""
        self._layout.make_folders()
        remembered = state.read(self._layout.state_file)
        if self.running:
            environment = local_settings.environment(self._layout, settings, remembered["ports"])
            if remembered.get("fingerprint") == local_settings.fingerprint(
                self._layout, environment
            ):
                health.wait(settings, READY_SECONDS, self._raise_for_dead_supervisor)
                return "is already running"
            done = "was started anew with your changes"
        else:
            done = "is running"
        chosen = local_settings.choose_ports(settings, {})
        environment = local_settings.environment(self._layout, settings, chosen)
        self._init(environment, "--check")
        self._init(environment)
        self.down()
        ports.check_public_ports(settings)
        # Again: what ran had the ports that it is to have once more.
        chosen = local_settings.choose_ports(settings, remembered.get("ports", {}))
        environment = local_settings.environment(self._layout, settings, chosen)
        self._start(settings, why, chosen, environment)
        return done

    def _init(self, environment: Mapping[str, str], *arguments: str) -> None:
        made = subprocess.run(
            [str(self._layout.python), "-m", "doorward_init", *arguments],
            cwd=self._layout.root,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o077,
        )
        if made.returncode != 0:
            raise StackError(made.stderr.rstrip())

    def _start(
        self, settings: Settings, why: str, chosen: dict[str, int], environment: Mapping[str, str]
    ) -> None:
        layout = self._layout
        for name in supervisor_config.NAMES:
            (layout.starts / name).unlink(missing_ok=True)
        socket = supervisor_config.socket_path(
            layout.run, state.read(layout.state_file).get("socket")
        )
        text = supervisor_config.render(layout.run, socket, root_user=os.geteuid() == 0)
        layout.supervisor_config.write_text(text, "utf-8")
        words = LastWords(layout)
        with _emptied(layout.log / "supervisord.err.log") as output:
            config = str(layout.supervisor_config)
            supervisor = subprocess.Popen(
                [str(layout.python), "-m", "supervisor.supervisord", "-c", config],
                cwd=layout.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,
            )
        session = processes.Session.of(supervisor.pid)
        data: dict[str, Any] = {
            "mode": "local",
            "why": why,
            "url": settings.public_url,
            "data": str(settings.data_dir),
            **running.record(settings),
            "ports": chosen,
            "socket": socket,
            "supervisord": session.__dict__ if session else None,
            "fingerprint": local_settings.fingerprint(layout, environment),
        }
        state.write(layout.state_file, data)
        try:
            health.wait(
                settings,
                READY_SECONDS,
                lambda: self._raise_for_dead(supervisor, words),
                (environment["DOORWARD_AUTH_UPSTREAM"], environment["DOORWARD_WEB_UPSTREAM"]),
            )
        except (ProgramDied, KeyboardInterrupt):
            self.down()
            raise
        except StackError as error:
            self.down()
            raise StackError(*error.problems, *map(words.of, supervisor_config.NAMES)) from None

    def _raise_for_dead(self, supervisor: subprocess.Popen[bytes], words: LastWords) -> None:
        if supervisor.poll() is not None:
            text = (self._layout.log / "supervisord.err.log").read_text("utf-8", errors="replace")
            raise ProgramDied(f"The supervisor stopped:\n{indent(tail(text))}")
        dead = [name for name in supervisor_config.NAMES if self._starts(name) > 1]
        if dead:
            raise ProgramDied(f"{' and '.join(dead)} stopped at the start.", *map(words.of, dead))

    def _raise_for_dead_supervisor(self) -> None:
        if not self.running:
            raise StackError("The supervisor stopped. Try again.")

    def _starts(self, name: str) -> int:
        try:
            return int((self._layout.starts / name).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0


def _emptied(log: Path) -> BinaryIO:
    # Closed to others also where an older version has made it.
    log.unlink(missing_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def refuse_others_data(folder: Path) -> None:
    """Let only the owner of the data work on it."""
    if not folder.exists():
        return
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise StackError(
            f"DOORWARD_DATA_DIR: {folder} belongs to user {owner}, and you are user "
            f"{os.geteuid()}. Run this as its owner, or choose another folder."
        )

"""Runs the stack with Docker Compose."""

import subprocess
import time
from pathlib import Path
from typing import Any

from . import health, ports, running, state
from .engine import SERVICES, Engine, indent
from .errors import StackError
from .layout import Layout
from .settings import WIRING, Settings

READY_SECONDS = 60
# doorward_init's status for wrong settings.
WRONG_SETTINGS = 78
# Compose itself waits for the health checks; this only ends what would never get there.
START_SECONDS = 240


class ComposeStack:
    """The Compose project of a checkout."""

    def __init__(self, layout: Layout, settings: Settings, engine: Engine) -> None:
        self._layout = layout
        self._settings = settings
        self._engine = engine

    @property
    def running(self) -> bool:
        """Whether any container of this checkout runs."""
        return not self._foreign() and any(
            one["State"] == "running" for one in self._engine.containers()
        )

    def check(self) -> bool:
        """Refuse what cannot work; return whether containers of this checkout run already."""
        refused = [name for name in WIRING if name in self._settings.values]
        if refused:
            raise StackError(*(f"{name}: Compose sets this itself. Remove it." for name in refused))
        foreign = self._foreign()
        if foreign:
            raise StackError(foreign)
        if self._settings.port == self._settings.https_port:
            raise StackError(
                "DOORWARD_PORT and DOORWARD_HTTPS_PORT must differ: Compose publishes both."
            )
        wanted = {
            ("DOORWARD_PORT", "8080"): self._settings.port,
            ("DOORWARD_HTTPS_PORT", "8443"): self._settings.https_port,
        }
        for (name, inside), port in wanted.items():
            if self._published_port(inside) != port:
                ports.check_public_port(self._settings, name, port)
        return self.running

    def up(self, why: str, *, build: bool) -> None:
        """Build, start, and return when the whole answers."""
        if build:
            print(f"Building the images (follow it in {self._output}) …", flush=True)
            if self._logged("build").wait() != 0:
                raise StackError(f"The images could not be built:\n{self._tail(30)}")
        else:
            print("The images are kept as they are: the base image to build on is not here.")
        # What is mounted has to be there.
        self._layout.certs.mkdir(exist_ok=True)
        if self.running:
            print("Checking the settings …", flush=True)
            self._refuse_wrong_settings()
        before = self._restarts()
        # A certificate that came or went changes what the services do, but not how they are made.
        told = state.read(self._layout.state_file).get("url", self._settings.public_url)
        try:
            self._start(before, anew=told != self._settings.public_url)
            health.wait(self._settings, READY_SECONDS, lambda: self._raise_for_dead(before))
        except (StackError, KeyboardInterrupt):
            self._engine.compose("down", "--remove-orphans")
            raise
        volume = f"the Compose volume {self._engine.project()}_data"
        state.write(
            self._layout.state_file,
            state.read(self._layout.state_file)
            | {
                "mode": "compose",
                "why": why,
                "url": self._settings.public_url,
                "data": volume,
                **running.record(self._settings),
                "project": self._engine.project(),
            },
        )

    def down(self, *, volumes: bool = False) -> bool:
        """Remove the containers (and all that is kept, if told so); whether there was any."""
        foreign = self._foreign()
        if foreign and volumes:
            raise StackError(foreign)
        existed = not foreign and bool(self._engine.containers())
        extra = ("--volumes",) if volumes else ()
        if existed or volumes:
            done = self._engine.compose("down", "--remove-orphans", *extra)
            if done.returncode != 0:
                raise StackError(f"docker compose down failed:\n{indent(done.stderr)}")
        if volumes:
            # Not by Compose's --rmi: it trips over two of these being one image.
            project = self._engine.project()
            for service in SERVICES:
                self._engine.run(["docker", "image", "rm", f"{project}-{service}"])
        return existed

    def _refuse_wrong_settings(self) -> None:
        done = self._engine.compose("run", "--rm", "--no-deps", "-T", "init", "--check")
        if done.returncode == WRONG_SETTINGS:
            raise StackError(done.stderr.rstrip())

    @property
    def _output(self) -> Path:
        """What Compose says goes here: only when it fails does anybody want to read it."""
        return self._layout.run / "compose.out"

    def _logged(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._output.open("wb") as output:
            return self._engine.popen(
                *arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def _tail(self, lines: int) -> str:
        text = self._output.read_text("utf-8", errors="replace")
        return indent("\n".join(text.splitlines()[-lines:]))

    def _start(self, before: dict[str, int], *, anew: bool) -> None:
        print("Starting the containers …", flush=True)
        extra = ("--force-recreate",) if anew else ()
        starting = self._logged("up", "--detach", "--no-build", "--remove-orphans", *extra)
        deadline = time.monotonic() + START_SECONDS
        try:
            while starting.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
                self._raise_for_dead(before)
        finally:
            if starting.poll() is None:
                starting.terminate()
                starting.wait()
        if starting.returncode != 0:
            self._raise_for_dead(before)
            raise StackError(f"docker compose up failed:\n{self._tail(8)}")

    def _restarts(self) -> dict[str, int]:
        identities = [one["ID"] for one in self._engine.containers()]
        if not identities:
            return {}
        form = "{{.Id}} {{.RestartCount}}"
        done = self._engine.run(["docker", "inspect", "--format", form, *identities])
        lines = (line.split() for line in done.stdout.splitlines())
        return {identity[:12]: int(count) for identity, count in lines}

    def _raise_for_dead(self, before: dict[str, int]) -> None:
        restarts = self._restarts()
        for one in self._engine.containers():
            identity = one["ID"][:12]
            again = restarts.get(identity, 0) > before.get(identity, 0)
            failed = one["State"] in ("exited", "dead") and one.get("ExitCode") != 0
            if again or failed or one.get("Health") == "unhealthy":
                raise StackError(self._last_words(one))

    def _last_words(self, container: dict[str, Any]) -> str:
        service = container["Service"]
        plain = ("logs", "--no-color", "--no-log-prefix", "--tail", "20", service)
        # A program that was restarted meanwhile has said the same more than once.
        lines = dict.fromkeys(self._engine.compose(*plain).stdout.splitlines())
        words = indent("\n".join(lines))
        return f"{service} did not start:\n{words}"

    def _published_port(self, inside: str) -> int | None:
        done = self._engine.compose("port", "nginx", inside)
        digits = done.stdout.strip().rpartition(":")[2]
        return int(digits) if done.returncode == 0 and digits.isdigit() else None

    def _foreign(self) -> str | None:
        """Return the other checkout that has this project's name: the folder's name, by default."""
        project = self._engine.project()
        label = f"label=com.docker.compose.project={project}"
        form = '{{.Label "com.docker.compose.project.working_dir"}}'
        found = self._engine.run(["docker", "ps", "--all", "--filter", label, "--format", form])
        others = {line for line in found.stdout.splitlines() if line} - {str(self._layout.root)}
        if not others:
            return None
        return (
            f"The Compose project {project!r} is in use by {others.pop()}. Give this checkout "
            "a name of its own: COMPOSE_PROJECT_NAME=another-name in .env."
        )

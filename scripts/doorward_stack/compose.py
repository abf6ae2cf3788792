"""Runs the stack with Docker Compose."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from . import archive, logs, ports, progress, state
from .engine import SERVICES, Engine
from .errors import StackError, indent
from .health import Address
from .layout import Layout
from .settings import address, refuse_unknown

# Compose waits for the health checks; this is for containers that never become healthy.
START_SECONDS = 240


class ComposeStack:
    """The Compose project of a checkout."""

    def __init__(self, layout: Layout, engine: Engine, *, build: bool = True) -> None:
        self._layout = layout
        self._engine = engine
        self._can_build = build

    @property
    def running(self) -> bool:
        """Whether any container of this checkout runs."""
        return self._has_containers("--status", "running")

    @property
    def exists(self) -> bool:
        """Whether this checkout has any container, running or not."""
        return self._has_containers("--all")

    def _has_containers(self, *which: str) -> bool:
        if self._other_checkout():
            return False
        return bool(self._engine.compose("ps", "--quiet", *which).stdout.strip())

    def up(self, why: str) -> None:
        """Build, start, and return when it answers."""
        refuse_unknown(self._layout, self._engine.environ)
        self._refuse_foreign_project()
        where = self._address()
        was_running = self.running
        if was_running:
            print(f"Already running at {where.public_url}; applying changes …", flush=True)
        else:
            ports.refuse_unusable("DOORWARD_PORT", where.bind, where.port)
            ports.refuse_unusable("DOORWARD_HTTPS_PORT", where.bind, where.https_port)
        if self._can_build:
            self._build()
        else:
            print("The images stay as they are: the base image to build on is not here.")
        # Compose mounts these folders, so they have to exist.
        self._layout.certs.mkdir(exist_ok=True)
        self._layout.brand.mkdir(exist_ok=True)
        self._engine.environ["DOORWARD_PUBLIC_URL"] = where.public_url
        self._check_settings()
        self._start(where)
        found = {
            "mode": "compose",
            "why": why,
            "url": where.public_url,
            "data": f"the Compose volume {self._engine.project}_data",
        }
        state.write(self._layout.state_file, state.read(self._layout.state_file) | found)
        state.announce(found, "is up to date" if was_running else "is running")

    def _address(self) -> Address:
        """Return the address of nginx, from the configuration that Compose made."""
        nginx = self._engine.configuration()["services"]["nginx"]
        plain, secure = nginx["ports"]
        values = {name: value or "" for name, value in nginx["environment"].items()}
        bind = plain.get("host_ip", "")
        values |= {
            # Compose takes the brackets off.
            "DOORWARD_BIND": f"[{bind}]" if ":" in bind else bind,
            "DOORWARD_PORT": plain["published"],
            "DOORWARD_HTTPS_PORT": secure["published"],
        }
        folders = {each["target"]: each["source"] for each in nginx["volumes"]}
        return address(values, Path(folders[values["DOORWARD_TLS_DIR"]]))

    def _build(self) -> None:
        self._show_progress("Building the images", "build")

    def _show_progress(self, step: str, *arguments: str, **how: Any) -> None:
        """Run a long command. On a terminal Compose itself shows how far it is."""
        print(f"{step} …", flush=True)
        if sys.stdout.isatty():
            self._engine.succeed(*arguments, show=True, **how)
            return
        with progress.shown(step):
            self._engine.succeed(*arguments, **how)

    def _check_settings(self) -> None:
        run = ("--progress", "quiet", "run", "--rm", "--no-deps", "-T", "init")
        done = self._engine.compose(*run, "--check")
        if done.returncode != 0:
            raise StackError(done.stderr.rstrip())

    def _start(self, where: Address) -> None:
        up = ("up", "--detach", "--no-build", "--remove-orphans")
        try:
            self._show_progress("Starting the containers", *up, seconds=START_SECONDS)
            where.wait(self._still_running)
        except BaseException:
            print("The end of the logs:", flush=True)
            self._engine.compose("logs", "--no-color", "--tail", "20", show=True)
            self._engine.compose("down", "--remove-orphans")
            raise

    def down(self) -> bool:
        """Remove the containers; return whether there were any."""
        if not self.exists:
            return False
        self._engine.succeed("down", "--remove-orphans")
        return True

    def cleaned(self) -> str:
        """Return what `clean` removes."""
        return f"the volumes and images of the Compose project {self._engine.project}"

    def clean(self) -> None:
        """Remove the containers, the data and the images."""
        self._refuse_foreign_project()
        self._engine.succeed("down", "--remove-orphans", "--volumes")
        # Not by Compose's --rmi, which fails where two of these are one image.
        for service in SERVICES:
            self._engine.run(["docker", "image", "rm", f"{self._engine.project}-{service}"])

    def logs(self, *, follow: bool) -> Iterable[Sequence[logs.Line]]:
        """Return the last lines of all containers and, if asked, those that they add."""
        if not self.exists:
            raise StackError(
                "There are no logs: Docker removes them with the containers. Start Doorward with "
                "`make up`."
            )
        return logs.of_containers(self._engine, follow=follow)

    def flask(self, command: Sequence[str]) -> int:
        """Run a command of auth-service in its container; return its exit status."""
        if not self.running:
            raise StackError("make flask needs a running Doorward. Start it with `make up`.")
        terminal = () if sys.stdin.isatty() else ("--no-TTY",)
        flask = ("auth-service", "flask", "--app", "auth_service", *command)
        return self._engine.popen("exec", *terminal, *flask).wait()

    def rotate_credentials(self) -> None:
        """Replace the internal service credentials."""
        run = ("run", "--rm", "--no-deps", "-T", "init", "rotate")
        with progress.shown("Replacing the credentials"):
            self._engine.succeed(*run, failure="Not all credentials were replaced")

    def archive(self, action: str, **streams: BinaryIO) -> None:
        """Pack the data into `stdout`, or unpack it from `stdin`."""
        if not self._engine.has_image(f"{self._engine.project}-init"):
            # Compose would build it by itself, but say so in the middle of the archive.
            self._build()
        # `init` is the one service that has every volume.
        process = self._engine.popen(
            *("run", "--rm", "--no-deps", "-T", "--entrypoint", "python", "init"),
            *("-c", Path(archive.__file__).read_text("utf-8"), action),
            **{"stdin": subprocess.DEVNULL, **streams},
            stderr=subprocess.PIPE,
        )
        output = process.communicate()[1].decode("utf-8", "replace")
        if process.returncode != 0:
            raise StackError(f"{action} failed:\n{indent(output)}")

    def pause(self) -> bool:
        """Stop the containers until `resume`; return whether they ran."""
        if not self.running:
            return False
        self._engine.succeed("stop")
        return True

    def resume(self) -> None:
        """Start the containers again; return when they answer."""
        self._engine.succeed("start")
        self._address().wait(self._still_running)

    def _still_running(self) -> bool:
        if not self.running:
            raise StackError("The containers stopped.")
        return True

    def _refuse_foreign_project(self) -> None:
        if other := self._other_checkout():
            raise StackError(
                f"The Compose project {self._engine.project!r} is in use by {other}. Give this "
                "checkout a name of its own: COMPOSE_PROJECT_NAME=another-name in .env."
            )

    def _other_checkout(self) -> str | None:
        """Return the checkout that uses the project's name, by default the folder's, if another."""
        label = f"label=com.docker.compose.project={self._engine.project}"
        form = '{{.Label "com.docker.compose.project.working_dir"}}'
        found = self._engine.run(["docker", "ps", "--all", "--filter", label, "--format", form])
        others = {line for line in found.stdout.splitlines() if line} - {str(self._layout.root)}
        return min(others, default=None)

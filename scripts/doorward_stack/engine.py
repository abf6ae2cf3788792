"""The Docker engine: whether Compose can run the stack here, and commands to it."""

import functools
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import progress
from .errors import StackError, indent
from .layout import Layout
from .settings import known_names

OLDEST_COMPOSE = (2, 20)
SERVICES = ("init", "auth-service", "web-frontend", "nginx")
ANSWER_SECONDS = 20
PULL_SECONDS = 180
LAST_LINES = 30


@dataclass(frozen=True)
class Choice:
    """How the stack is to be run, and why."""

    mode: str
    why: str
    build: bool = True
    """Whether the base image is there to build on."""


class Engine:
    """The engine that `docker` talks to, and Compose as seen from one checkout."""

    def __init__(self, layout: Layout, *, defaults: bool = False) -> None:
        """Take the settings from `.env` and the environment, or the defaults of all of them.

        With the defaults, commands that need no setting work whatever is wrong with them.
        """
        self._layout = layout
        self.environ = dict(os.environ)
        if layout.separate:
            self.environ.setdefault("DOORWARD_TLS_DIR", str(layout.certs))
            self.environ.setdefault("DOORWARD_BRAND_DIR", str(layout.brand))
        if defaults:
            self.environ |= dict.fromkeys(known_names(layout.root), "")

    def compose_command(self, *arguments: str) -> list[str]:
        """Return a `docker compose` command for this checkout or separate stack."""
        command = ["docker", "compose"]
        if self._layout.separate:
            # Never the usual project: removing this stack would remove its data.
            label = hashlib.sha256(str(self._layout.state).encode()).hexdigest()[:10]
            project = self._layout.project or f"doorward-{label}"
            command += ["-p", project, "--env-file", os.devnull]
            command += ["-f", str(self._layout.root / "docker-compose.yml")]
        return [*command, *arguments]

    def run(
        self, command: Sequence[str], *, seconds: float | None = None, show: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command here and return how it ended; never raises for that."""
        pipe = None if show else subprocess.PIPE
        try:
            return subprocess.run(
                command,
                cwd=self._layout.root,
                env=self.environ,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                text=True,
                timeout=seconds,
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess(command, 127, "", "there is no docker command")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no answer for {seconds:.0f} s")

    def compose(
        self, *arguments: str, seconds: float | None = None, show: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a `docker compose` command."""
        return self.run(self.compose_command(*arguments), seconds=seconds, show=show)

    def succeed(
        self,
        *arguments: str,
        failure: str = "",
        seconds: float | None = None,
        show: bool = False,
    ) -> None:
        """Run a `docker compose` command; raise StackError if it fails.

        Its message is `failure` and the end of what Compose said, unless that was shown already.
        """
        done = self.compose(*arguments, seconds=seconds, show=show)
        if done.returncode != 0:
            said = (done.stdout or "") + (done.stderr or "")
            failure = failure or f"docker compose {arguments[0]} failed"
            raise StackError(f"{failure}:\n{indent(said, LAST_LINES)}")

    def popen(self, *arguments: str, **how: Any) -> subprocess.Popen[bytes]:
        """Start a `docker compose` command and do not wait for it."""
        command = self.compose_command(*arguments)
        return subprocess.Popen(command, cwd=self._layout.root, env=self.environ, **how)

    @functools.cache  # noqa: B019  # an engine lives as long as the command
    def missing(self) -> str | None:
        """Return why Compose does not work here, or None if it does."""
        ask = ["docker", "info", "--format", "{{.ServerVersion}}"]
        with progress.shown("Asking the Docker engine"):
            info = self.run(ask, seconds=ANSWER_SECONDS)
        if info.returncode == 127:
            return "Docker is not installed"
        if "permission denied" in info.stderr.lower():
            return "only members of the group `docker` may use the engine, and you are not one"
        # Old clients end with 0 though the engine did not answer.
        if info.returncode != 0 or not info.stdout.strip():
            return "no Docker engine answers"
        version = self.run(["docker", "compose", "version", "--short"], seconds=ANSWER_SECONDS)
        found = re.match(r"v?(\d+)\.(\d+)", version.stdout.strip())
        if version.returncode != 0 or found is None:
            return "Docker has no Compose plugin"
        if (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
            return f"Docker Compose is {version.stdout.strip()}, and 2.20 or later is needed"
        return None

    @functools.cache  # noqa: B019  # an engine lives as long as the command
    def configuration(self) -> dict[str, Any]:
        """Return the Compose file with the settings put in.

        Raises:
            StackError: Compose does not take it.
        """
        done = self.compose("config", "--format", "json")
        if done.returncode != 0:
            raise StackError(f"docker compose config failed:\n{indent(done.stderr)}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def project(self) -> str:
        """The name of the Compose project."""
        return str(self.configuration()["name"])

    @property
    def base_image(self) -> str:
        """The image that the others are built on."""
        build = self.configuration()["services"]["nginx"]["build"]
        return str(build["args"]["BASE_IMAGE"])

    def has_image(self, name: str) -> bool:
        """Whether the engine has an image."""
        inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
        return self.run(inspect).returncode == 0

    def can_build(self) -> bool:
        """Whether the base image is there, pulling it if need be."""
        if self.has_image(self.base_image):
            return True
        print(f"Pulling the base image {self.base_image} …", flush=True)
        pull = ["docker", "pull", "--quiet", self.base_image]
        with progress.shown("Pulling"):
            return self.run(pull, seconds=PULL_SECONDS).returncode == 0


def choose(engine: Engine, wanted: str) -> Choice:
    """Decide how to run, as `make up` promises."""
    if wanted == "local":
        return Choice("local", "MODE=local asks for it")
    reason = engine.missing()
    if reason is None:
        why = "MODE=compose asks for it" if wanted == "compose" else "a Docker engine answers"
        if engine.can_build():
            return Choice("compose", why)
        if all(engine.has_image(f"{engine.project}-{service}") for service in SERVICES):
            return Choice("compose", why, build=False)
        reason = (
            f"the base image {engine.base_image} is not here and could not be downloaded "
            "(BASE_IMAGE names another)"
        )
    if wanted == "compose":
        raise StackError(f"MODE=compose is not possible: {reason}.")
    return Choice("local", reason)

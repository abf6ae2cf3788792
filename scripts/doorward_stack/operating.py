"""What operators do to a stack's data: commands of auth-service, new credentials, backups."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import bootstrap, local_settings, state
from .engine import indent
from .errors import StackError
from .local import refuse_others_data
from .saving import Saving
from .stack import Stack


def flask(stack: Stack, words: Sequence[str]) -> int:
    """Run a command of auth-service, as its user and with its settings; return its exit status."""
    command = ["flask", "--app", "auth_service", *words]
    mode = stack.running_mode
    if mode == "compose":
        terminal = () if sys.stdin.isatty() else ("--no-TTY",)
        command = stack.engine.compose_command("exec", *terminal, "auth-service", *command)
        environment = stack.engine.environ
    elif mode == "local":
        ports = state.read(stack.layout.state_file)["ports"]
        environment = local_settings.environment(stack.layout, stack.settings, ports)
        # Flask would add what stands in .env by now, and what runs does not know.
        environment["FLASK_SKIP_DOTENV"] = "1"
        command = [str(stack.layout.python), "-m", *command]
    else:
        raise StackError(
            "make flask needs a running Doorward, and it is not running. Start it with `make up`."
        )
    # Umask: a command may be the first to write into a log that is closed to others.
    return subprocess.run(
        command, cwd=stack.layout.root, env=environment, check=False, umask=0o077
    ).returncode


def rotate_credentials(stack: Stack) -> None:
    """Replace what the programs prove themselves to each other with, while they run."""
    words = ("-m", "doorward_init", "rotate")
    if (
        stack.data_mode("There are no credentials yet. They are made at the first start.")
        == "compose"
    ):
        done = stack.engine.compose("run", "--rm", "--no-deps", "-T", "init", "rotate")
    else:
        refuse_others_data(stack.settings.data_dir)
        bootstrap.ensure(stack.layout.root)
        done = subprocess.run(
            [str(stack.layout.python), *words],
            cwd=stack.layout.root,
            env=local_settings.environment(stack.layout, stack.settings, local_settings.NO_PORTS),
            check=False,
            stderr=subprocess.PIPE,
            text=True,
        )
    if done.returncode != 0:
        raise StackError(f"The credentials were not all replaced:\n{indent(done.stderr)}")
    print("The credentials were replaced. The old ones are accepted for a minute more.")


def backup(stack: Stack, file: Path | None) -> None:
    """Save users, sessions and secrets into one file."""
    mode = stack.data_mode("There is nothing to back up yet.")
    data = "the Compose volumes" if mode == "compose" else stack.settings.data_dir
    print(f"Saved {_saving(stack, mode).backup(file)} of {data}")


def restore(stack: Stack, file: Path | None, confirm: Callable[[str], None]) -> None:
    """Replace users, sessions and secrets by those of a backup."""
    if file is None:
        raise StackError("Say which backup: make restore FILE=backups/doorward-….tar.gz")
    mode = stack.data_mode()
    saving = _saving(stack, mode)
    saving.check(file)
    confirm(f"This replaces every user, session and key by those of {file}.")
    with stack.layout.locked():
        why = str(state.read(stack.layout.state_file).get("why", "it ran so"))
        running = stack.stop()
        saving.restore(file)
        print(f"Restored {file}.")
        if running:
            stack.up(mode, why)
        else:
            print("Start it with `make up`.")


def _saving(stack: Stack, mode: str) -> Saving:
    if mode == "local":
        bootstrap.ensure(stack.layout.root)
    return Saving(stack.layout, stack.settings, stack.engine if mode == "compose" else None)

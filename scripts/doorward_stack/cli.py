"""The command line of stack.py."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import bootstrap, cleaning, log_reader, operating
from .errors import StackError
from .layout import ROOT, Layout
from .settings import load
from .stack import Stack

# These must work whatever is wrong with the settings.
LENIENT = ("down", "clean", "logs", "ctl")


class Commands:
    """What can be done with one stack."""

    def __init__(self, layout: Layout, arguments: argparse.Namespace) -> None:
        self._layout = layout
        self._arguments = arguments
        settings = load(layout, os.environ, lenient=arguments.action in LENIENT)
        self._stack = Stack(layout, settings, arguments.mode)

    def up(self) -> None:
        """Start everything, and return when it answers."""
        with self._layout.locked():
            self._stack.up()

    def down(self) -> None:
        """Stop what this checkout started."""
        with self._layout.locked():
            stopped = self._stack.stop()
        print("Stopped. The data stays." if stopped else "Nothing was running.")

    def clean(self) -> None:
        """Stop, and remove the data and the logs."""
        data, log = self._stack.settings.data_dir, self._layout.log
        self._stack.refuse_other_data(os.environ)
        self._confirm(
            f"This stops Doorward and removes every user, session and key in {data}, the logs in {log} "
            "(the audit log too), and the Compose volumes and images of this checkout."
        )
        with self._layout.locked():
            self._stack.stop()
            if self._stack.engine.missing() is None:
                self._stack.compose.down(volumes=True)
        cleaning.remove(self._layout, data)
        print(f"Removed the data in {data} and the logs in {log}.")
        if data.exists():
            print("What Doorward has not made is left there.")

    def backup(self) -> None:
        """Save users, sessions and secrets into one file."""
        operating.backup(self._stack.as_it_runs(os.environ), self._file())

    def restore(self) -> None:
        """Replace users, sessions and secrets by those of a backup."""
        operating.restore(self._stack.as_it_runs(os.environ), self._file(), self._confirm)

    def logs(self) -> None:
        """Show the logs, and go on showing them on a terminal."""
        follow = sys.stdout.isatty()
        if self._stack.running_mode == "compose":
            extra = ("--follow",) if follow else ()
            self._stack.engine.compose("logs", "--tail", "100", *extra, show=True)
            return
        if not any(self._layout.log.glob("*.log")):
            raise StackError("There are no logs yet. Start Doorward with `make up`.")
        for line in log_reader.read(self._layout.log, follow=follow):
            print(line, flush=follow)
        sys.stdout.flush()

    def ctl(self) -> None:
        """Pass a command on to local mode's supervisor."""
        if not self._stack.local.running:
            raise StackError("Local mode is not running.")
        python, config = str(self._layout.python), str(self._layout.supervisor_config)
        command = [python, "-m", "supervisor.supervisorctl", "-c", config]
        done = subprocess.run([*command, *self._arguments.rest], cwd=self._layout.root, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)

    def flask(self) -> None:
        """Run a command of auth-service, as its user and with its settings."""
        status = operating.flask(self._stack.as_it_runs(os.environ), self._arguments.rest)
        if status != 0:
            raise SystemExit(status)

    def rotate_credentials(self) -> None:
        """Replace what the programs prove themselves to each other with, while they run."""
        operating.rotate_credentials(self._stack.as_it_runs(os.environ))

    def _file(self) -> Path | None:
        given = self._arguments.file
        return Path(given).expanduser().absolute() if given else None

    def _confirm(self, what: str) -> None:
        if self._arguments.yes:
            return
        if not sys.stdin.isatty():
            raise StackError(f"{what} Confirm with CONFIRM=yes.")
        print(what)
        if input("Type yes to go on: ").strip() != "yes":
            raise StackError("Nothing was changed.")


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line; MODE, FILE and CONFIRM come from make through the environment."""
    actions = (
        *("up", "down", "clean", "backup", "restore", "logs", "ctl", "flask", "bootstrap"),
        "rotate-credentials",
    )
    parser = argparse.ArgumentParser(prog="stack.py", description="Starts and stops Doorward.")
    parser.add_argument("action", choices=actions)
    parser.add_argument("rest", nargs="*", help="what ctl and flask pass on, such as: users list")
    parser.add_argument("--mode", help="compose or local forces one way of running")
    parser.add_argument("--state", type=Path, help="a folder for a stack beside the usual one")
    parser.add_argument(
        "--project", default="", help="with --state: the name of its Compose project"
    )
    parser.add_argument("--file", default=os.environ.get("FILE"), help="the backup")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--tests", action="store_true", help="bootstrap: what tests need, too")
    parser.add_argument(
        "--bench", action="store_true", help="bootstrap: what the benchmarks need, too"
    )
    arguments = parser.parse_args(words)
    arguments.mode = arguments.mode or os.environ.get("MODE") or "auto"
    if arguments.mode not in ("auto", "compose", "local"):
        raise StackError(f"MODE must be compose or local, not {arguments.mode!r}.")
    arguments.yes = arguments.yes or os.environ.get("CONFIRM") == "yes"
    return arguments


def main(words: list[str] | None = None) -> int:
    """Do one command; return its exit status."""
    try:
        arguments = parse(words)
        if arguments.action == "bootstrap":
            bootstrap.ensure(ROOT, bootstrap.TEST if arguments.tests else bootstrap.RUN)
            if arguments.bench:
                bootstrap.ensure(ROOT, bootstrap.BENCH, "benchmarks")
            return 0
        layout = Layout(ROOT, (arguments.state or ROOT / "var").absolute(), arguments.project)
        name = arguments.action.replace("-", "_")
        action: Callable[[], None] = getattr(Commands(layout, arguments), name)
        action()
    except StackError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who reads has seen enough, as in `make logs | head`; what is still to be written goes
        # nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("Stopped at your request.", file=sys.stderr)
        return 130
    return 0

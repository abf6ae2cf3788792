"""The command line of stack.py."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import bootstrap, local_settings, state, system_packages
from .compose import ComposeStack
from .engine import Choice, Engine, choose, indent
from .errors import StackError
from .layout import ROOT, Layout
from .local import LocalStack, refuse_others_data
from .saving import Saving
from .settings import Settings, load

# These must work whatever is wrong with the settings.
LENIENT = ("down", "clean", "logs", "ctl")
DATA_FILES = ("users.json*", "state.db*", "throttle.db*", ".users.json*", "secrets")


class Commands:
    """What can be done with one stack."""

    def __init__(self, layout: Layout, arguments: argparse.Namespace) -> None:
        self._layout = layout
        self._arguments = arguments
        self._settings: Settings = load(layout, os.environ, lenient=arguments.action in LENIENT)
        self._engine = Engine(layout, self._settings)
        self._local = LocalStack(layout)
        self._compose = ComposeStack(layout, self._settings, self._engine)

    def up(self) -> None:
        """Start everything, and return when it answers."""
        with self._layout.locked():
            self._up(self._arguments.mode)

    def _up(self, wanted: str) -> None:
        if self._local.running and wanted == "compose":
            raise StackError("This checkout is running in local mode. Type `make down` first.")
        if self._local.running:
            choice = Choice("local", str(state.read(self._layout.state_file).get("why")))
        else:
            choice = choose(self._engine, wanted)
        if choice.mode == "local":
            if self._engine_runs_it():
                raise StackError("This checkout is running with Compose. Type `make down` first.")
            self._local.check(self._settings)
            lacking = bootstrap.packages(self._layout.root)
            programs = {"nginx": "nginx"} | ({"openssl": "openssl"} if self._settings.tls else {})
            system_packages.need(programs, "Local mode", lacking)
            bootstrap.ensure(self._layout.root)
            done = self._local.up(self._settings, choice.why)
        else:
            running = self._compose.check()
            if running:
                print(f"Already running at {self._settings.public_url}; applying changes …")
            self._compose.up(choice.why, build=choice.build)
            done = "is up to date" if running else "is running"
        self._announce(done)

    def _announce(self, done: str) -> None:
        told = state.read(self._layout.state_file)
        how = "with Docker Compose" if told["mode"] == "compose" else "in local mode"
        print(
            f"\nDoorward {done} {how} ({told['why']}).\n"
            f"  Open    {told['url']}\n"
            f"  Data    {told['data']}\n"
            f"  Logs    make logs        Stop    make down",
            flush=True,
        )
        unused = self._layout.state / "users.json"
        if told["mode"] == "compose" and unused.exists():
            print(
                f"  Note    {unused} is local mode's and is not used now. To take its people "
                "along:\n          make down, make backup MODE=local, make restore FILE=…"
            )

    def _engine_runs_it(self) -> bool:
        return self._engine.missing() is None and self._compose.running

    def down(self) -> None:
        """Stop what this checkout started."""
        with self._layout.locked():
            stopped = self._stop()
        print("Stopped. The data stays." if stopped else "Nothing was running.")

    def _stop(self) -> bool:
        stopped = self._local.down()
        if self._arguments.mode != "local" and self._engine.missing() is None:
            stopped = self._compose.down() or stopped
        return stopped

    def clean(self) -> None:
        """Stop, and remove the data."""
        folder = self._settings.data_dir
        self._confirm(
            f"This removes every user, session and key of this checkout: {folder}, and its "
            "Compose volumes and images."
        )
        with self._layout.locked():
            self._stop()
            if self._engine.missing() is None:
                self._compose.down(volumes=True)
        for pattern in DATA_FILES:
            for path in folder.glob(pattern):
                _remove(path)
        for path in (self._layout.run, self._layout.log):
            _remove(path)
        for path in {folder, self._layout.state}:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()
        print("Removed.")

    def backup(self) -> None:
        """Save users, sessions and secrets into one file."""
        saving = self._saving(self._data_mode())
        print(f"Saved {saving.backup(self._file())}")

    def restore(self) -> None:
        """Replace users, sessions and secrets by those of a backup."""
        file = self._file()
        if file is None:
            raise StackError("Say which backup: make restore FILE=backups/doorward-….tar.gz")
        mode = self._data_mode()
        saving = self._saving(mode)
        saving.check(file)
        self._confirm(f"This replaces every user, session and key by those of {file}.")
        with self._layout.locked():
            running = self._stop()
            saving.restore(file)
            print(f"Restored {file}.")
            if running:
                self._up(mode)
            else:
                print("Start it with `make up`.")

    def _saving(self, mode: str) -> Saving:
        if mode == "local":
            bootstrap.ensure(self._layout.root)
            return Saving(self._layout, self._settings, None)
        return Saving(self._layout, self._settings, self._engine)

    def _data_mode(self) -> str:
        """Return which way of running the data belongs to that is meant."""
        if self._arguments.mode != "auto":
            return str(self._arguments.mode)
        if self._local.running:
            return "local"
        if self._engine.missing() is None and self._engine.has_volume("data"):
            return "compose"
        if (self._settings.data_dir / "secrets").exists():
            return "local"
        if self._arguments.action == "backup":
            raise StackError("There is nothing to back up yet.")
        if self._arguments.action == "rotate-credentials":
            raise StackError("There are no credentials yet. They are made at the first start.")
        return choose(self._engine, "auto").mode

    def logs(self) -> None:
        """Show the logs, and go on showing them on a terminal."""
        follow = sys.stdout.isatty()
        if not self._local.running and self._engine_runs_it():
            extra = ("--follow",) if follow else ()
            self._engine.compose("logs", "--tail", "100", *extra, show=True)
            return
        logs = sorted(self._layout.log.glob("*.log"))
        if not logs:
            raise StackError("There are no logs yet. Start Doorward with `make up`.")
        extra = ("-F",) if follow else ()
        subprocess.run(["tail", "-n", "100", *extra, *map(str, logs)], check=False)

    def ctl(self) -> None:
        """Pass a command on to local mode's supervisor."""
        if not self._local.running:
            raise StackError("Local mode is not running.")
        python, config = str(self._layout.python), str(self._layout.supervisor_config)
        command = [python, "-m", "supervisor.supervisorctl", "-c", config]
        done = subprocess.run([*command, *self._arguments.rest], cwd=self._layout.root, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)

    def flask(self) -> None:
        """Run a command of auth-service, as its user and with its settings."""
        words = ["flask", "--app", "auth_service", *self._arguments.rest]
        if not self._local.running and self._engine_runs_it():
            terminal = () if sys.stdin.isatty() else ("--no-TTY",)
            command = self._engine.compose_command("exec", *terminal, "auth-service", *words)
            environment = None
        elif self._local.running:
            ports = state.read(self._layout.state_file)["ports"]
            environment = local_settings.environment(self._layout, self._settings, ports)
            command = [str(self._layout.python), "-m", *words]
        else:
            raise StackError("Doorward is not running. Start it with `make up`.")
        done = subprocess.run(command, cwd=self._layout.root, env=environment, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)

    def rotate_credentials(self) -> None:
        """Replace what the programs prove themselves to each other with, while they run."""
        words = ("-m", "auth_service.provision", "rotate")
        if self._data_mode() == "compose":
            done = self._engine.compose("run", "--rm", "--no-deps", "-T", "init", "python", *words)
        else:
            refuse_others_data(self._settings.data_dir)
            bootstrap.ensure(self._layout.root)
            ports = dict.fromkeys(("nginx", "auth-service", "web-frontend"), 0)
            done = subprocess.run(
                [str(self._layout.python), *words],
                cwd=self._layout.root,
                env=local_settings.environment(self._layout, self._settings, ports),
                check=False,
                stderr=subprocess.PIPE,
                text=True,
            )
        if done.returncode != 0:
            raise StackError(f"The credentials were not all replaced:\n{indent(done.stderr)}")
        print("The credentials were replaced. The old ones are accepted for a minute more.")

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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line; MODE, FILE and CONFIRM come from make through the environment."""
    actions = (
        *("up", "down", "clean", "backup", "restore", "logs", "ctl", "flask", "bootstrap"),
        "rotate-credentials",
    )
    parser = argparse.ArgumentParser(prog="stack.py", description="Starts and stops Doorward.")
    parser.add_argument("action", choices=actions)
    parser.add_argument("rest", nargs="*", help="what ctl and flask pass on, such as: users list")
    parser.add_argument("--mode", choices=("auto", "compose", "local"))
    parser.add_argument("--state", type=Path, help="a folder for a stack beside the usual one")
    parser.add_argument("--project", default="", help="with --state: the name of its Compose project")
    parser.add_argument("--file", default=os.environ.get("FILE"), help="the backup")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--tests", action="store_true", help="bootstrap: what tests need, too")
    parser.add_argument("--bench", action="store_true", help="bootstrap: what the benchmarks need, too")
    arguments = parser.parse_args(words)
    arguments.mode = arguments.mode or os.environ.get("MODE") or "auto"
    if arguments.mode not in ("auto", "compose", "local"):
        parser.error(f"MODE must be compose or local, not {arguments.mode!r}")
    arguments.yes = arguments.yes or os.environ.get("CONFIRM") == "yes"
    return arguments


def main(words: list[str] | None = None) -> int:
    """Do one command; return its exit status."""
    arguments = parse(words)
    try:
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
    except KeyboardInterrupt:
        print("Stopped at your request.", file=sys.stderr)
        return 130
    return 0

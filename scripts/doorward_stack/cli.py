"""The command line of stack.py.

Compose mode is the standard library alone. Local mode goes on in the checkout's virtual
environment, which this makes.
"""

import argparse
import os
import shlex
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import backups, bootstrap, logs, make_variables, progress, state, system_packages
from .compose import ComposeStack
from .engine import Choice, Engine, choose
from .errors import StackError
from .layout import ROOT, Layout

if TYPE_CHECKING:
    from .backups import Stack
    from .local import LocalStack

# Each is also the name of a target of the Makefile.
ACTIONS = ("up", "down", "clean", "backup", "restore", "logs", "flask", "rotate-credentials")
# These work whatever is wrong with the settings.
WITHOUT_SETTINGS = ("down", "logs", "clean")
# These are about a Doorward that was started here. If none was, nothing is installed to find out.
NEED_A_START = ("down", "logs", "flask", "rotate-credentials")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; make passes its variables through the environment.

    Raises:
        StackError: a variable has a wrong value, or the action lacks one.
    """
    parser = argparse.ArgumentParser(prog="stack.py", description="Starts and stops Doorward.")
    parser.add_argument("action", choices=(*ACTIONS, "bootstrap"))
    parser.add_argument("rest", nargs="*", help="the command for flask, such as: users list")
    parser.add_argument("--mode", default=os.environ.get("MODE") or "auto")
    parser.add_argument("--why", default="", help="why it runs in this mode")
    parser.add_argument("--state", type=Path, help="a folder for a stack beside the usual one")
    parser.add_argument("--project", default="", help="with --state: its Compose project")
    parser.add_argument("--file", default=os.environ.get("FILE"), help="the backup")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--tests", action="store_true", help="bootstrap: also for tests")
    parser.add_argument("--bench", action="store_true", help="bootstrap: also for benchmarks")
    parser.add_argument("--uses", action="append", default=[], help="a variable of make to check")
    parsed = parser.parse_args(arguments)
    make_variables.check_spelling()
    make_variables.check(["MODE", *parsed.uses])
    parsed.yes = parsed.yes or os.environ.get("CONFIRM") == "yes"
    # Path.expanduser fails for a user that does not exist.
    file = os.path.expanduser(parsed.file or "")  # noqa: PTH111
    parsed.file = Path(file).absolute() if file else None
    if parsed.action == "flask":
        parsed.rest = parsed.rest or _flask_command()
    return parsed


def _flask_command() -> list[str]:
    """Return the words of ARGS, which may be quoted as in a shell."""
    example = 'For example: make flask ARGS="users list"'
    try:
        words = shlex.split(os.environ.get("ARGS", ""))
    except ValueError as error:
        raise StackError(f"ARGS: {error}. {example}") from None
    if not words:
        raise StackError(f"Say which command to run. {example}")
    return words


def main(arguments: list[str] | None = None) -> int:
    """Do one command; return its exit status."""
    for name in bootstrap.FOREIGN:
        os.environ.pop(name, None)
    try:
        _run(parse(arguments))
    except StackError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}. Correct that, then try again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped at your request.", file=sys.stderr)
        return 130
    return 0


def _run(arguments: argparse.Namespace) -> None:
    if arguments.action == "bootstrap":
        bootstrap.ensure(ROOT, bootstrap.TEST if arguments.tests else bootstrap.RUN)
        if arguments.bench:
            bootstrap.ensure(ROOT, bootstrap.BENCH, "benchmarks")
        return
    layout = Layout(ROOT, (arguments.state or ROOT / "var").absolute(), arguments.project)
    if arguments.action == "restore":
        backups.check(layout, arguments.file)
    engine = Engine(layout, defaults=arguments.action in WITHOUT_SETTINGS)
    choice = _mode(layout, engine, arguments)
    if choice is None:
        _tell_that_nothing_was_started(arguments.action)
        return
    if choice.mode == "compose":
        stack: Stack = ComposeStack(layout, engine, build=choice.build)
    else:
        stack = _local_stack(layout, arguments, choice.why)
    if arguments.action == "flask":
        sys.exit(stack.flask(arguments.rest))
    _act(arguments, layout, stack, choice.why)


def _tell_that_nothing_was_started(action: str) -> None:
    if action != "down":
        raise StackError(
            f"Doorward was not started here yet, and make {action} needs it. Start it with "
            "`make up`."
        )
    print("Nothing was running.")


def _act(arguments: argparse.Namespace, layout: Layout, stack: "Stack", why: str) -> None:
    match arguments.action:
        case "up":
            with layout.locked():
                stack.up(why)
        case "down":
            _down(layout, stack)
        case "clean":
            confirm(arguments, f"This stops Doorward and removes {stack.cleaned()}.")
            with layout.locked(), progress.shown("Removing"):
                stack.clean()
            print("Removed.")
        case "backup":
            backups.backup(layout, stack, arguments.file)
        case "restore":
            backups.restore(layout, stack, arguments.file, partial(confirm, arguments))
        case "logs":
            _logs(stack)
        case "rotate-credentials":
            stack.rotate_credentials()
            print("The credentials were replaced. The old ones are accepted for a minute more.")


def _down(layout: Layout, stack: "Stack") -> None:
    with layout.locked(), progress.shown("Stopping"):
        stopped = stack.down()
    print("Stopped. The data stays." if stopped else "Nothing was running.")


def _logs(stack: "Stack") -> None:
    running = stack.running
    lines = stack.logs(follow=running and sys.stdout.isatty())
    if not running:
        print("Doorward is not running. These are its last lines.", file=sys.stderr, flush=True)
    try:
        logs.show(lines, raw=os.environ.get("RAW") == "1")
    except KeyboardInterrupt:
        # The usual way to stop following.
        print()


def confirm(arguments: argparse.Namespace, consequences: str) -> None:
    """Ask whether to go on; raise StackError if that is not so."""
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise StackError(f"{consequences} Confirm with CONFIRM=yes.")
    print(consequences)
    print("Type yes to go on: ", end="", flush=True)
    if sys.stdin.readline().strip() != "yes":
        raise StackError("Nothing was changed.")


def _mode(layout: Layout, engine: Engine, arguments: argparse.Namespace) -> Choice | None:
    """Decide which way of running a command is for; return None if nothing was started."""
    if arguments.why:
        return Choice(arguments.mode, arguments.why)
    known = state.read(layout.state_file)
    if arguments.action != "up":
        return _former_mode(layout, engine, arguments, known.get("mode"))
    if _answers(known.get("socket")):
        if arguments.mode == "compose":
            raise StackError("This checkout is running in local mode. Type `make down` first.")
        return Choice("local", str(known["why"]))
    choice = choose(engine, arguments.mode)
    ran_with_compose = known.get("mode") == "compose" and engine.missing() is None
    if choice.mode == "local" and ran_with_compose and ComposeStack(layout, engine).running:
        raise StackError("This checkout is running with Compose. Type `make down` first.")
    return choice


def _former_mode(
    layout: Layout, engine: Engine, arguments: argparse.Namespace, known: str | None
) -> Choice | None:
    """Decide for a command about what was started before, perhaps without make."""
    mode = known if arguments.mode == "auto" else arguments.mode
    reason = engine.missing() if mode != "local" else None
    if mode == "compose" and reason is not None:
        raise StackError(f"make {arguments.action} needs Docker Compose here, but {reason}.")
    if arguments.action not in NEED_A_START:
        return Choice(mode, "") if mode else choose(engine, "auto")
    if mode != "local" and reason is None and (known or ComposeStack(layout, engine).exists):
        return Choice("compose", "")
    return Choice("local", "") if known else None


def _answers(socket_path: str | None) -> bool:
    """Whether the supervisor of local mode listens."""
    if not socket_path:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(socket_path) == 0


def _local_stack(layout: Layout, arguments: argparse.Namespace, why: str) -> "LocalStack":
    if arguments.action == "up":
        lacking = bootstrap.packages(layout.root)
        system_packages.need({"nginx": "nginx"}, "Local mode", lacking)
    if Path(sys.prefix) != layout.root / ".venv":
        bootstrap.ensure(layout.root)
        # Start again in the virtual environment, with the same decision.
        given = ["--mode", "local", "--why", why or "as before"]
        command = [str(layout.python), "-B", str(ROOT / "scripts/stack.py"), *given, *sys.argv[1:]]
        os.execv(command[0], command)  # noqa: S606
    from .local import LocalStack  # noqa: PLC0415  # needs the virtual environment's packages

    return LocalStack(layout)

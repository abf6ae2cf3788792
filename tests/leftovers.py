"""What test runs leave in the Docker engine when they are killed, and how the next one removes it.

A stack that is left goes on running, and its two networks are two of the about thirty that an
engine has addresses for: after a few of them, no stack starts any more.
"""

import itertools
import os
import re
import subprocess
from pathlib import Path

_PROJECT = re.compile(r"doorward-test-(\d+)-(\d+)-(\d+)-\d+")
_LABEL = "com.docker.compose.project"
# What is listed by which command, under which name, and removed by which, in this order.
_KINDS = {
    ("ps", "--all"): ("{{.Names}}", ("rm", "--force", "--volumes")),
    ("network", "ls"): ("{{.Name}}", ("network", "rm")),
    ("volume", "ls"): ("{{.Name}}", ("volume", "rm")),
}
_numbers = itertools.count(1)


def new_project() -> str:
    """Return a name for a Compose project that says which process it belongs to."""
    return f"doorward-test-{_namespace()}-{os.getpid()}-{_started(os.getpid())}-{next(_numbers)}"


def remove_leftovers() -> list[str]:
    """Remove the projects of test runs that are over; return their names.

    What a run in another namespace of process numbers has left is left alone: whether it is over
    cannot be seen from here.
    """
    over = {
        project
        for kind in _KINDS
        for project in _docker(*kind, "--format", f'{{{{.Label "{_LABEL}"}}}}')
        if (match := _PROJECT.fullmatch(project)) and _is_over(*match.groups())
    }
    for project in over:
        remove_project(project)
    return sorted(over)


def remove_project(project: str) -> None:
    """Remove containers, networks, volumes and names of images; layers stay for the next build."""
    for kind, (name, command) in _KINDS.items():
        _remove(command, _of(project, kind, name))
    images = ("--format", "{{.Repository}}", "--filter", f"reference={project}-*")
    _remove(("image", "rm", "--no-prune"), _docker("image", "ls", *images))


def found(project: str) -> list[str]:
    """Return the containers, networks and volumes that a project has in the engine."""
    return [one for kind, (name, _) in _KINDS.items() for one in _of(project, kind, name)]


def _of(project: str, kind: tuple[str, str], name: str) -> list[str]:
    return _docker(*kind, "--format", name, "--filter", f"label={_LABEL}={project}")


def _remove(command: tuple[str, ...], these: list[str]) -> None:
    """Remove what another run may be removing too."""
    if these:
        _docker(*command, *these, check=False)


def _docker(*arguments: str, check: bool = True) -> list[str]:
    """Return the words of its output; its errors go to the report of the test."""
    done = subprocess.run(
        ("docker", *arguments),
        check=check,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.split()


def _is_over(namespace: str, process: str, started: str) -> bool:
    return namespace == _namespace() and started != _started(int(process))


def _namespace() -> str:
    """Return which numbering of processes this one is counted in."""
    return re.sub(r"\D", "", Path("/proc/self/ns/pid").readlink().name)


def _started(process: int) -> str:
    """Return when a process started, in ticks since the machine did, or "" if there is none."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]

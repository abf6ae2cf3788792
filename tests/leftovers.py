"""What test runs leave in the Docker engine when they are killed, and how the next one removes it.

A stack that is left goes on running, and its two networks are two of the about thirty that an engine
has addresses for: after a few of them, no stack starts any more.
"""

import itertools
import os
import re
import subprocess
from pathlib import Path

_PROJECT = re.compile(r"doorward-test-(\d+)-(\d+)-(\d+)-\d+")
_PROJECT_LABEL = "com.docker.compose.project"
_numbers = itertools.count(1)


def new_project() -> str:
    """Return a name for a Compose project that says which process it belongs to."""
    return f"doorward-test-{_namespace()}-{os.getpid()}-{_started(os.getpid())}-{next(_numbers)}"


def remove_leftovers() -> list[str]:
    """Remove the projects of test runs that are over; return their names.

    What a run in another namespace of process numbers has left is left alone: whether it is over
    cannot be seen from here.
    """
    label = f'{{{{.Label "{_PROJECT_LABEL}"}}}}'
    found = {
        project
        for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        for project in _docker(*kind, "--format", label)
        if (match := _PROJECT.fullmatch(project)) and _is_over(*match.groups())
    }
    for project in found:
        remove_project(project)
    return sorted(found)


def remove_project(project: str) -> None:
    """Remove containers, networks, volumes and names of images, whose layers stay for the next build."""
    these = ("--quiet", "--filter", f"label={_PROJECT_LABEL}={project}")
    images = ("--format", "{{.Repository}}", "--filter", f"reference={project}-*")
    _remove("rm", "--force", "--volumes", these=_docker("ps", "--all", *these))
    _remove("network", "rm", these=_docker("network", "ls", *these))
    _remove("volume", "rm", these=_docker("volume", "ls", *these))
    _remove("image", "rm", "--no-prune", these=_docker("image", "ls", *images))


def _remove(*command: str, these: list[str]) -> None:
    """Remove what another run may be removing too."""
    if these:
        _docker(*command, *these, check=False)


def _docker(*arguments: str, check: bool = True) -> list[str]:
    done = subprocess.run(
        ("docker", *arguments),
        check=check,
        capture_output=True,
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

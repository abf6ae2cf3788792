"""What test runs leave in the Docker engine when they are killed, and how the next one removes it.

A stack that is left goes on running, and its two networks are two of the about thirty that an engine
has addresses for: after a few of them, no stack starts any more.
"""

import itertools
import os
import re
import subprocess

_OWNER = re.compile(r"doorward-test-(\d+)-\d+")
_PROJECT_LABEL = "com.docker.compose.project"
_numbers = itertools.count(1)


def new_project() -> str:
    """Return a name for a Compose project that says which process it belongs to."""
    return f"doorward-test-{os.getpid()}-{next(_numbers)}"


def remove_leftovers() -> list[str]:
    """Remove the projects of test runs that are over; return their names.

    The runs are told apart by process number, so those that share an engine have to share the
    numbers too.
    """
    label = f'{{{{.Label "{_PROJECT_LABEL}"}}}}'
    found = {
        project
        for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        for project in _docker(*kind, "--format", label)
        if (match := _OWNER.fullmatch(project)) and not _runs(int(match[1]))
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


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

"""Lets every program read its settings without starting it.

A mistake in a setting is found while what runs still runs, and the mistakes of all programs at once.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .engine import Engine, indent
from .errors import StackError
from .system_packages import SEARCH_PATH

_READ = """\
from session_contract.startup import started
from {}.settings import read_settings
started({!r}, read_settings)
"""
_SERVICES = ("auth-service", "web-frontend")
# nginx knows what is wrong with what passes through `render`, such as an IPv6 network.
_RENDER = 'nginx/render && exec nginx -t -q -e stderr -c "$DOORWARD_NGINX_DIR/nginx.conf"'


def refuse_wrong_settings(root: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Raise StackError with what the programs say to their settings, unless they take them."""
    commands = [[str(python), "-c", _reading(service)] for service in _SERVICES]
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        in_folder = {"DOORWARD_NGINX_DIR": folder, "DOORWARD_NGINX_LOG": f"{folder}/log", "PATH": SEARCH_PATH}
        _refuse(
            subprocess.Popen(
                command,
                cwd=root,
                env={**environment, **in_folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for command in [*commands, ["sh", "-c", _RENDER]]
        )


def refuse_wrong_settings_in_containers(engine: Engine) -> None:
    """Do the same with the images as they are.

    nginx itself is not asked: it refuses services that are not there, which may be why somebody is here.
    """
    commands = {service: ["python", "-c", _reading(service)] for service in _SERVICES}
    commands["nginx"] = ["/etc/doorward/nginx/render"]
    _refuse(
        engine.popen(
            *("run", "--rm", "--no-deps", "-T", service, "sh", "-c", 'exec "$@" 2>&1', "sh", *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # Where Compose tells of the containers that it makes.
            stderr=subprocess.DEVNULL,
        )
        for service, command in commands.items()
    )


def _reading(service: str) -> str:
    return _READ.format(service.replace("-", "_"), service)


def _refuse(starting: Iterable[subprocess.Popen[bytes]]) -> None:
    rehearsals = list(starting)
    words = [rehearsal.communicate()[0].decode(errors="replace").rstrip() for rehearsal in rehearsals]
    # A container that could not even be made has said nothing, and starting it will.
    refusals = [said for said, made in zip(words, rehearsals, strict=True) if made.returncode != 0 and said]
    if refusals:
        raise StackError("The settings are refused, and nothing was changed:", *map(indent, merged(refusals)))


def merged(refusals: Sequence[str]) -> list[str]:
    """Leave out what another program has said already, and who has nothing else to say."""
    told = set[str]()
    found = []
    for refusal in refusals:
        heading, *problems = refusal.splitlines() or [""]
        fresh = [problem for problem in problems if problem not in told]
        if fresh or not problems:
            found.append("\n".join([heading, *fresh]))
        told.update(fresh)
    return found

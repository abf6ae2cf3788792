"""Lets every program of local mode read its settings without starting it.

A mistake in a setting is found while what runs still runs, and the mistakes of all programs at once.
"""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .engine import indent
from .errors import StackError
from .system_packages import SEARCH_PATH

_READ = """\
from session_contract.startup import started
from {}.settings import read_settings
started({!r}, read_settings)
"""


# nginx knows what is wrong with what passes through `render`, such as an IPv6 network.
_RENDER = 'nginx/render && exec nginx -t -q -e stderr -c "$DOORWARD_NGINX_DIR/nginx.conf"'


def refuse_wrong_settings(root: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Raise StackError with what the programs say to their settings, unless they take them."""
    commands = [
        [str(python), "-c", _READ.format(service.replace("-", "_"), service)]
        for service in ("auth-service", "web-frontend")
    ]
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        in_folder = {"DOORWARD_NGINX_DIR": folder, "DOORWARD_NGINX_LOG": f"{folder}/log", "PATH": SEARCH_PATH}
        rehearsals = [
            subprocess.Popen(
                command,
                cwd=root,
                env={**environment, **in_folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            for command in [*commands, ["sh", "-c", _RENDER]]
        ]
        words = [rehearsal.communicate()[1].rstrip() for rehearsal in rehearsals]
    refusals = [said for said, made in zip(words, rehearsals, strict=True) if made.returncode != 0]
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

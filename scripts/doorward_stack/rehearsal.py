"""Lets every program of local mode read its settings without starting it.

A mistake in a setting is found while what runs still runs, and the mistakes of all programs at once.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .engine import indent
from .errors import StackError

_READ = """\
from session_contract.startup import started
from {}.settings import read_settings
started({!r}, read_settings)
"""


def refuse_wrong_settings(root: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Raise StackError with what the programs say to their settings, unless they take them."""
    commands = [
        [str(python), "-c", _READ.format(service.replace("-", "_"), service)]
        for service in ("auth-service", "web-frontend")
    ]
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        rehearsals = [
            subprocess.Popen(
                command,
                cwd=root,
                env={**environment, "DOORWARD_NGINX_DIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            for command in [*commands, ["nginx/render"]]
        ]
        words = [rehearsal.communicate()[1].rstrip() for rehearsal in rehearsals]
    refusals = [said for said, made in zip(words, rehearsals, strict=True) if made.returncode != 0]
    if refusals:
        raise StackError("The settings are refused, and nothing was changed:", *map(indent, refusals))

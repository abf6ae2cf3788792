"""Lets every program read its settings without starting it.

A mistake in a setting is found while what runs still runs, and the mistakes of all programs at
once.
"""

import re
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
# nginx knows what is wrong with what passes through `render`, such as a certificate that is too
# weak.
_TEST = 'nginx -t -q -e stderr -c "$DOORWARD_NGINX_DIR/nginx.conf"'
SECONDS = 60


def refuse_wrong_settings(root: Path, python: Path, environment: Mapping[str, str]) -> None:
    """Raise StackError with what the programs say to their settings, unless they take them."""
    commands = [[str(python), "-c", _reading(service)] for service in _SERVICES]
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        in_folder = {
            "DOORWARD_NGINX_DIR": folder,
            "DOORWARD_NGINX_LOG": f"{folder}/log",
            "PATH": SEARCH_PATH,
        }
        _refuse(
            subprocess.Popen(
                command,
                cwd=root,
                env={**environment, **in_folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for command in [*commands, ["sh", "-c", f"nginx/render && exec {_TEST}"]]
        )


def refuse_wrong_settings_in_containers(engine: Engine) -> None:
    """Do the same with the images as they are."""
    # What has been lost, or is new since the stack was started, would be missed otherwise.
    engine.compose("run", "--rm", "--no-deps", "-T", "init")
    commands = {service: ["python", "-c", _reading(service)] for service in _SERVICES}
    commands["nginx"] = ["sh", "-c", f"/etc/doorward/nginx/render && exec {_TEST}"]
    # nginx refuses names that lead nowhere, and a service that is down may be why somebody is here.
    upstreams = (
        "-e",
        "DOORWARD_AUTH_UPSTREAM=127.0.0.1:1",
        "-e",
        "DOORWARD_WEB_UPSTREAM=127.0.0.1:1",
    )
    _refuse(
        engine.popen(
            *(
                "run",
                "--rm",
                "--no-deps",
                "-T",
                *(upstreams if service == "nginx" else ()),
                service,
            ),
            *("sh", "-c", 'exec "$@" 2>&1', "sh", *command),
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
    try:
        words = [rehearsal.communicate(timeout=SECONDS)[0] for rehearsal in rehearsals]
    except subprocess.TimeoutExpired:
        raise StackError(
            f"The settings could not be checked within {SECONDS} s; try again."
        ) from None
    finally:
        for rehearsal in rehearsals:
            rehearsal.kill()
    said = [in_words(one.decode(errors="replace")) for one in words]
    # Who could not even be started has said nothing, and is no reason to refuse: starting it all
    # will tell.
    refusals = [
        one for one, made in zip(said, rehearsals, strict=True) if made.returncode != 0 and one
    ]
    if refusals:
        problems = map(indent, merged(refusals))
        raise StackError("The settings are refused, and nothing was started or stopped:", *problems)


def in_words(said: str) -> str:
    """Return what a program has said without what nginx puts before it."""
    return re.sub(r"^\S+ \S+ \[\w+\] \d+#\d+: ", "nginx: ", said.rstrip(), flags=re.MULTILINE)


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

"""Checks before local mode starts anything."""

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from . import ports, processes
from .errors import StackError
from .health import Address
from .layout import Layout

# A change in any of these leads to a restart.
SOURCES = (
    "auth-service",
    "web-frontend",
    "session_contract",
    "doorward_settings",
    "doorward_init",
    "nginx",
    "scripts/doorward_stack",
)


def changed_since(root: Path, leader: psutil.Process, environment: Mapping[str, str]) -> bool:
    """Whether settings or sources differ from those that the supervisor was started with."""
    if _settings(leader.environ()) != _settings(environment):
        return True
    # The logo is read at the start only.
    folders = [*SOURCES, environment.get("DOORWARD_BRAND_DIR", "brand")]
    files = [file for folder in folders for file in (root / folder).rglob("*") if file.is_file()]
    changes = [file.stat().st_mtime for file in files if "__pycache__" not in file.parts]
    return max(changes) > leader.create_time()


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("DOORWARD_")}


def refuse_impossible(layout: Layout) -> None:
    """Raise StackError where local mode cannot work."""
    if sys.platform != "linux":
        raise StackError("Local mode needs Linux. Use Docker: MODE=compose.")
    # PYTHONPATH splits at a colon, and the supervisor takes % for a format.
    if any(sign in f"{layout.state}{layout.root}" for sign in ":%"):
        raise StackError(f"Local mode needs a path without : and %, unlike {layout.root}.")


def refuse_others_data(folder: Path) -> None:
    """Raise StackError if the data belongs to another user."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise StackError(
            f"DOORWARD_DATA_DIR: {folder} belongs to user {folder.stat().st_uid}, and you are user "
            f"{os.geteuid()}. Run this as its owner, or choose another folder."
        )


def refuse_taken_ports(where: Address, own: Collection[psutil.Process]) -> None:
    """Raise StackError if nginx could not listen; the ports of our own processes will be free."""
    wanted = {"DOORWARD_PORT": where.port}
    if where.tls:
        wanted["DOORWARD_HTTPS_PORT"] = where.https_port
    for name, port in wanted.items():
        holder = processes.listener(port)
        if holder is None:
            ports.refuse_unusable(name, where.bind, port)
        elif holder not in own:
            owner = f" by {holder.name()} (process {holder.pid})"
            ports.refuse_unusable(name, where.bind, port, owner)

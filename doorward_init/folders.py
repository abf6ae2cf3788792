"""Checks, before `init` writes anything, that it may write data and secrets."""

import os
from collections.abc import Iterable
from pathlib import Path

from doorward_init.provision import SecretFile

IN_A_CONTAINER = Path("/.dockerenv")
"""A file that Docker puts into every container."""


def problems(data_dir: Path | None, files: Iterable[SecretFile]) -> list[str]:
    """Return a problem for each folder that `init` cannot write to, with the command to mend it."""
    found = []
    if data_dir:
        found += _problems_of("DOORWARD_DATA_DIR", data_dir)
    for file in files:
        if not os.path.lexists(file.path):
            found += _problems_of(file.setting, file.path.parent)
    return found


def _problems_of(setting: str, folder: Path) -> list[str]:
    existing = _nearest(folder)
    if not existing.is_dir():
        return [f"{setting}: {existing} is not a folder: remove it, or use another place"]
    user, group = os.geteuid(), os.getegid()
    owner = existing.stat().st_uid
    if existing == folder and owner != user:
        return [
            f"{setting}: {folder} belongs to user {owner}, but this runs as user {user}. Give it "
            f"to that user: {_as_root()} -R {user}:{group} {folder}"
        ]
    if not os.access(existing, os.W_OK | os.X_OK):
        return [f"{setting}: {existing} cannot be written to by user {user}: chmod u+rwx it"]
    return []


def _as_root() -> str:
    """Return the beginning of a chown command that the operator can type."""
    if not IN_A_CONTAINER.exists():
        return "sudo chown"
    # The path exists only in the container, where root has only the capabilities named here.
    return (
        "docker compose run --rm --no-deps --user 0 --cap-add CHOWN --cap-add DAC_OVERRIDE "
        "--entrypoint chown init"
    )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest existing one above it."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))

"""`make clean`: what Doorward makes, by name, so that nothing else is ever removed."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from . import archive
from .errors import StackError
from .layout import Layout
from .supervisor_config import NAMES

_USERS = (
    *("", ".lock", ".tmp", ".committed", ".committed.tmp", ".restored", ".schema-1"),
    *(".rejected-*", ".replaced-*"),
)
_DATABASE = ("", "-wal", "-shm", "-journal", ".lock", ".restored", ".backup-*")
_SECRET = ("", ".lock", ".restored")
_RUN = (
    *("lock", "stack.json", "stack.new", "supervisord.conf", "supervisord.pid", "supervisor.sock*"),
    *("compose.out", *(f"starts/{name}" for name in NAMES)),
)
_LOGS = (
    *(f"{name}{kind}log*" for name in (*NAMES, "supervisord") for kind in (".", ".err.")),
    "nginx.access.log*",
)


def remove(layout: Layout, data: Path) -> None:
    """Remove the data, the logs and what else a stack wrote, and the folders that are empty then."""
    try:
        _remove(data, _data_names(), _folders(archive.SECRETS))
        _remove(layout.log, _LOGS)
        # nginx alone writes into this one, whatever it likes.
        shutil.rmtree(layout.run / "nginx", ignore_errors=True)
        _remove(layout.run, _RUN, ["starts"])
        _remove_empty(layout.state)
    except OSError as error:
        raise StackError(f"Not everything could be removed: {error}") from None


def _data_names() -> Iterable[str]:
    yield from (f"users.json{ending}" for ending in _USERS)
    yield from (f"{name}{ending}" for name in archive.DATABASES for ending in _DATABASE)
    for member in map(Path, archive.SECRETS):
        yield from (f"{member}{ending}" for ending in _SECRET)
        # A secret that is being written has eight more characters.
        yield f"{member.parent}/.{member.name}.????????"


def _folders(members: Iterable[str]) -> list[str]:
    """Return the folders that members of the archive lie in, the innermost first."""
    inner = {str(Path(member).parent) for member in members}
    return [*sorted(inner), *sorted({str(Path(folder).parent) for folder in inner})]


def _remove(folder: Path, patterns: Iterable[str], inside: Iterable[str] = ()) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
    for name in inside:
        _remove_empty(folder / name)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()

"""`make clean` in local mode: removes the files that Doorward makes, and no others."""

import shutil
from pathlib import Path

from .errors import StackError
from .layout import Layout

DATA = ("users.json*", "state.db*", "throttle.db*")


def remove(layout: Layout, data: Path) -> None:
    """Remove users, sessions and keys in the data folder, and what the stack wrote beside them."""
    try:
        for path in (path for pattern in DATA for path in data.glob(pattern)):
            path.unlink()
        for folder in (data / "secrets", layout.log, layout.run):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (data, layout.state):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise StackError(f"Not everything could be removed: {error}") from None

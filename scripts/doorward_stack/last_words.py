"""What the programs of local mode wrote to their error logs since they were told to start."""

from .engine import indent
from .layout import Layout
from .supervisor_config import NAMES


class LastWords:
    """The error logs, from where they ended when this was made."""

    def __init__(self, layout: Layout) -> None:
        self._logs = {name: layout.log / f"{name}.err.log" for name in NAMES}
        self._sizes = {
            name: log.stat().st_size if log.exists() else 0 for name, log in self._logs.items()
        }

    def of(self, name: str) -> str:
        """Return what a program wrote, and where the whole of it is."""
        log, text = self._logs[name], ""
        if log.exists():
            with log.open("rb") as handle:
                handle.seek(self._sizes[name])
                text = handle.read().decode("utf-8", errors="replace")
        return f"{name} wrote (whole log: {log}):\n{indent(tail(text)) or '  nothing'}"


def tail(text: str) -> str:
    """Return the last lines of what a program said."""
    return "\n".join(text.rstrip().splitlines()[-15:])

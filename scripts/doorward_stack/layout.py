"""The folders of a checkout and of a stack."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import StackError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """One checkout, and the folder that one stack of it writes into."""

    root: Path
    state: Path
    project: str = ""
    """The Compose project of a stack beside the usual one."""

    @property
    def separate(self) -> bool:
        """Whether this stack runs beside the checkout's own one, as those of the tests do."""
        return self.state != self.root / "var"

    @property
    def run(self) -> Path:
        """Folder of the files that matter only while the stack runs."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """Folder of the programs' logs (local mode)."""
        return self.state / "log"

    @property
    def state_file(self) -> Path:
        """The file that `state.py` describes."""
        return self.run / "stack.json"

    @property
    def certs(self) -> Path:
        """The default folder of the certificate."""
        return (self.state if self.separate else self.root) / "certs"

    @property
    def brand(self) -> Path:
        """The default folder of the logo."""
        return (self.state if self.separate else self.root) / "brand"

    @property
    def backups(self) -> Path:
        """The default folder of backups."""
        return (self.state if self.separate else self.root) / "backups"

    @property
    def python(self) -> Path:
        """The interpreter of the checkout's virtual environment."""
        return self.root / ".venv" / "bin" / "python"

    def make_folders(self) -> None:
        """Make the folders, closed to other users."""
        for folder in (self.state, self.run, self.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands away from this stack until the block ends."""
        self.make_folders()
        with (self.run / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(
                    "Another command is at work on this checkout. Wait until it ends."
                ) from None
            yield

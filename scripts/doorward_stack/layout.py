"""Where things are in a checkout, and where a stack keeps what it writes."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import StackError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """One checkout and one state folder. Everything that a stack writes is in the latter."""

    root: Path
    state: Path
    project: str = ""
    """The Compose project of a separate stack, "" for one named after the folder."""

    @property
    def separate(self) -> bool:
        """Whether this is a stack beside the checkout's own one, as the tests start them."""
        return self.state != self.root / "var"

    @property
    def label(self) -> str:
        """A short name for this state folder, different for every one."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:10]

    @property
    def run(self) -> Path:
        """Folder of what only matters while the stack runs."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """Folder of the programs' logs (local mode)."""
        return self.state / "log"

    @property
    def starts(self) -> Path:
        """Folder with a file per program: how often, when and as which process it started."""
        return self.run / "starts"

    @property
    def state_file(self) -> Path:
        """What runs, as JSON."""
        return self.run / "stack.json"

    @property
    def supervisor_config(self) -> Path:
        """The generated configuration of the supervisor."""
        return self.run / "supervisord.conf"

    @property
    def certs(self) -> Path:
        """Where a certificate turns TLS on, unless told otherwise."""
        return (self.state if self.separate else self.root) / "certs"

    @property
    def backups(self) -> Path:
        """Where backups go unless told otherwise."""
        return (self.state if self.separate else self.root) / "backups"

    @property
    def python(self) -> Path:
        """The interpreter of the checkout's virtual environment."""
        return self.root / ".venv" / "bin" / "python"

    def make_folders(self) -> None:
        """Make the folders, closed to other people."""
        for folder in (self.state, self.run, self.log, self.starts):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second command off this state folder until the block ends."""
        self.make_folders()
        with (self.run / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(
                    "Another command is starting or stopping this checkout. Wait until it ends."
                ) from None
            yield

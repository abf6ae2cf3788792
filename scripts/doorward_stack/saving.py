"""`make backup` and `make restore`: runs archive.py where the data is."""

import os
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from . import archive, local_settings
from .engine import Engine, indent
from .errors import StackError
from .layout import Layout
from .settings import Settings

SCRIPT = Path(archive.__file__)


def _place(temporary: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError: another has it, and keeps it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, such as a memory stick's: take the name first, then its
        # place.
        target.touch(0o600, exist_ok=False)
        temporary.replace(target)


def _is_there(target: Path) -> StackError:
    return StackError(
        f"{target} is there already, and a backup overwrites nothing. Choose another name with FILE=…, "
        "or move that file away."
    )


class Saving:
    """Backups of one checkout's data, whichever way it runs."""

    def __init__(self, layout: Layout, settings: Settings, engine: Engine | None) -> None:
        """Take the engine where the data is in Compose's volumes, None for local mode."""
        self._layout = layout
        self._settings = settings
        self._engine = engine

    def backup(self, file: Path | None) -> Path:
        """Write one archive and return where it is."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        target = file or self._layout.backups / f"doorward-{now}.tar.gz"
        if os.path.lexists(target):
            raise _is_there(target)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w+b") as handle:
                self._run("pack", stdout=handle)
                handle.seek(0)
                archive.read(handle)
                os.fsync(handle.fileno())
            _place(temporary, target)
        except FileExistsError:
            raise _is_there(target) from None
        except OSError as error:
            raise StackError(f"The backup {target} could not be written: {error}") from None
        except (ValueError, EOFError, tarfile.TarError) as error:
            raise StackError(f"There is nothing to back up yet: {error}.") from None
        finally:
            temporary.unlink(missing_ok=True)
        return target

    def check(self, file: Path) -> None:
        """Refuse a file that is no backup, before anything is stopped."""
        try:
            with file.open("rb") as handle:
                archive.read(handle)
        except (OSError, ValueError, EOFError, tarfile.TarError) as error:
            raise StackError(f"{file} cannot be restored: {error}") from None

    def restore(self, file: Path) -> None:
        """Put the archive's files in the place of what is there. The stack must be down."""
        with file.open("rb") as handle:
            self._run("unpack", stdin=handle)

    def _run(
        self, action: str, *, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None
    ) -> None:
        if self._engine is None:
            done = subprocess.run(
                [str(self._layout.python), str(SCRIPT), action],
                check=False,
                env=local_settings.environment(
                    self._layout, self._settings, local_settings.NO_PORTS
                ),
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            code, words = done.returncode, done.stderr
        else:
            # The one service that has every volume, as the user that owns the files.
            code, words = self._in_container(self._engine, action, stdin, stdout)
        if code != 0:
            raise StackError(f"{action} failed:\n{indent(words.decode('utf-8', 'replace'))}")

    @staticmethod
    def _in_container(
        engine: Engine, action: str, stdin: BinaryIO | None, stdout: BinaryIO | None
    ) -> tuple[int, bytes]:
        if not engine.has_image(f"{engine.project()}-init"):
            # Compose would build it by itself, but say so in the middle of the archive.
            built = engine.compose("build", "init")
            if built.returncode != 0:
                return built.returncode, built.stderr.encode()
        process = engine.popen(
            *("run", "--rm", "--no-deps", "-T", "--entrypoint", "python", "init"),
            *("-c", SCRIPT.read_text("utf-8"), action),
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        words = process.communicate()[1]
        return process.returncode, words

"""`make backup` and `make restore`, for both ways of running."""

import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import archive
from .errors import StackError
from .layout import Layout

if TYPE_CHECKING:
    from .compose import ComposeStack
    from .local import LocalStack

    Stack = ComposeStack | LocalStack

BROKEN = (OSError, ValueError, EOFError, tarfile.TarError)


def backup(layout: Layout, stack: "Stack", file: Path | None) -> None:
    """Save users and secrets into a file that does not exist yet, also while the stack runs."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = file or layout.backups / f"doorward-{now}.tar.gz"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise StackError(
            f"{target} exists already, and a backup overwrites nothing. Choose another name with "
            "FILE=…, or move that file away."
        ) from None
    except OSError as error:
        raise StackError(f"The backup {target} could not be written: {error}") from None
    try:
        with os.fdopen(descriptor, "w+b") as handle:
            stack.archive("pack", stdout=handle)
            _verify(handle)
    except BaseException:
        target.unlink()
        raise
    print(f"Saved {target}")


def _verify(handle: BinaryIO) -> None:
    handle.seek(0)
    try:
        archive.read(handle)
    except BROKEN as error:
        raise StackError(f"There is nothing to back up yet: {error}.") from None
    os.fsync(handle.fileno())


def restore(
    layout: Layout, stack: "Stack", file: Path | None, confirm: Callable[[str], None]
) -> None:
    """Replace users and secrets by those of a backup, and end all sessions."""
    if file is None:
        raise StackError("Say which backup: make restore FILE=backups/doorward-….tar.gz")
    try:
        with file.open("rb") as handle:
            archive.read(handle)
    except BROKEN as error:
        raise StackError(f"{file} cannot be restored: {error}") from None
    confirm(
        f"This replaces every user and key by those of {file}, and ends all sessions: "
        "everyone has to sign in again."
    )
    with layout.locked(), file.open("rb") as handle:
        running = stack.pause()
        try:
            stack.archive("unpack", stdin=handle)
        finally:
            if running:
                stack.resume()
    print(f"Restored {file}. All sessions have ended: everyone has to sign in again.")
    if not running:
        print("Start Doorward with `make up`.")

"""`make backup` and `make restore`, for both ways of running."""

import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import archive, progress
from .errors import StackError
from .layout import Layout

if TYPE_CHECKING:
    from .compose import ComposeStack
    from .local import LocalStack

    Stack = ComposeStack | LocalStack

BROKEN = (OSError, ValueError, EOFError, RecursionError, tarfile.TarError)


def backup(layout: Layout, stack: "Stack", file: Path | None) -> None:
    """Save users and secrets into a file that does not exist yet, also while the stack runs."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = file or layout.backups / f"doorward-{now}.tar.gz"
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if os.path.lexists(target):
            raise StackError(
                f"{target} exists already, and a backup overwrites nothing. Choose another name "
                "with FILE=…, or move that file away."
            ) from None
        raise StackError(
            f"The backup {target} cannot be written: {error.strerror}. Choose another place: "
            "make backup FILE=…"
        ) from None
    try:
        with (
            os.fdopen(descriptor, "w+b") as handle,
            layout.locked(),
            progress.shown("Saving"),
        ):
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


def check(layout: Layout, file: Path | None) -> None:
    """Raise StackError if this is not a backup, before anything is stopped or changed."""
    others = [other for other in layout.backups.glob("doorward-*.tar.gz") if other != file]
    newest = max(others, default="backups/doorward-….tar.gz")
    right_call = f"Name one: make restore FILE={newest}"
    if file is None:
        raise StackError(f"Restoring needs a backup. {right_call}")
    try:
        with file.open("rb") as handle:
            archive.read(handle)
    except BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StackError(
            f"{file} is not a backup that can be read: {reason}. {right_call}"
        ) from None


def restore(layout: Layout, stack: "Stack", file: Path, confirm: Callable[[str], None]) -> None:
    """Replace users and secrets by those of a backup that was checked, and end all sessions."""
    confirm(
        f"This replaces every user and key by those of {file}, and ends all sessions: "
        "everyone has to sign in again."
    )
    with layout.locked(), file.open("rb") as handle, progress.shown("Restoring"):
        running = stack.pause()
        try:
            stack.archive("unpack", stdin=handle)
        finally:
            if running:
                stack.resume()
    print(f"Restored {file}. All sessions have ended: everyone has to sign in again.")
    if not running:
        print("Start Doorward with `make up`.")

"""A folder with users.json, as processes, operators and their editors see it."""

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auth_service.storage.users_json.store import UserStore
from unit.ended_sessions import EndedSessions

NOW = 1_800_000_000
_moments = itertools.count(2_000_000_000_000_000_000, 1_000_000_000)


class UsersFolder:
    """The files of one store, and what people and processes do with them."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.clock = clock
        self.sessions = EndedSessions()
        self.path = folder / "users.json"
        self.lock_path = folder / "users.json.lock"
        self.committed_path = folder / "users.json.committed"

    def open(self) -> UserStore:
        """Open the store, as each process does for itself."""
        return UserStore(self.folder, settle_seconds=0, sessions=self.sessions, clock=self.clock)

    def text(self) -> bytes:
        return self.path.read_bytes()

    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.text())
        return read

    @property
    def revision(self) -> int:
        return int(self.document()["revision"])

    def rejected(self) -> list[bytes]:
        """Return the edits that were put aside."""
        return [path.read_bytes() for path in sorted(self.folder.glob("users.json.rejected-*"))]

    def save(self, data: bytes, *, by_renaming: bool = False) -> None:
        """Save as an editor does: either into the file, or beside it and then over it."""
        target = self.path.with_name("4913") if by_renaming else self.path
        target.write_bytes(data)
        # The next save of a person is never within the same tick of the clock as the write before.
        moment = next(_moments)
        os.utime(target, ns=(moment, moment))
        if by_renaming:
            target.rename(self.path)

    def save_document(self, document: dict[str, Any]) -> bytes:
        """Save a changed document; return its text."""
        text = json.dumps(document, indent=2).encode()
        self.save(text)
        return text

    def disable_first(self) -> None:
        """Disable the first user by a hand edit."""
        self.save(disabled_first(self.text()))


def replaced(text: bytes, old: bytes, new: bytes) -> bytes:
    """Return a text with the first `old` replaced, which must be there."""
    assert old in text
    return text.replace(old, new, 1)


def disabled_first(text: bytes) -> bytes:
    """Return users.json with its first user disabled."""
    return replaced(text, b'"disabled": false', b'"disabled": true')


def names(store: UserStore) -> list[str]:
    """Return the names of all users, waiting for an edit as long as a busy machine needs."""
    store.refresh(30)
    return [user.username for user in store.all()]


def act_at_the_rename(
    path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, after: bool = False
) -> None:
    """Let somebody act once just before, or after, a new version gets the file's name."""
    rename = os.rename

    def renaming(source: Path, target: Path) -> None:
        is_ours = Path(target) == path
        if is_ours:
            monkeypatch.setattr(os, "rename", rename)
        if is_ours and not after:
            act()
        rename(source, target)
        if is_ours and after:
            act()

    monkeypatch.setattr(os, "rename", renaming)

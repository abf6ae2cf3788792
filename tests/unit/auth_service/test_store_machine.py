"""users.json under an editor, two processes, crashes and failures in any order: nobody is lost.

Hypothesis draws the moves. The oracle knows three kinds of operations: acknowledged ones must
hold for ever, refused ones must have changed nothing, and of unknown ones (the process died, or
the store said that it could not write) either is right.
"""

import json
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from auth_service.errors import Unavailable, UserChanged, UsernameTaken, UsersFileError
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from auth_service.usernames import MOST_FORMER_USERNAMES
from session_contract.startup import StartupError
from unit.ended_sessions import EndedSessions

LONG = os.environ.get("LONG") == "1"
PATIENCE = 30
CALLS = (
    *("open", "close", "fsync", "rename", "unlink", "link", "write", "pwrite", "ftruncate"),
    *("chmod", "fchmod", "sendfile"),
)
EDITOR_ACTS = ["truncate", "piece", "rest", "save in place", "save by renaming", "delete"]
real = {name: getattr(os, name) for name in CALLS}


class ProcessDied(BaseException):
    """The process of a store ended in the middle of an operation."""


class SystemCalls:
    """Stands between the store and the system: does something at the n-th call of an operation."""

    def __init__(self) -> None:
        self._thread = 0
        self._remaining = 0
        self._action: Callable[[], None] | None = None
        self._is_dead = False

    @contextmanager
    def at(self, number: int, action: Callable[[], None] | None) -> Iterator[None]:
        """Do `action` before the n-th call to the system that this thread makes from now on."""
        self._thread = threading.get_ident()
        self._remaining = number
        self._action = action
        self._is_dead = False
        try:
            yield
        finally:
            self._action = None
            self._is_dead = False

    def die(self) -> None:
        """Let the process end: none of its calls is made any more."""
        self._is_dead = True
        raise ProcessDied

    def wrapped(self, name: str) -> Callable[..., Any]:
        """Return the call of that name, as the store sees it."""

        def call(*arguments: Any, **options: Any) -> Any:
            if threading.get_ident() == self._thread:
                self._before(name)
            return real[name](*arguments, **options)

        return call

    def _before(self, name: str) -> None:
        if name == "close":
            return  # the kernel closes the files of a process that died, too
        if self._is_dead:
            raise ProcessDied
        if self._action is None:
            return
        self._remaining -= 1
        if self._remaining == 0:
            action = self._action
            self._action = None
            action()


def is_json(data: bytes) -> bool:
    """Whether an operator would see a whole document in it."""
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


class Editor:
    """A person's editor, which takes no lock: it reads, and saves in place or by renaming."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.buffer = b""
        self._saving: int | None = None
        self._written = 0

    @property
    def is_saving(self) -> bool:
        """Whether a save in place has begun and not ended."""
        return self._saving is not None

    def read(self) -> None:
        """Open what stands in the file, if that is a whole document."""
        if self.path.exists() and is_json(self.path.read_bytes()):
            self.buffer = self.path.read_bytes()

    def begin(self) -> None:
        """Truncate the file, and write nothing of the new text yet."""
        if self._saving is None and self.buffer:
            flags = os.O_WRONLY | os.O_TRUNC | os.O_CREAT
            self._saving = real["open"](self.path, flags, 0o600)
            self._written = 0

    def go_on(self) -> None:
        """Write another piece."""
        if self._saving is not None:
            piece = self.buffer[self._written : self._written + 300]
            self._written += real["write"](self._saving, piece)

    def finish(self) -> None:
        """Write the rest."""
        if self._saving is not None:
            rest = self.buffer[self._written :]
            real["write"](self._saving, rest)
            real["close"](self._saving)
            self._saving = None

    def save_in_place(self) -> None:
        """Truncate and write at once."""
        self.finish()
        self.begin()
        self.finish()

    def save_by_renaming(self) -> None:
        """Write another file and give it the name."""
        self.finish()
        beside = self.path.with_name("4913")
        descriptor = real["open"](beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        real["write"](descriptor, self.buffer)
        real["close"](descriptor)
        real["rename"](beside, self.path)

    def delete(self) -> None:
        """Delete the file."""
        with suppress(FileNotFoundError):
            real["unlink"](self.path)


class EditorsAndCrashes(RuleBasedStateMachine):
    """Two processes over one folder, an editor, and an oracle of what was acknowledged."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="users-", dir=place))
        self.path = self.folder / "users.json"
        self.system = SystemCalls()
        self.patch = pytest.MonkeyPatch()
        for name in CALLS:
            self.patch.setattr(os, name, self.system.wrapped(name))
        self.now = 1_800_000_000.0
        self.sessions = EndedSessions()
        self.editor = Editor(self.path)
        self.number = 0
        self.acknowledged: set[str] = set()
        self.removed: set[str] = set()
        self.refused: set[str] = set()
        self.seen: set[str] = set()
        self.generations: dict[str, int] = {}
        self.history: list[bytes] = []
        self.is_disturbed = False
        self.was_disturbed = False
        self.stores = [self._open(), self._open()]

    def teardown(self) -> None:
        """Let the editor end, and see that everybody is there and that all goes on."""
        try:
            self.editor.finish()
            self.now += 60
            self._everything_goes_on()
            self.stores = [self._start(), self._start()]
            self._everything_goes_on()
        finally:
            self.patch.undo()
            shutil.rmtree(self.folder)

    # --- the processes

    def _open(self) -> UserStore:
        return UserStore(
            self.folder,
            settle_seconds=0,
            sessions=self.sessions,
            clock=lambda: self.now,
        )

    def _start(self) -> UserStore:
        """Start a process; where that is refused, do as the message says."""
        self.now += 0.001  # no process starts at the very nanosecond at which another died
        try:
            return self._open()
        except StartupError:
            assert self.is_disturbed
        self.path.write_bytes((self.folder / "users.json.committed").read_bytes())
        self.path.chmod(0o600)
        return self._open()

    def _everything_goes_on(self) -> None:
        for store in self.stores:
            store.refresh(PATIENCE)
            name = self._new_name()
            user = self._user(name)
            store.add(user)
            self._acknowledge(user)
        for store in self.stores:
            store.refresh(PATIENCE)
            present = {user.id for user in store.all()}
            assert self.acknowledged <= present, f"lost: {self.acknowledged - present}"
            assert not self.removed & present, f"came back: {self.removed & present}"

    def _user(self, name: str) -> User:
        return User(
            id=f"id-{name}",
            username=name,
            canonical=name,
            password_hash="$2b$10$" + "." * 53,
            generation=1,
            disabled=False,
            created_at="2026-11-22T10:00:00Z",
        )

    def _new_name(self) -> str:
        self.number += 1
        return f"user{self.number}"

    def _acknowledge(self, user: User) -> None:
        self.acknowledged.add(user.id)
        self.history.append(self.path.read_bytes() if self.path.exists() else b"")

    def _forget(self, user_ids: set[str]) -> None:
        """Whatever became of these users is right: an edit or an unknown operation removed them."""
        self.acknowledged -= user_ids

    def _actions(self, name: str) -> Callable[[], None]:
        def fail() -> None:
            raise OSError(5, "input/output error")

        self.is_disturbed = True
        return {
            "die": self.system.die,
            "fail": fail,
            "truncate": self.editor.begin,
            "piece": self.editor.go_on,
            "rest": self.editor.finish,
            "save in place": self.editor.save_in_place,
            "save by renaming": self.editor.save_by_renaming,
            "delete": self.editor.delete,
        }[name]

    def _disturb(self, action: Callable[[], None]) -> None:
        self.was_disturbed = True
        action()

    def _operate(
        self,
        process: int,
        operation: Callable[[UserStore], object],
        disturbance: tuple[int, str] | None,
    ) -> str:
        """Return "acknowledged", "refused" or "unknown"."""
        number, action = (0, None)
        self.was_disturbed = False
        if disturbance is not None:
            number = disturbance[0]
            action = partial(self._disturb, self._actions(disturbance[1]))
        try:
            with self.system.at(number, action):
                operation(self.stores[process])
        except ProcessDied:
            self.stores[process] = self._start()
            return "unknown"
        except (UsernameTaken, UserChanged, UsersFileError):
            return "refused"
        except (Unavailable, OSError):
            # Without a disturbance, only what an editor has left half saved is a reason.
            assert disturbance or self.is_disturbed, "a write is refused though nothing is wrong"
            return "unknown"
        return "acknowledged"

    # --- moves of the processes

    disturbances = st.none() | st.tuples(
        st.integers(1, 30),
        st.sampled_from(["die", "fail", *EDITOR_ACTS]),
    )
    processes = st.integers(0, 1)

    @initialize(process=processes)
    def first_user(self, process: int) -> None:
        self.register(process, None)
        self.editor.read()

    @rule(process=processes, disturbance=disturbances)
    def register(self, process: int, disturbance: tuple[int, str] | None) -> None:
        user = self._user(self._new_name())
        saved = b""
        if disturbance is not None and disturbance[1] == "save in place":
            saved = self._marked_buffer()
        outcome = self._operate(process, lambda store: store.add(user), disturbance)
        if outcome == "acknowledged":
            self._acknowledge(user)
        if saved and self.was_disturbed:
            self._is_kept(saved)

    @rule(process=processes, disturbance=disturbances, choice=st.integers(0, 5))
    def register_again(
        self, process: int, disturbance: tuple[int, str] | None, choice: int
    ) -> None:
        """A name that is taken or reserved is refused, unless its owner is gone by then."""
        user = self._chosen(process, choice)
        if user is not None and user.id in self.acknowledged:
            self.number += 1
            name = user.names[choice % len(user.names)]
            again = replace(self._user(name), id=f"again-{self.number}", username=name.upper())
            outcome = self._operate(process, lambda store: store.add(again), disturbance)
            assert outcome != "acknowledged"
            self.refused.add(again.id)

    @rule(process=processes, disturbance=disturbances, choice=st.integers(0, 5))
    def disable(self, process: int, disturbance: tuple[int, str] | None, choice: int) -> None:
        user = self._chosen(process, choice)
        if user is not None:
            changed = user.enabled_now() if user.disabled else user.disabled_now()
            outcome = self._operate(
                process, lambda store: store.replace(user, changed), disturbance
            )
            if outcome == "acknowledged":
                known = self.generations.get(user.id, 0)
                self.generations[user.id] = max(changed.generation, known)

    @rule(process=processes, disturbance=disturbances, choice=st.integers(0, 5))
    def rename(self, process: int, disturbance: tuple[int, str] | None, choice: int) -> None:
        """Take a new name, or go back to a former one."""
        user = self._chosen(process, choice)
        if user is not None:
            is_full = len(user.former_usernames) == MOST_FORMER_USERNAMES
            name = user.names[-1] if is_full or choice % 2 else self._new_name()
            changed = user.with_username(name, name)
            outcome = self._operate(
                process, lambda store: store.replace(user, changed), disturbance
            )
            if outcome == "acknowledged":
                known = self.generations.get(user.id, 0)
                self.generations[user.id] = max(changed.generation, known)

    @rule(process=processes, disturbance=disturbances, choice=st.integers(0, 5))
    def remove(self, process: int, disturbance: tuple[int, str] | None, choice: int) -> None:
        user = self._chosen(process, choice)
        if user is not None:
            outcome = self._operate(process, lambda store: store.remove(user), disturbance)
            if outcome != "refused":
                self._forget({user.id})
            if outcome == "acknowledged":
                self.removed.add(user.id)

    @rule(process=processes, disturbance=disturbances, choice=st.integers(0, 5))
    def users_edit(self, process: int, disturbance: tuple[int, str] | None, choice: int) -> None:
        user = self._chosen(process, choice)

        def edit(text: bytes) -> bytes:
            return text.replace(b'"disabled": false', b'"disabled": true', choice % 2)

        if user is not None:
            self._operate(process, lambda store: store.edit(edit), disturbance)

    @rule(process=processes)
    def restart(self, process: int) -> None:
        self.stores[process] = self._start()

    @rule(process=processes)
    def refresh(self, process: int) -> None:
        self.stores[process].refresh(PATIENCE)

    @precondition(lambda self: self.editor.buffer)
    @rule(
        process=processes,
        disturbance=st.tuples(st.integers(1, 40), st.sampled_from(["die", "fail"])),
        is_stale=st.booleans(),
    )
    def an_edit_saved_before_a_failing_write_is_kept(
        self, process: int, disturbance: tuple[int, str], is_stale: bool
    ) -> None:
        """Its last write ended before the lock was taken, so it is never lost, stale or not."""
        if not is_stale:
            self.editor.finish()
            self.editor.read()
        saved = self._marked_buffer()
        self._actions("save in place")()
        user = self._user(self._new_name())
        outcome = self._operate(process, lambda store: store.add(user), disturbance)
        if outcome == "acknowledged":
            self._acknowledge(user)
        if saved:
            self._is_kept(saved)

    def _marked_buffer(self) -> bytes:
        """Return the editor's buffer with a name that no other edit has."""
        self.editor.finish()
        document = json.loads(self.editor.buffer)
        if not document["users"]:
            return b""
        self.number += 1
        next(iter(document["users"].values()))["display_name"] = f"Edit {self.number}"
        self.editor.buffer = json.dumps(document, indent=2).encode() + b"\n"
        return self.editor.buffer

    def _is_kept(self, saved: bytes) -> None:
        """See that a whole edit was taken in or put aside, an overlapping one after its time."""
        self.now += 60
        fresh = self._start()
        mark = next(iter(json.loads(saved)["users"].values()))["display_name"]
        taken_in = mark in {user.display_name for user in fresh.all()}
        aside = {path.read_bytes() for path in self.folder.glob("users.json.rejected-*")}
        assert taken_in or saved in aside, "a whole edit is lost"

    def _chosen(self, process: int, choice: int) -> User | None:
        users = list(self.stores[process].all())
        return users[choice % len(users)] if users else None

    # --- moves of the editor

    @rule()
    def editor_reads(self) -> None:
        self.editor.read()

    @precondition(lambda self: self.editor.buffer)
    @rule()
    def editor_disables(self) -> None:
        self.editor.buffer = self.editor.buffer.replace(b": false", b": true", 1)

    @precondition(lambda self: self.editor.buffer and not self.editor.is_saving)
    @rule()
    def editor_deletes_the_last_user(self) -> None:
        document = json.loads(self.editor.buffer)
        if document["users"]:
            user_id, _ = document["users"].popitem()
            self._forget({user_id})
            self.editor.buffer = json.dumps(document, indent=2).encode() + b"\n"

    @precondition(lambda self: self.editor.buffer)
    @rule(act=st.sampled_from(EDITOR_ACTS))
    def editor_saves(self, act: str) -> None:
        self._actions(act)()

    @precondition(lambda self: self.history and not self.editor.is_saving)
    @rule(choice=st.integers(0, 9))
    def somebody_rolls_back(self, choice: int) -> None:
        older = self.history[choice % len(self.history)]
        if older:
            self.is_disturbed = True
            self.path.write_bytes(older)

    @precondition(lambda self: not self.editor.is_saving)
    @rule(process=processes, how=st.sampled_from(["in place", "by renaming", "same time"]))
    def a_whole_edit_is_taken_in(self, process: int, how: str) -> None:
        """Nothing else goes on, so it counts, whatever happened before."""
        for store in self.stores:
            store.refresh(PATIENCE)
        users = self.stores[process].all()
        aside = self._rejected()
        before = self.path.stat()
        text = self.path.read_bytes()
        edited = text.replace(b'"disabled": true,', b'"disabled":  true,', 1)
        for user in users:
            if not user.disabled:
                edited = text.replace(b'"disabled": false,', b'"disabled":  true,', 1)
                break
        editor = Editor(self.path)
        editor.buffer = edited
        editor.save_by_renaming() if how == "by renaming" else editor.save_in_place()
        if how == "same time":
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        for store in (self.stores[process], *self.stores):
            store.refresh(PATIENCE)
            after = {user.id: user for user in store.all()}
            assert set(after) == {user.id for user in users}
            enabled = [user for user in users if not user.disabled]
            if enabled:
                changed = after[enabled[0].id]
                assert changed.disabled, f"an edit {how} was not taken in"
                assert changed.generation > enabled[0].generation
        assert self._rejected() == aside

    def _rejected(self) -> set[str]:
        return {path.name for path in self.folder.glob("users.json.rejected-*")}

    # --- what holds all the time

    @invariant()
    def everybody_acknowledged_is_known(self) -> None:
        for store in self.stores:
            store.refresh(PATIENCE)
            users = {user.id: user for user in store.all()}
            missing = self.acknowledged - set(users)
            assert not missing, f"acknowledged users are missing: {missing}"
            assert not self.removed & set(users), "a removed user came back"
            assert not self.refused & set(users), "a refused user was stored"
            self.seen |= set(users)
            gone = self.seen - set(users)
            assert gone <= set(self.sessions.user_ids), f"their sessions live on: {gone}"
            for user_id, generation in self.generations.items():
                if user_id in users:
                    assert users[user_id].generation >= generation, "a generation fell"

    @invariant()
    def every_name_belongs_to_one_user(self) -> None:
        for store in self.stores:
            for user in store.all():
                assert store.find(user.canonical) == user
                assert {store.holder(name) for name in user.names} == {user}
                assert not any(store.find(name) for name in user.former_usernames)

    @invariant()
    def every_file_is_for_its_owner_alone(self) -> None:
        for path in self.folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


@pytest.mark.prolonged
@pytest.mark.timeout(7200 if LONG else 300)
def test_whatever_editors_and_crashes_do_nobody_acknowledged_is_lost(tmp_path: Path) -> None:
    budget = settings(
        max_examples=10_000 if LONG else 200,
        stateful_step_count=30,
        deadline=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: EditorsAndCrashes(tmp_path), settings=budget)

"""Edits of users.json while it is written, and edits under its lock."""

import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable, UsersFileError
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.storage.users_json.store import UserStore
from unit.auth_service.users_folder import (
    UsersFolder,
    act_at_the_rename,
    disabled_first,
    names,
    replaced,
)
from unit.made_users import make_user

# --- an editor that saves while a version is replaced


@pytest.mark.parametrize("kind", ["a broken edit", "a good edit"])
def test_an_edit_saved_while_a_write_is_under_way_counts_as_before_it(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    edit = b"broken" if kind == "a broken edit" else disabled_first(folder.text())
    fsync = os.fsync

    def saved_meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        folder.save(edit)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", saved_meanwhile)
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert store.all()[0].disabled == (kind == "a good edit")
    assert folder.rejected() == ([] if kind == "a good edit" else [edit])


@pytest.mark.parametrize("kind", ["a broken edit", "a good edit"])
def test_an_edit_that_ends_between_the_check_and_the_rename_is_put_aside(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    edit = b"broken" if kind == "a broken edit" else disabled_first(folder.text())
    act_at_the_rename(folder.path, monkeypatch, lambda: folder.path.write_bytes(edit))
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == [edit]


def test_a_file_truncated_after_the_rename_costs_nobody_and_stops_nothing(
    store: UserStore, folder: UsersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_at_the_rename(folder.path, monkeypatch, lambda: folder.path.write_bytes(b""), after=True)
    store.add(make_user("Carol"))
    folder.path.write_bytes(folder.committed_path.read_bytes())
    assert names(folder.open()) == ["Alice", "Bob", "Carol"]
    store.add(make_user("Dave"))
    assert names(store) == ["Alice", "Bob", "Carol", "Dave"]


@pytest.mark.parametrize(
    ("saves_at", "said"),
    [
        pytest.param(range(2), "was changed by somebody else", id="while an edit is taken in"),
        pytest.param(range(0, 10, 2), "again and again", id="at each of five attempts"),
    ],
)
def test_an_editor_that_saves_all_the_time_lets_a_write_fail_and_nothing_be_lost(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    saves_at: range,
    said: str,
) -> None:
    link, links = os.link, itertools.count()

    def saved_before(source: Path, target: Path) -> None:
        if next(links) in saves_at:
            folder.save_document(folder.document())
        link(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", saved_before)
        with pytest.raises(Unavailable):
            store.add(make_user("Carol"))
    assert said in caplog.text
    assert names(store) == ["Alice", "Bob"]
    store.add(make_user("Carol"))
    assert names(store) == ["Alice", "Bob", "Carol"]


def test_an_edit_that_goes_on_after_the_rename_is_put_aside_when_its_time_is_over(
    store: UserStore, folder: UsersFolder, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    edit = replaced(folder.text(), b'"disabled": false', b'"disabled":  true')
    with folder.path.open("r+b") as editor:
        store.add(make_user("Carol"))
        editor.write(edit)
    assert folder.rejected() == []
    clock.now += 11
    folder.open()
    assert folder.rejected() == [edit]
    (aside,) = folder.folder.glob("users.json.rejected-*")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert f"The edit lies at {aside}" in caplog.text
    assert names(store) == ["Alice", "Bob", "Carol"]


class SteppedTimer:
    """Stands for threading.Timer; a test lets the timers end."""

    running: list["SteppedTimer"]

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self.seconds = seconds
        self.function = function
        self.daemon = False

    def start(self) -> None:
        self.running.append(self)


def test_a_replaced_file_that_was_young_at_a_restart_is_put_aside_in_its_time(
    store: UserStore, folder: UsersFolder, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = replaced(folder.text(), b'"disabled": false', b'"disabled":  true')
    monkeypatch.setattr(threading, "Timer", SteppedTimer)
    with folder.path.open("r+b") as editor:
        SteppedTimer.running = []
        store.add(make_user("Carol"))
        editor.write(edit)
    SteppedTimer.running = []  # the process died
    folder.open()
    (timer,) = SteppedTimer.running
    assert timer.seconds == 11, "a second after its time"
    assert timer.daemon, "it does not keep the process from ending"
    clock.now += timer.seconds
    timer.function()
    assert folder.rejected() == [edit]
    assert SteppedTimer.running == [timer], "nothing is left to look at"


def test_a_replaced_file_that_stayed_open_and_unchanged_is_removed(
    store: UserStore, folder: UsersFolder, clock: Any
) -> None:
    with folder.path.open("rb"):
        store.add(make_user("Carol"))
        assert len(list(folder.folder.glob("users.json.replaced-*"))) == 1
    clock.now += 11
    folder.open()
    assert list(folder.folder.glob("users.json.re*-*")) == []


def test_a_replaced_file_that_cannot_be_removed_is_named_in_the_log(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unlink = os.unlink

    def fail(path: Path) -> None:
        if ".replaced-" in Path(path).name:
            raise OSError(errno.EIO, "input/output error")
        unlink(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", fail)
        store.add(make_user("Carol"))
    (left_over,) = folder.folder.glob("users.json.replaced-*")
    assert f"{left_over} is left over: [Errno 5] input/output error" in caplog.text
    assert names(store) == ["Alice", "Bob", "Carol"]


# --- an edit that is put aside while the disk fails


@pytest.mark.parametrize("fails_at", ["the folder's sync", "the copy's rename"])
def test_a_stale_edit_is_kept_if_the_disk_fails_just_after_it_was_replaced(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails_at: str,
) -> None:
    edit = disabled_first(folder.text())
    store.add(make_user("Carol"))
    call = "fsync" if fails_at == "the folder's sync" else "rename"

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    folder.save(edit)
    act_at_the_rename(
        folder.path, monkeypatch, lambda: monkeypatch.setattr(os, call, fail), after=True
    )
    store.refresh(30)
    assert store.problem() is not None
    assert folder.rejected() == [edit]
    assert "revision 3, not 4: edited" in caplog.text
    assert "The edit lies at " in caplog.text
    monkeypatch.undo()
    assert names(store) == ["Alice", "Bob", "Carol"]
    assert folder.rejected() == [edit]


# --- users edit


def test_an_edit_under_the_lock_keeps_others_out_and_is_taken_in(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.revision

    def editor(text: bytes) -> bytes:
        with pytest.raises(LockTimeout), file_lock(folder.lock_path, 0):
            pass
        return disabled_first(text)

    assert store.edit(editor)
    assert store.all()[0].disabled
    assert folder.revision == before + 1


def test_an_edit_under_the_lock_that_is_broken_or_the_same_changes_nothing(
    store: UserStore, folder: UsersFolder
) -> None:
    before = folder.text()
    assert not store.edit(lambda text: text)
    with pytest.raises(UsersFileError):
        store.edit(lambda text: text[:100])
    assert folder.text() == before
    assert names(store) == ["Alice", "Bob"]


def test_an_edit_under_the_lock_with_too_large_a_generation_can_be_corrected(
    store: UserStore, folder: UsersFolder
) -> None:
    edit = replaced(folder.text(), b'"generation": 1', b'"generation": %d' % (2**53 + 1))
    with pytest.raises(UsersFileError, match=r"line 9, column 7: generation"):
        store.check(edit)
    # An editor that does not ask:
    with pytest.raises(OSError, match=r"generation.* The edited text lies at "):
        store.edit(lambda _text: edit)
    assert folder.rejected() == [edit]
    assert names(store) == ["Alice", "Bob"]


def test_an_edit_under_the_lock_that_comes_too_late_is_put_aside_and_not_lost(
    store: UserStore, folder: UsersFolder
) -> None:
    """Somebody saves the file meanwhile with an editor of their own, which takes no lock."""

    def editor(text: bytes) -> bytes:
        folder.save(replaced(text, b'"generation": 1', b'"generation": 7'))
        return disabled_first(text)

    before = folder.text()
    with pytest.raises(
        OSError, match=r"changed by somebody else.* The edited text lies at "
    ) as caught:
        store.edit(editor)
    aside = Path(str(caught.value).rpartition(" lies at ")[2])
    assert aside.read_bytes() == disabled_first(before)
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    store.refresh(30)
    assert store.all()[0].generation == 7

"""users.json when the disk fails at any call to the system, or the process dies there.

Run as a program with a folder as argument, this file lets a child die before every call to the
system that an operation makes, and prints what was wrong afterwards.
"""

import contextlib
import errno
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import Unavailable
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from session_contract.startup import StartupError
from unit.auth_service.users_folder import UsersFolder, disabled_first, names

CALLS = (
    *("open", "fsync", "rename", "replace", "unlink", "link", "write", "pwrite", "ftruncate"),
    *("chmod", "fchmod", "fstat"),
)
DIED = 77
HASH = "$2b$10$" + "." * 53


def user(name: str) -> User:
    return User(f"id-{name}", name, name.lower(), HASH, 1, False, "2026-11-22T10:00:00Z")


def before_call(number: int, act: Callable[[], object]) -> list[str]:
    """Act at this process's n-th call to the system from now on; list the calls as they come."""
    calls: list[str] = []

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) == number:
                act()
            return call(*arguments, **options)

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))
    return calls


def problems_afterwards(
    folder: UsersFolder, allowed: list[list[str]], *bystanders: UserStore
) -> Iterator[str]:
    """Say what is wrong with the next start and with processes that went on meanwhile."""
    # A bystander looks first: what is left of a broken edit refuses to start.
    for users in [*map(names, bystanders), names(folder.open())]:
        if users not in allowed:
            yield f"users are {users}"
    aside = len(folder.rejected())
    if kept := names(folder.open()):
        folder.save(folder.text().replace(b'"disabled": false', b'"disabled": true', 1))
        for store in [*bystanders, folder.open()]:
            if names(store) != kept or not store.all()[0].disabled:
                yield f"an edit of the current version is not taken in; users are {names(store)}"
        if len(folder.rejected()) != aside:
            yield "an edit of the current version is put aside"
    folder.open().add(user("Carol"))
    for store in [*bystanders, folder.open()]:
        if names(store) != [*kept, "Carol"]:
            yield f"after the next registration users are {names(store)}"


# --- dying


def save_old_buffer(folder: UsersFolder) -> None:
    buffer = folder.text()
    folder.open().add(user("Bob"))
    folder.save(buffer)


# What happens before, what the process does that dies, and which users are right afterwards.
OPERATIONS: dict[
    str,
    tuple[Callable[[UsersFolder], object], Callable[[UserStore], object], list[list[str]]],
] = {
    "a registration": (
        lambda _folder: None,
        lambda store: store.add(user("Bob")),
        [["Alice"], ["Alice", "Bob"]],
    ),
    "a good edit": (UsersFolder.disable_first, names, [["Alice"]]),
    "a broken edit": (lambda folder: folder.save(b"broken"), names, [["Alice"]]),
    "a stale edit": (save_old_buffer, names, [["Alice", "Bob"]]),
}


def dies(number: int, act: Callable[[], object]) -> bool:
    """Run something in a process of its own that dies at its n-th call; return whether it did."""
    child = os.fork()
    if child == 0:
        before_call(number, lambda: os._exit(DIED))
        act()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, DIED), status
    return status == DIED


def first_start(folder: UsersFolder, number: int) -> tuple[bool, Iterator[str]]:
    """Die at a call of the first start; return whether it died, and what is wrong then."""
    died = dies(number, folder.open)
    return died, problems_afterwards(folder, [[]])


def operation(folder: UsersFolder, number: int, name: str) -> tuple[bool, Iterator[str]]:
    """Die at a call of an operation, in a process that runs beside another."""
    prepare, act, allowed = OPERATIONS[name]
    folder.open().add(user("Alice"))
    bystander, dying = folder.open(), folder.open()
    prepare(folder)
    died = dies(number, lambda: act(dying))
    others = [bystander] if number % 2 or name == "a broken edit" else []
    return died, problems_afterwards(folder, allowed, *others)


def problems_at_any_call(place: Path, name: str) -> Iterator[str]:
    for number in itertools.count(1):
        folder = UsersFolder(place / f"{number}")
        if name == "the first start":
            died, problems = first_start(folder, number)
        else:
            died, problems = operation(folder, number, name)
        try:
            for problem in problems:
                yield f"call {number}: {problem}"
        except StartupError as error:
            yield f"call {number}: {error}"
        if not died:
            assert number > 5
            return


@pytest.mark.proves("V2.3.3")
@pytest.mark.fault(3)
@pytest.mark.parametrize("name", ["the first start", *OPERATIONS])
def test_dying_at_any_call_leaves_the_old_or_the_new_version_and_all_goes_on(
    tmp_path: Path, name: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(tmp_path), name]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=120)
    assert json.loads(done.stdout) == []


# --- failing


@pytest.mark.fault(7, 8, 9)
@pytest.mark.proves("V2.3.3")
@pytest.mark.parametrize("error", ["EIO", "EMFILE"])
def test_a_write_that_fails_at_any_call_makes_nothing_half_and_the_next_one_works(
    tmp_path: Path, error: str
) -> None:
    def fail() -> None:
        raise OSError(getattr(errno, error), error)

    honest = {name: getattr(os, name) for name in CALLS}
    wrong = []
    for number in itertools.count(1):
        folder = UsersFolder(tmp_path / f"{number}")
        store, other = folder.open(), folder.open()
        store.add(user("Alice"))
        allowed = [["Alice", "Bob"]]
        calls = before_call(number, fail)
        try:
            store.add(user("Bob"))
        except Unavailable:
            # The last steps come after the new version is in place; then it may stay.
            allowed.append(["Alice"])
        finally:
            for name, call in honest.items():
                setattr(os, name, call)
        if len(calls) < number:
            break
        case = f"{error} at call {number}, {calls[number - 1]}"
        wrong += [f"{case}: {problem}" for problem in problems_afterwards(folder, allowed, store)]
        folder.save(b"broken")
        if names(other) != names(store):
            wrong.append(f"{case}: after a broken edit users are {names(store)}")
    assert number > 5
    assert wrong == []


@pytest.mark.parametrize("call", ["fsync", "rename", "the last rename", "link"])
@pytest.mark.parametrize("edit", ["good", "broken", "stale"])
def test_an_edit_that_cannot_be_put_in_order_now_is_when_the_disk_works_again(
    store: UserStore,
    folder: UsersFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    edit: str,
    call: str,
) -> None:
    data = b"broken" if edit == "broken" else disabled_first(folder.text())
    if edit == "stale":
        folder.open().add(user("Carol"))
    before, other, revision = names(store), folder.open(), folder.revision
    name = call.rpartition(" ")[2]
    honest = getattr(os, name)

    def fail(*arguments: Any, **options: Any) -> None:
        if call == "the last rename" and folder.path not in arguments:
            honest(*arguments, **options)
        else:
            raise OSError(errno.EIO, "input/output error")

    folder.save(data)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        for _ in range(3):
            assert names(store) == names(other) == before
    assert call in ("fsync", "rename") or "lies at" not in caplog.text, "it is in its place"
    assert names(other) == names(store) == names(folder.open()) == before
    assert store.all()[0].disabled == other.all()[0].disabled == (edit == "good")
    assert folder.rejected() == ([] if edit == "good" else [data])
    assert folder.revision > revision
    store.add(user("Dave"))
    assert names(other) == [*before, "Dave"]


FULL_DISK = """
import json, resource, sys
from pathlib import Path
from auth_service.errors import Unavailable
from auth_service.models import User
from auth_service.storage.users_json.store import UserStore

path = Path(sys.argv[1])
store = UserStore(path.parent, settle_seconds=0, sessions=None)
before = path.read_bytes()
user = User("c", "Carol", "carol", "$2b$10$" + "." * 53, 1, False, "2026-11-22T10:00:00Z")
answers = []
for limit in (len(before) + 200, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.add(user)
        answers.append("written")
    except Unavailable:
        answers.append("unavailable")
        answers.append(path.read_bytes() == before)
        answers.append([user.username for user in store.all()])
answers.append([user.username for user in store.all()])
print(json.dumps(answers))
"""


@pytest.mark.fault(6)
@pytest.mark.proves("V16.5.2")
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(
    store: UserStore, folder: UsersFolder
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FULL_DISK, str(folder.path)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    expected = ["unavailable", True, ["Alice", "Bob"], "written", ["Alice", "Bob", "Carol"]]
    assert json.loads(done.stdout) == expected
    assert names(store) == ["Alice", "Bob", "Carol"]


def main() -> None:
    with contextlib.redirect_stderr(None):
        problems = list(problems_at_any_call(Path(sys.argv[1]), sys.argv[2]))
    sys.stdout.write(json.dumps(problems))


if __name__ == "__main__":
    main()

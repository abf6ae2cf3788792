"""A process that dies at any call to the system leaves the old users.json or the new one.

Run as a program with a folder as argument, this file lets a child die before every call to the
system that an operation makes, and prints what was wrong afterwards.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from session_contract.startup import StartupError
from unit.ended_sessions import EndedSessions

CALLS = (
    *("open", "fsync", "rename", "replace", "unlink", "link", "write", "pwrite", "ftruncate"),
    *("chmod", "fchmod", "fstat", "close"),
)
DIED = 77
HASH = "$2b$10$" + "." * 53
_moments = itertools.count(2_000_000_000_000_000_000, 1_000_000_000)


def user(name: str) -> User:
    return User(f"id-{name}", name, name.lower(), HASH, 1, False, "2026-11-22T10:00:00Z")


def start(folder: Path) -> UserStore:
    return UserStore(folder, settle_seconds=0, sessions=EndedSessions())


def names(store: UserStore) -> list[str]:
    store.refresh(30)
    return [user.username for user in store.all()]


def add(folder: Path, name: str) -> None:
    start(folder).write(lambda draft: draft.add(user(name)))


def save(folder: Path, data: bytes) -> None:
    path, moment = folder / "users.json", next(_moments)
    path.write_bytes(data)
    os.utime(path, ns=(moment, moment))


def disable_first(folder: Path) -> None:
    text = (folder / "users.json").read_bytes()
    save(folder, text.replace(b'"disabled": false', b'"disabled": true', 1))


def save_old_buffer(folder: Path) -> None:
    buffer = (folder / "users.json").read_bytes()
    add(folder, "Bob")
    save(folder, buffer)


ALICE, BOTH = ["Alice"], ["Alice", "Bob"]
OPERATIONS: dict[
    str, tuple[Callable[[Path], object], Callable[[UserStore], object], list[list[str]]]
] = {
    "a registration": (
        lambda _folder: None,
        lambda store: store.write(lambda draft: draft.add(user("Bob"))),
        [ALICE, BOTH],
    ),
    "a good edit": (disable_first, UserStore.all, [ALICE]),
    "a broken edit": (lambda folder: save(folder, b"broken"), UserStore.all, [ALICE]),
    "a stale edit": (save_old_buffer, UserStore.all, [BOTH]),
}


def die_before(number: int) -> None:
    """End this process at its n-th call to the system from now on."""
    count = itertools.count(1)

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if next(count) == number:
                os._exit(DIED)
            return call(*arguments, **options)

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))


def in_child(act: Callable[[], object]) -> bool:
    """Run something in a process of its own; return whether that died on the way."""
    child = os.fork()
    if child == 0:
        act()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, DIED), status
    return status == DIED


def problems_afterwards(
    folder: Path, allowed: list[list[str]], *bystanders: UserStore
) -> Iterator[str]:
    """Say what is wrong with the next start and with processes that went on meanwhile."""
    # A bystander looks first: what is left of a broken edit refuses to start.
    for users in [*map(names, bystanders), names(start(folder))]:
        if users not in allowed:
            yield f"users are {users}"
    aside = len(list(folder.glob("*.rejected-*")))
    if kept := names(start(folder)):
        disable_first(folder)
        for store in [*bystanders, start(folder)]:
            if names(store) != kept or not store.all()[0].disabled:
                yield f"an edit of the current version is not taken in; users are {names(store)}"
        if len(list(folder.glob("*.rejected-*"))) != aside:
            yield "an edit of the current version is put aside"
    add(folder, "Carol")
    for store in [*bystanders, start(folder)]:
        if names(store) != [*kept, "Carol"]:
            yield f"after the next registration users are {names(store)}"


def first_start(folder: Path) -> Iterator[str]:
    """Die at every call of the first start of all."""
    for number in itertools.count(1):
        place = folder / f"{number}"
        place.mkdir()

        def act(number: int = number, place: Path = place) -> None:
            die_before(number)
            start(place)

        died = in_child(act)
        try:
            for problem in problems_afterwards(place, [[]]):
                yield f"call {number}: {problem}"
        except StartupError as error:
            yield f"call {number}: {error}"
        if not died:
            return


def operation(folder: Path, name: str) -> Iterator[str]:
    """Die at every call of an operation of a process that runs beside another."""
    prepare, act, allowed = OPERATIONS[name]
    for number in itertools.count(1):
        place = folder / f"{number}"
        place.mkdir()
        add(place, "Alice")
        bystander, dying = start(place), start(place)
        prepare(place)

        def run(number: int = number, dying: UserStore = dying) -> None:
            die_before(number)
            act(dying)

        died = in_child(run)
        others = [bystander] if number % 2 or name == "a broken edit" else []
        try:
            for problem in problems_afterwards(place, allowed, *others):
                yield f"call {number}: {problem}"
        except StartupError as error:
            yield f"call {number}: {error}"
        if not died:
            assert number > 5
            return


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    with contextlib.redirect_stderr(None):
        problems = list(
            first_start(folder) if name == "the first start" else operation(folder, name)
        )
    sys.stdout.write(json.dumps(problems))


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


if __name__ == "__main__":
    main()

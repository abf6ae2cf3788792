"""The power is cut at every call to the system of a burst of registrations: nobody is lost.

auth-service runs under strace, which also sees the answers being sent. Since a call is traced
before it is made, everybody counts as told from the moment in which the first byte of the answer
may leave. The kernel's memory of what SQLite maps (state.db-shm) is left out: SQLite makes it anew
after a crash.

Without the fsync of the file in `file_locks.write_new`, what is left after the rename may be cut
off; without the fsync of the folder in `rename_synced`, the version before may be left.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.store import UserStore
from conftest import Tally
from journeys.visitor import Api, all_at_once, new_name
from local.hand_started import Service, environment, provision
from local.power_cut import Call, Disk, Left, calls
from local.system_calls import THAT_ANSWER, writing_down
from unit.ended_sessions import EndedSessions

pytestmark = pytest.mark.slow
CLIENTS, EACH = 4, 3
POSSIBILITIES = 12
"""Of one moment; more of them are drawn by lot."""


@dataclass(frozen=True)
class Burst:
    """A burst of registrations that was traced: its calls, and who was told yes with which."""

    data: Path
    calls: list[Call]
    told: dict[int, tuple[str, str]]


@pytest.fixture(scope="module")
def burst(strace: None, tmp_path_factory: pytest.TempPathFactory, long_run: bool) -> Burst:
    """Trace auth-service from start to end while people register, each with a session."""
    folder = tmp_path_factory.mktemp("burst")
    data, trace = folder / "data", folder / "trace"
    data.mkdir(mode=0o700)
    given = environment(data)
    provision(given)
    each = EACH * 10 if long_run else EACH
    with Service("auth_service", given, folder / "log", under=writing_down(trace)) as service:

        def register() -> list[str]:
            with Api(service.base_url) as api:
                # A busy machine refuses some under strace; whoever is not told yes does not count.
                tries = (new_name() for _ in range(each * 20))
                made = (
                    name for name in tries if api.register(name, sign_in=True).status_code == 201
                )
                return list(islice(made, each))

        acknowledged = {name for names in all_at_once([register] * CLIENTS) for name in names}
        (main,) = service.workers()
        os.kill(main, signal.SIGTERM)
        service.wait()
    made = list(calls(trace))
    told = dict(answers(made))
    assert len(acknowledged) == CLIENTS * each
    assert {user for user, _ in told.values()} == acknowledged, "the trace has every answer"
    return Burst(data, made, told)


def answers(made: Iterable[Call]) -> Iterable[tuple[int, tuple[str, str]]]:
    """Yield who was told yes; it counts from the call that sends the head, before the body."""
    heads: dict[int, int] = {}
    for index, call in enumerate(made):
        if call.name not in THAT_ANSWER:
            continue
        if call.data.startswith(b"HTTP/1.1 201 "):
            heads.setdefault(call.thread, index)
        elif call.data.startswith(b"{") and call.thread in heads:
            body = json.loads(call.data)
            yield heads.pop(call.thread), (body["username"], body["session"]["session_id"])


class Cuts:
    """Cuts the power after every call and looks at what may be left."""

    def __init__(self, burst: Burst, disk: Disk, which: int, most: int, tally: Tally) -> None:
        self._burst = burst
        self._disk = disk
        self._which = which
        self._most = most
        self._tally = tally
        tally.unit = "states after a power cut"

    def look(
        self, at: Callable[[Left], frozenset[str]], before: Callable[[Call], None]
    ) -> list[str]:
        """Return what is wrong with what is left.

        Args:
            at: returns who is found in it; an error means that nothing could be started with it.
            before: is shown every call before it is done.
        """
        chance, known, told, problems = (
            random.Random(4),
            dict[bytes, frozenset[str]](),
            set[str](),
            [],
        )
        for index, call in enumerate(self._burst.calls):
            before(call)
            changed = self._disk.apply(call)
            if index in self._burst.told:
                told.add(self._burst.told[index][self._which])
                self._tally.acknowledged += 1
            elif not changed:
                continue
            for left in self._disk.left(chance, self._most):
                key = hashlib.sha256(repr(sorted(left.items())).encode()).digest()
                if key not in known:
                    try:
                        known[key] = at(left)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
                        problems.append(f"after call {index}, {call.name} {call.paths}: {error!r}")
                        known[key] = frozenset(told)
                if missing := told - known[key]:
                    self._tally.lost += len(missing)
                    problems.append(
                        f"after call {index}, {call.name} {call.paths}: {len(missing)} lost"
                    )
        self._tally.tried += len(known)
        return problems


def laid_out(parent: Path, left: Left) -> Path:
    """Make a folder of what is left, in the place of the one before.

    Each has a name of its own: a store cleans up some seconds later, in its own folder.
    """
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(mode=0o700)
    folder = Path(tempfile.mkdtemp(dir=parent))
    for name, content in left.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.fault(4)
def test_after_a_power_cut_everybody_who_was_told_yes_is_in_users_json(
    burst: Burst, tmp_path: Path, tally: Tally, long_run: bool
) -> None:
    disk = Disk(burst.data, "users.json")
    versions = {frozenset[str]()}

    def before(call: Call) -> None:
        if call.name == "rename" and call.strings[0] == str(burst.data / "users.json.tmp"):
            content = disk.names["users.json.tmp"].now()
            versions.add(
                frozenset(user["username"] for user in json.loads(content)["users"].values())
            )

    def found(left: Left) -> frozenset[str]:
        folder = laid_out(tmp_path / "left", left)
        users = frozenset(
            user.username for user in UserStore(folder, 4, 0, sessions=EndedSessions()).all()
        )
        assert users in versions, "neither the old version nor the new one"
        assert not list(folder.glob("*.rejected-*")), "a version of ours was taken for a hand edit"
        return users

    most = 10_000 if long_run else POSSIBILITIES
    assert Cuts(burst, disk, 0, most, tally).look(found, before) == []
    assert len(versions) > EACH


@pytest.mark.fault(4)
def test_after_a_power_cut_every_session_that_was_acknowledged_is_in_state_db(
    burst: Burst, tmp_path: Path, tally: Tally, long_run: bool
) -> None:
    def found(left: Left) -> frozenset[str]:
        path = laid_out(tmp_path / "left", left) / "state.db"
        SessionRecords(path)
        with closing(sqlite3.connect(path)) as connection:
            return frozenset(id_ for (id_,) in connection.execute("SELECT id FROM sessions"))

    disk = Disk(burst.data, "state.db", without=("-shm", ".lock"))
    most = 10_000 if long_run else POSSIBILITIES // 3
    assert Cuts(burst, disk, 1, most, tally).look(found, lambda _call: None) == []

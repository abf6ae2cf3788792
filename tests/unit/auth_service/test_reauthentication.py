"""Asking for the password again: who passes, what is counted, and when the session ends."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from auth_service.errors import (
    Busy,
    IncorrectPassword,
    ReauthenticationRequired,
    SessionEnded,
    TooManyConfirmations,
    Unavailable,
)
from auth_service.models import SessionRecord, User
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.usecases.reauthentication import FAILURES, RECENT_SECONDS, Reauthentication
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

GOOD = "a quiet harbour at dawn"
Confirm = Callable[..., None]


class Checker:
    """A hasher that knows the password; may first do what is asked of it."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self.checked = 0

    def check(self, _password_hash: str, password: str, scheme: str) -> bool:
        self.checked += 1
        self.before()
        return password == GOOD and scheme == "bcrypt-sha256"


class Unlimited:
    """A throttle that lets every guess be made."""

    def owner_guess(self, _user: User) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def checker() -> Checker:
    return Checker()


@pytest.fixture
def records(tmp_path: Path) -> SessionRecords:
    return SessionRecords(tmp_path / "state.db")


@pytest.fixture
def alice() -> User:
    return make_user("Alice")


@pytest.fixture
def record(records: SessionRecords, alice: User, clock: Any) -> SessionRecord:
    now = int(clock.now)
    made = SessionRecord("s1", alice.id, 1, now, now, now + 43_200, "192.0.2.1", "Browser/1.0", now)
    records.create(made)
    return made


@pytest.fixture
def make(alice: User, checker: Checker, clock: Any) -> Callable[[SessionRecords], Reauthentication]:
    """Return a function that builds what is tested over some records."""
    users = MemoryUsers(alice)

    def build(records: SessionRecords) -> Reauthentication:
        unlimited: Any = Unlimited()
        return Reauthentication(users, records, checker, unlimited, clock)  # type: ignore[arg-type]

    return build


@pytest.fixture
def confirm(
    make: Callable[[SessionRecords], Reauthentication],
    records: SessionRecords,
    alice: User,
    record: SessionRecord,
) -> Confirm:
    """Return a function that enters a password in Alice's session."""

    def enter(password: str, records: SessionRecords = records) -> None:
        make(records).confirm(alice, record, password)

    return enter


def failures(confirm: Confirm, passwords: Iterable[str]) -> list[type[Exception] | None]:
    """Return what each of the passwords raised."""
    raised: list[type[Exception] | None] = []
    for password in passwords:
        try:
            confirm(password)
            raised.append(None)
        except (IncorrectPassword, SessionEnded, Busy) as error:
            raised.append(type(error))
    return raised


@pytest.mark.parametrize(
    ("later", "asks"),
    [(0, False), (300, False), (300.9, False), (301, True), (43_000, True), (-301, True)],
)
def test_a_password_entry_is_recent_for_five_minutes(
    make: Callable[[SessionRecords], Reauthentication],
    records: SessionRecords,
    record: SessionRecord,
    clock: Any,
    later: float,
    asks: bool,
) -> None:
    reauthentication = make(records)
    clock.now += later
    assert RECENT_SECONDS == 300
    if asks:
        with pytest.raises(ReauthenticationRequired):
            reauthentication.require_recent(record)
    else:
        reauthentication.require_recent(record)


def test_the_right_password_is_noted_and_clears_the_failures(
    confirm: Confirm, records: SessionRecords, clock: Any
) -> None:
    assert failures(confirm, ["wrong"] * 4) == [IncorrectPassword] * 4
    clock.now += 1000
    confirm(GOOD)
    noted = records.get("s1")
    assert noted
    assert (noted.authenticated_at, noted.failed_confirmations) == (int(clock.now), 0)
    assert failures(confirm, ["wrong"] * 4) == [IncorrectPassword] * 4
    assert records.get("s1") is not None


def test_wrong_passwords_leave_the_time_of_the_last_entry_as_it_was(
    confirm: Confirm, records: SessionRecords, record: SessionRecord, clock: Any
) -> None:
    clock.now += 1000
    failures(confirm, ["wrong", ""])
    noted = records.get("s1")
    assert noted
    assert (noted.authenticated_at, noted.failed_confirmations) == (record.authenticated_at, 2)


def test_the_fifth_failure_ends_the_session_and_nothing_is_checked_after_it(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    expected = [IncorrectPassword] * 4 + [TooManyConfirmations] + [SessionEnded] * 2
    assert failures(confirm, ["wrong"] * 5 + [GOOD, "wrong"]) == expected
    assert records.get("s1") is None
    assert checker.checked == FAILURES == 5


def test_failures_survive_a_restart(
    confirm: Confirm, tmp_path: Path, close_databases: Callable[[], None]
) -> None:
    failures(confirm, ["wrong"] * 4)
    close_databases()
    with pytest.raises(SessionEnded):
        confirm("wrong", SessionRecords(tmp_path / "state.db"))


def test_of_guesses_at_the_same_time_five_are_checked_and_the_session_ends(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    together = threading.Barrier(FAILURES)
    checker.before = lambda: together.wait(30)
    with ThreadPoolExecutor(20) as pool:
        raised = list(pool.map(lambda _: failures(confirm, ["wrong"])[0], range(20)))
    assert checker.checked == FAILURES
    assert set(raised) <= {IncorrectPassword, TooManyConfirmations, SessionEnded}
    assert raised.count(IncorrectPassword) <= FAILURES
    assert records.get("s1") is None


def test_a_sixth_guess_ends_the_session_while_five_are_being_checked(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    for _ in range(FAILURES):
        records.reserve_failure("s1", FAILURES)
    assert failures(confirm, [GOOD]) == [TooManyConfirmations]
    assert (records.get("s1"), checker.checked) == (None, 0)


def test_a_right_password_among_too_many_guesses_at_the_same_time_passes_for_nothing(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    def sixth() -> None:
        checker.before = lambda: None
        expected = [IncorrectPassword] * 2 + [TooManyConfirmations, SessionEnded]
        assert failures(confirm, ["wrong"] * 4) == expected

    failures(confirm, ["wrong"])
    checker.before = sixth
    assert failures(confirm, [GOOD]) == [SessionEnded]
    assert records.get("s1") is None


@pytest.mark.parametrize("error", [Busy("too many"), Unavailable("not now")])
def test_a_password_that_could_not_be_checked_is_no_failure(
    confirm: Confirm, records: SessionRecords, checker: Checker, error: Exception
) -> None:
    def fail() -> None:
        raise error

    checker.before = fail
    for _ in range(10):
        with pytest.raises(type(error)):
            confirm("wrong")
    checker.before = lambda: None
    assert failures(confirm, ["wrong"] * 4) == [IncorrectPassword] * 4
    confirm(GOOD)
    assert records.get("s1") is not None


def test_a_crash_while_a_password_is_checked_counts_as_a_failure(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    def crash() -> None:
        raise SystemExit

    checker.before = crash
    with pytest.raises(SystemExit):
        confirm("wrong")
    noted = records.get("s1")
    assert noted
    assert noted.failed_confirmations == 1


def test_a_session_that_is_ended_while_the_right_password_is_checked_stays_ended(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    checker.before = lambda: records.end("s1")
    with pytest.raises(SessionEnded):
        confirm(GOOD)
    assert records.get("s1") is None


def test_a_session_that_ended_before_the_check_was_not_ended_by_wrong_passwords(
    confirm: Confirm, records: SessionRecords, checker: Checker
) -> None:
    records.end("s1")
    assert failures(confirm, [GOOD]) == [SessionEnded]
    assert checker.checked == 0

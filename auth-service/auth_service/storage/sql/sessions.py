"""Session records, in state.db. SQLAlchemy Core allows for PostgreSQL later."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from auth_service.models import Account, ActiveSession, SessionRecord, User
from auth_service.storage.sql.account_facts import forget_account, record_sign_in
from auth_service.storage.sql.state_tables import open_state_db
from auth_service.storage.sql.state_tables import sessions as _sessions

SESSIONS_PER_USER = 50

_record_columns = [column for column in _sessions.c if column.name != "number"]


class SessionRecords:
    """The sessions that exist; see `storage.ports.Sessions`."""

    def __init__(self, path: Path) -> None:
        """Open the database, or make it.

        Raises:
            StartupError: if it is corrupt, of a newer schema or unusable.
        """
        self.database = open_state_db(path)

    def problem(self) -> str | None:
        """Return why the database cannot be read or written now, or None."""
        return self.database.problem()

    def reserve_space(self) -> None:
        """Reserve space on the disk; see `Database.reserve_space`."""
        self.database.reserve_space()

    def create(self, record: SessionRecord) -> None:
        """Store a new session. A user has at most 50; the oldest end."""
        with self.database.writing() as connection:
            _insert(connection, record)

    def sign_in(self, record: SessionRecord, wrong_so_far: int, idle_seconds: int) -> ActiveSession:
        """Store the session of a sign-in, with the facts about the sign-in before it."""
        values = {
            "of_user": record.user_id,
            "of_generation": record.generation,
            "now": record.created_at,
            "idle_since": record.created_at - idle_seconds,
        }
        with self.database.writing() as connection:
            record = record_sign_in(connection, record, wrong_so_far)
            _insert(connection, record)
            live_sessions = connection.execute(_count_live(), values).scalar_one()
        return ActiveSession(record, live_sessions)

    def get(self, session_id: str) -> SessionRecord | None:
        """Return the session, expired or not, or None."""
        with self.database.reading() as connection:
            row = connection.execute(_get(), {"of_id": session_id}).one_or_none()
        return None if row is None else SessionRecord(*row)

    def renew(
        self, session_id: str, user: User, now: int, idle_seconds: int
    ) -> ActiveSession | None:
        """Record that the session was used, if it is still alive, in one statement."""
        values = {
            "of_id": session_id,
            "of_user": user.id,
            "of_generation": user.generation,
            "now": now,
            "idle_since": now - idle_seconds,
        }
        # Renewals are frequent. Without a sync, a power cut only ends a session a little sooner.
        with self.database.writing("NORMAL") as connection:
            row = connection.execute(_renew(), values).one_or_none()
        if row is None:
            return None
        *record, live_sessions = row
        return ActiveSession(SessionRecord(*record), live_sessions)

    def live(self, user: User, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of a user that are alive, the one used last first."""
        statement = (
            sa.select(*_record_columns)
            .where(_is_alive(user, now, idle_seconds))
            .order_by(_sessions.c.renewed_at.desc(), _sessions.c.number.desc())
        )
        with self.database.reading() as connection:
            return [SessionRecord(*row) for row in connection.execute(statement)]

    def unexpired(self, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of all users that have not expired, the one used last first."""
        statement = (
            sa.select(*_record_columns)
            .where(_is_unexpired(now, idle_seconds))
            .order_by(_sessions.c.renewed_at.desc(), _sessions.c.number.desc())
        )
        with self.database.reading() as connection:
            return [SessionRecord(*row) for row in connection.execute(statement)]

    def count_unexpired(self, now: int, idle_seconds: int) -> dict[Account, int]:
        """Return how many sessions have not expired, for each account that has any."""
        account = (_sessions.c.user_id, _sessions.c.generation)
        statement = (
            sa.select(*account, sa.func.count())
            .where(_is_unexpired(now, idle_seconds))
            .group_by(*account)
        )
        with self.database.reading() as connection:
            return {Account(*of): number for *of, number in connection.execute(statement)}

    def reserve_failure(self, session_id: str, limit: int) -> int | None:
        """Count a wrong password before it is known to be one.

        Return None if there were `limit` already, or if the session has ended. It is one statement,
        so that guesses at the same time cannot exceed the limit.
        """
        failures = _sessions.c.failed_confirmations
        statement = (
            sa.update(_sessions)
            .where(_sessions.c.id == session_id, failures < limit)
            .values(failed_confirmations=failures + 1)
            .returning(failures)
        )
        with self.database.writing() as connection:
            return connection.execute(statement).scalar_one_or_none()

    def return_failure(self, session_id: str) -> None:
        """Undo a reserved failure, because the password could not be checked."""
        failures = _sessions.c.failed_confirmations
        statement = (
            sa.update(_sessions)
            .where(_sessions.c.id == session_id, failures > 0)
            .values(failed_confirmations=failures - 1)
        )
        with self.database.writing() as connection:
            connection.execute(statement)

    def confirm(self, session_id: str, now: int) -> bool:
        """Record that the right password was entered; False if the session was ended meanwhile."""
        statement = (
            sa.update(_sessions)
            .where(_sessions.c.id == session_id)
            .values(failed_confirmations=0, authenticated_at=now)
        )
        with self.database.writing() as connection:
            return connection.execute(statement).rowcount == 1

    def end(self, session_id: str) -> None:
        """Delete the session, if it exists; this is on disk when the method returns."""
        self._execute(sa.delete(_sessions).where(_sessions.c.id == session_id))

    def end_others(self, user_id: str, session_id: str) -> None:
        """Delete all sessions of the user but one; this is on disk when the method returns."""
        self._execute(
            sa.delete(_sessions).where(_sessions.c.user_id == user_id, _sessions.c.id != session_id)
        )

    def end_all_of(self, user_id: str) -> None:
        """Delete every session of the user; this is on disk when the method returns."""
        self._execute(sa.delete(_sessions).where(_sessions.c.user_id == user_id))

    def forget(self, user_id: str) -> None:
        """End all sessions of a user who is removed, and delete the facts about the account."""
        with self.database.writing() as connection:
            connection.execute(sa.delete(_sessions).where(_sessions.c.user_id == user_id))
            forget_account(connection, user_id)

    def end_generation(self, user_id: str, generation: int) -> None:
        """Delete the user's sessions of this generation and those before."""
        self._execute(
            sa.delete(_sessions).where(
                _sessions.c.user_id == user_id, _sessions.c.generation <= generation
            )
        )

    def purge(self, now: int, idle_seconds: int) -> None:
        """Delete the sessions that have expired by `now` (Unix seconds)."""
        is_idle = _sessions.c.renewed_at <= now - idle_seconds
        self._execute(sa.delete(_sessions).where(is_idle | (_sessions.c.ends_at <= now)))

    def _execute(self, statement: sa.Delete) -> None:
        with self.database.writing() as connection:
            connection.execute(statement)


def _insert(connection: sa.Connection, record: SessionRecord) -> None:
    """Store a session, and end the oldest of its user beyond the limit."""
    is_other = sa.and_(_sessions.c.user_id == record.user_id, _sessions.c.id != record.id)
    newest = (
        sa.select(_sessions.c.id)
        .where(is_other)
        .order_by(_sessions.c.number.desc())
        .limit(SESSIONS_PER_USER - 1)
    )
    connection.execute(sa.insert(_sessions).values(asdict(record)))
    connection.execute(sa.delete(_sessions).where(is_other, _sessions.c.id.not_in(newest)))


def _is_alive(user: User, now: int, idle_seconds: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        _sessions.c.user_id == user.id,
        _sessions.c.generation == user.generation,
        _is_unexpired(now, idle_seconds),
    )


def _is_unexpired(now: int, idle_seconds: int) -> sa.ColumnElement[bool]:
    return sa.and_(_sessions.c.ends_at > now, _sessions.c.renewed_at > now - idle_seconds)


# Every renewal and every call with a token executes these statements, and building one takes as
# long as executing it.


@cache
def _get() -> sa.Select[Any]:
    return sa.select(*_record_columns).where(_sessions.c.id == sa.bindparam("of_id"))


@cache
def _renew() -> ReturningUpdate[Any]:
    now: sa.BindParameter[int] = sa.bindparam("now")
    return (
        sa.update(_sessions)
        .where(
            _sessions.c.id == sa.bindparam("of_id"),
            _sessions.c.user_id == sa.bindparam("of_user"),
            _sessions.c.generation == sa.bindparam("of_generation"),
            _sessions.c.ends_at > now,
            _sessions.c.renewed_at > sa.bindparam("idle_since"),
        )
        .values(renewed_at=now)
        .returning(*_record_columns, _count_live().scalar_subquery())
    )


@cache
def _count_live() -> sa.Select[int]:
    other = _sessions.alias("other")
    return sa.select(sa.func.count()).where(
        other.c.user_id == sa.bindparam("of_user"),
        other.c.generation == sa.bindparam("of_generation"),
        other.c.ends_at > sa.bindparam("now"),
        other.c.renewed_at > sa.bindparam("idle_since"),
    )

"""Session records, in state.db. SQLAlchemy Core allows for PostgreSQL later."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from auth_service.models import Account, SessionRecord, User
from auth_service.storage.sql.database import Database

SESSIONS_PER_USER = 50

_metadata = sa.MetaData()
_sessions = sa.Table(
    "sessions",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("user_id", sa.String(64), nullable=False, index=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("client_address", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(256), nullable=False),
    sa.Column("authenticated_at", sa.BigInteger, nullable=False),
    sa.Column("failed_confirmations", sa.Integer, nullable=False),
)
_record_columns = [column for column in _sessions.c if column.name != "number"]
_REMEDY = (
    "It holds sessions only: move it away and start again, and everybody has to sign in once more"
)
# In version 1 the password was entered only once, at the beginning. SQLite requires defaults for
# new columns.
_TO_VERSION_2 = (
    "ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN failed_confirmations INTEGER NOT NULL DEFAULT 0",
    "UPDATE sessions SET authenticated_at = created_at",
)


class SessionRecords:
    """The sessions that exist; see `storage.ports.Sessions`."""

    def __init__(self, path: Path) -> None:
        """Open the database, or make it.

        Raises:
            StartupError: if it is corrupt, of a newer schema or unusable.
        """
        self._database = Database(path, _metadata, _REMEDY, [_TO_VERSION_2])

    def problem(self) -> str | None:
        """Return why the database cannot be read or written now, or None."""
        return self._database.problem()

    def reserve_space(self) -> None:
        """Reserve space on the disk; see `Database.reserve_space`."""
        self._database.reserve_space()

    def create(self, record: SessionRecord) -> None:
        """Store a new session. A user has at most 50; the oldest end."""
        is_other = sa.and_(_sessions.c.user_id == record.user_id, _sessions.c.id != record.id)
        newest = (
            sa.select(_sessions.c.id)
            .where(is_other)
            .order_by(_sessions.c.number.desc())
            .limit(SESSIONS_PER_USER - 1)
        )
        end_oldest = sa.delete(_sessions).where(is_other, _sessions.c.id.not_in(newest))
        with self._database.writing() as connection:
            connection.execute(sa.insert(_sessions).values(asdict(record)))
            connection.execute(end_oldest)

    def get(self, session_id: str) -> SessionRecord | None:
        """Return the session, expired or not, or None."""
        with self._database.reading() as connection:
            row = connection.execute(_get(), {"of_id": session_id}).one_or_none()
        return None if row is None else SessionRecord(*row)

    def renew(
        self, session_id: str, user: User, now: int, idle_seconds: int
    ) -> SessionRecord | None:
        """Record that the session was used, if it is still alive, in one statement."""
        values = {
            "of_id": session_id,
            "of_user": user.id,
            "of_generation": user.generation,
            "now": now,
            "idle_since": now - idle_seconds,
        }
        # Renewals are frequent. Without a sync, a power cut only ends a session a little sooner.
        with self._database.writing("NORMAL") as connection:
            row = connection.execute(_renew(), values).one_or_none()
        return None if row is None else SessionRecord(*row)

    def live(self, user: User, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of a user that are alive, the one used last first."""
        statement = (
            sa.select(*_record_columns)
            .where(_is_alive(user, now, idle_seconds))
            .order_by(_sessions.c.renewed_at.desc(), _sessions.c.number.desc())
        )
        with self._database.reading() as connection:
            return [SessionRecord(*row) for row in connection.execute(statement)]

    def unexpired(self, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of all users that have not expired, the one used last first."""
        statement = (
            sa.select(*_record_columns)
            .where(_is_unexpired(now, idle_seconds))
            .order_by(_sessions.c.renewed_at.desc(), _sessions.c.number.desc())
        )
        with self._database.reading() as connection:
            return [SessionRecord(*row) for row in connection.execute(statement)]

    def count_unexpired(self, now: int, idle_seconds: int) -> dict[Account, int]:
        """Return how many sessions have not expired, for each account that has any."""
        account = (_sessions.c.user_id, _sessions.c.generation)
        statement = (
            sa.select(*account, sa.func.count())
            .where(_is_unexpired(now, idle_seconds))
            .group_by(*account)
        )
        with self._database.reading() as connection:
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
        with self._database.writing() as connection:
            return connection.execute(statement).scalar_one_or_none()

    def return_failure(self, session_id: str) -> None:
        """Undo a reserved failure, because the password could not be checked."""
        failures = _sessions.c.failed_confirmations
        statement = (
            sa.update(_sessions)
            .where(_sessions.c.id == session_id, failures > 0)
            .values(failed_confirmations=failures - 1)
        )
        with self._database.writing() as connection:
            connection.execute(statement)

    def confirm(self, session_id: str, now: int) -> bool:
        """Record that the right password was entered; False if the session was ended meanwhile."""
        statement = (
            sa.update(_sessions)
            .where(_sessions.c.id == session_id)
            .values(failed_confirmations=0, authenticated_at=now)
        )
        with self._database.writing() as connection:
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
        with self._database.writing() as connection:
            connection.execute(statement)


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
        .returning(*_record_columns)
    )

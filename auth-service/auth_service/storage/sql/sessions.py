"""Session records in state.db: SQLAlchemy Core, so that PostgreSQL can take SQLite's place."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auth_service.models import SessionRecord, User
from auth_service.storage.sql.database import Database

SESSIONS_PER_USER = 50

_metadata = sa.MetaData()
_sessions = sa.Table(
    "sessions",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("user_id", sa.String(64), nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("client_address", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(256), nullable=False),
    sa.Column("authenticated_at", sa.BigInteger, nullable=False),
    sa.Column("failed_confirmations", sa.Integer, nullable=False),
)
_failures = _sessions.c.failed_confirmations
_record = [column for column in _sessions.c if column.name != "number"]
# Built once: that takes several times as long as to execute them.
_of_user = _sessions.c.user_id == sa.bindparam("of_user")
_is_alive = sa.and_(
    _of_user,
    _sessions.c.generation == sa.bindparam("of_generation"),
    _sessions.c.ends_at > sa.bindparam("now"),
    _sessions.c.renewed_at > sa.bindparam("since"),
)
_is_it = _sessions.c.id == sa.bindparam("session")
_others = _of_user & ~_is_it
_newest = sa.select(_sessions.c.id).where(_others).order_by(_sessions.c.number.desc())
_end_oldest = sa.delete(_sessions).where(
    _others, _sessions.c.id.not_in(_newest.limit(SESSIONS_PER_USER - 1))
)
_get = sa.select(*_record).where(_is_it)
_last_used = (_sessions.c.renewed_at.desc(), _sessions.c.number.desc())
_live = sa.select(*_record).where(_is_alive).order_by(*_last_used)
_used_now = sa.update(_sessions).values(renewed_at=sa.bindparam("now"))
_renew = _used_now.where(_is_it, _is_alive).returning(*_record)
_REMEDY = (
    "It holds sessions only: move it away and start again, and everybody has to sign in once more"
)
# So far the password was entered once, at the beginning. SQLite wants defaults for new columns.
_TO_VERSION_2 = (
    "ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN failed_confirmations INTEGER NOT NULL DEFAULT 0",
    "UPDATE sessions SET authenticated_at = created_at",
)


class SessionRecords:
    """The sessions that exist; one that is not here is ended.

    Every method raises `Unavailable` when the database cannot be used in good time.
    """

    def __init__(self, path: Path) -> None:
        """Open the database, or make it.

        Raises:
            StartupError: if it is corrupt, of a newer schema or unusable.
        """
        self._database = Database(path, _metadata, _REMEDY, [_TO_VERSION_2])
        self.problem, self.keep_room = self._database.problem, self._database.keep_room

    def create(self, record: SessionRecord) -> None:
        """Store a new session; past 50 sessions of a user the oldest end."""
        with self._database.writing() as connection:
            connection.execute(sa.insert(_sessions), asdict(record))
            connection.execute(_end_oldest, {"of_user": record.user_id, "session": record.id})

    def get(self, session_id: str) -> SessionRecord | None:
        """Return the session, expired or not, or None."""
        with self._database.reading() as connection:
            row = connection.execute(_get, {"session": session_id}).one_or_none()
        return None if row is None else SessionRecord(*row)

    def renew(
        self, session_id: str, user: User, now: int, idle_seconds: int
    ) -> SessionRecord | None:
        """Note that the session was used, if it is still alive, in one statement."""
        values = {"session": session_id, **_alive(user, now, idle_seconds)}
        # Frequent, and not worth a sync: after a power cut the session only ends a little sooner.
        with self._database.writing("NORMAL") as connection:
            row = connection.execute(_renew, values).one_or_none()
        return None if row is None else SessionRecord(*row)

    def live(self, user: User, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of a user that are alive, the one used last first."""
        with self._database.reading() as connection:
            return [
                SessionRecord(*row)
                for row in connection.execute(_live, _alive(user, now, idle_seconds))
            ]

    def reserve_failure(self, session_id: str, limit: int) -> int | None:
        """Count a wrong password before it is known to be one; None if there were `limit` already.

        In one statement, so that of guesses at the same time no more than `limit` are checked.
        """
        statement = sa.update(_sessions).where(_sessions.c.id == session_id, _failures < limit)
        counted = statement.values(failed_confirmations=_failures + 1).returning(_failures)
        with self._database.writing() as connection:
            return connection.execute(counted).scalar_one_or_none()

    def return_failure(self, session_id: str) -> None:
        """Take back a reserved failure, because the password could not be checked."""
        statement = sa.update(_sessions).where(_sessions.c.id == session_id, _failures > 0)
        with self._database.writing() as connection:
            connection.execute(statement.values(failed_confirmations=_failures - 1))

    def confirm(self, session_id: str, now: int) -> bool:
        """Note that the right password was entered; False if the session was ended meanwhile."""
        statement = sa.update(_sessions).where(_sessions.c.id == session_id)
        with self._database.writing() as connection:
            result = connection.execute(
                statement.values(failed_confirmations=0, authenticated_at=now)
            )
        return result.rowcount == 1

    def end(self, session_id: str) -> None:
        """Delete the session, on disk before this returns; one that is gone stays gone."""
        self._delete(_sessions.c.id == session_id)

    def end_others(self, user_id: str, session_id: str) -> None:
        """Delete all sessions of the user but one, on disk before this returns."""
        self._delete(_sessions.c.user_id == user_id, _sessions.c.id != session_id)

    def end_all_of(self, user_id: str) -> None:
        """Delete all sessions of the user, on disk before this returns."""
        self._delete(_sessions.c.user_id == user_id)

    def end_generation(self, user_id: str, generation: int) -> None:
        """Delete the user's sessions of this generation and those before."""
        self._delete(_sessions.c.user_id == user_id, _sessions.c.generation <= generation)

    def purge(self, now: int, idle_seconds: int) -> None:
        """Delete what has expired by `now` (Unix seconds)."""
        self._delete((_sessions.c.renewed_at <= now - idle_seconds) | (_sessions.c.ends_at <= now))

    def _delete(self, *conditions: sa.ColumnElement[bool]) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.delete(_sessions).where(*conditions))


def _alive(user: User, now: int, idle_seconds: int) -> dict[str, Any]:
    """Return the parameters of `_is_alive`."""
    return {
        "of_user": user.id,
        "of_generation": user.generation,
        "now": now,
        "since": now - idle_seconds,
    }

"""Session records in state.db: SQLAlchemy Core, so that PostgreSQL can take SQLite's place."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from auth_service.durable_file import file_lock
from auth_service.errors import StartupError, Unavailable
from auth_service.models import SessionRecord

SCHEMA_VERSION = 1
BUSY_SECONDS = 2
LOCK_SECONDS = 5.0
CONNECTIONS = 8
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
)
_record = [column for column in _sessions.c if column.name != "number"]
_schema_version = sa.Table("schema_version", _metadata, sa.Column("version", sa.Integer))


class SessionRecords:
    """The sessions that exist; one that is not here is ended.

    Every method raises `Unavailable` when the database cannot be used within two seconds.
    """

    def __init__(self, path: Path) -> None:
        """Open the database, or make it.

        Raises:
            StartupError: if it is corrupt, of a newer schema or unusable.
        """
        self.path = path
        # SQLite has one writer, and those who wait in its busy handler sleep longer each time.
        self._writing = threading.Lock()
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": BUSY_SECONDS},
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
        )
        sa.event.listen(self._engine, "connect", _configure)
        try:
            # Only its owner may read it; SQLite gives the files beside it the same mode.
            path.touch(0o600)
            # Two processes that start at once would both make the tables.
            with file_lock(path.with_name(path.name + ".lock"), LOCK_SECONDS):
                self._create()
            # gunicorn forks after this, and SQLite's connections must not be carried across.
            self._engine.dispose()
        except (SQLAlchemyError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise StartupError(
                [
                    f"{path} cannot be used: {cause}. It holds sessions only: move it away and "
                    "start again, and everybody has to sign in once more"
                ]
            ) from error

    def create(self, record: SessionRecord) -> None:
        """Store a new session; past 50 sessions of a user the oldest end."""
        others = (_sessions.c.user_id == record.user_id) & (_sessions.c.id != record.id)
        newest = sa.select(_sessions.c.id).where(others).order_by(_sessions.c.number.desc())
        kept = newest.limit(SESSIONS_PER_USER - 1)
        with self._transaction() as connection:
            connection.execute(sa.insert(_sessions).values(asdict(record)))
            connection.execute(sa.delete(_sessions).where(others, _sessions.c.id.not_in(kept)))

    def get(self, session_id: str) -> SessionRecord | None:
        """Return the session, expired or not, or None."""
        query = sa.select(*_record).where(_sessions.c.id == session_id)
        with _faults_mapped(), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else SessionRecord(*row)

    def renew(
        self, session_id: str, user_id: str, generation: int, now: int, idle_seconds: int
    ) -> SessionRecord | None:
        """Note that the session was used, if it is still alive, in one statement."""
        statement = (
            sa.update(_sessions)
            .where(
                _sessions.c.id == session_id,
                _sessions.c.user_id == user_id,
                _sessions.c.generation == generation,
                _sessions.c.ends_at > now,
                _sessions.c.renewed_at > now - idle_seconds,
            )
            .values(renewed_at=now)
            .returning(*_record)
        )
        with self._transaction() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else SessionRecord(*row)

    def end(self, session_id: str) -> None:
        """Delete the session, on disk before this returns; one that is gone stays gone."""
        with self._transaction() as connection:
            connection.execute(sa.delete(_sessions).where(_sessions.c.id == session_id))

    def purge(self, now: int, idle_seconds: int) -> None:
        """Delete what has expired by `now` (Unix seconds)."""
        expired = (_sessions.c.renewed_at <= now - idle_seconds) | (_sessions.c.ends_at <= now)
        with self._transaction() as connection:
            connection.execute(sa.delete(_sessions).where(expired))

    def problem(self) -> str | None:
        """Say why sessions could not be read or written now, or None."""
        try:
            with _faults_mapped(), self._engine.begin() as connection:
                # Takes the write lock and gives it back: proof without a change.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                connection.exec_driver_sql("ROLLBACK")
        except Unavailable as error:
            return str(error)
        return None

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        if not self._writing.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("the session store is too busy")
        try:
            with _faults_mapped(), self._engine.begin() as connection:
                yield connection
        finally:
            self._writing.release()

    def _create(self) -> None:
        with self._engine.begin() as connection:
            damage = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if damage != "ok":
                raise OSError(f"it is damaged ({damage})")
            _metadata.create_all(connection)
            version = connection.execute(sa.select(_schema_version)).scalar_one_or_none()
            if version is None:
                connection.execute(sa.insert(_schema_version).values(version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise OSError(f"it has schema {version}, and this Doorward knows {SCHEMA_VERSION}: upgrade")


@contextmanager
def _faults_mapped() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise Unavailable(f"the session store cannot be used: {cause}") from error


def _configure(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # FULL: a sign-out that was answered must survive a power cut.
    for setting in (f"busy_timeout = {BUSY_SECONDS * 1000}", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()

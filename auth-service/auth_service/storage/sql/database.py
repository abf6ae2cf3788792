"""A SQLite database in a file, with one writer at a time."""

import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from auth_service.errors import Unavailable
from auth_service.file_locks import file_lock
from session_contract.startup import StartupError

TURN_SECONDS = 0.8
"""How long a write waits for others in this process."""
BUSY_SECONDS = 0.4
"""How long it waits for other processes after that.

Both together are less than web-frontend waits for a renewal (1.5 s). Otherwise it would take this
service for unreachable and accept ended sessions for longer.
"""
LOCK_SECONDS = 5.0
CONNECTIONS = 8
RESERVED_BYTES = 512 * 1024
"""Reserved in the file, for some hundreds of rows, and the same in its log."""

# FULL: a sign-out that was answered and a guess that was counted must survive a power cut. A sync
# costs little beside the hash of a sign-in.
_SYNCHRONOUS = {"FULL": "PRAGMA synchronous = FULL", "NORMAL": "PRAGMA synchronous = NORMAL"}
_schema_version = sa.Table("schema_version", sa.MetaData(), sa.Column("version", sa.Integer))


class Database:
    """A database for records.

    `reading` and `writing` raise `Unavailable` if the database cannot be used in time.
    """

    def __init__(
        self, path: Path, tables: sa.MetaData, remedy: str, upgrades: Sequence[Iterable[str]] = ()
    ) -> None:
        """Open the database, or make it, or bring it to the newest version.

        Args:
            path: the path of the file.
            tables: the tables.
            remedy: what to do if the database cannot be used, and what that costs.
            upgrades: the statements that turn version 1 into 2, and so on to the newest.

        Raises:
            StartupError: if it is corrupt, of another schema or unusable.
        """
        self.path = path
        # SQLite allows one writer, and its busy handler sleeps longer each time it waits.
        self._writing = threading.Lock()
        self._reader = _engine(path, CONNECTIONS)
        # A connection of its own, so that many readers do not delay a renewal.
        self._writer = _engine(path, 1)
        try:
            # Only the owner may read it. SQLite gives the files beside it the same mode.
            path.touch(0o600)
            # Otherwise two processes that start at once would both make the tables.
            with file_lock(path.with_name(path.name + ".lock"), LOCK_SECONDS):
                self._create(tables, upgrades)
            # gunicorn forks after this, and a fork must not share SQLite's connections.
            self._writer.dispose()
        except (SQLAlchemyError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise StartupError([f"{path} cannot be used: {cause}. {remedy}"]) from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection to read with."""
        with self._faults_mapped(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> Iterator[sa.Connection]:
        """Give a connection in a transaction of the only writer, on disk when the block has ended.

        Nobody else can change what the block reads. With NORMAL the transaction is on disk with the
        next FULL one, or soon: a crash of the process loses nothing, but a power cut may.
        """
        if not self._writing.acquire(timeout=TURN_SECONDS):
            raise Unavailable(f"{self.path.name} is too busy")
        try:
            with self._faults_mapped(), self._writer.begin() as connection:
                connection.exec_driver_sql(_SYNCHRONOUS[synchronous])
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        finally:
            self._writing.release()

    def reserve_space(self) -> None:
        """Reserve space, so that writing goes on for a while when the disk is full.

        Deleting leaves free pages in the file. SQLite does not shorten a log that this process has
        open; it overwrites it from the beginning. Nothing is reserved on a nearly full disk.
        """
        if shutil.disk_usage(self.path.parent).free <= 4 * RESERVED_BYTES:
            return
        with suppress(Unavailable):
            with self.writing() as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS reserved_space (taken BLOB)")
                connection.exec_driver_sql(
                    "INSERT INTO reserved_space VALUES (zeroblob(?))", (RESERVED_BYTES,)
                )
            with self.writing() as connection:
                connection.exec_driver_sql("DROP TABLE reserved_space")

    def problem(self) -> str | None:
        """Return why the database cannot be read or written now, or None."""
        try:
            # Getting the write lock shows that writing works, without a change.
            with self.writing():
                return None
        except Unavailable as error:
            return str(error)

    @contextmanager
    def _faults_mapped(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise Unavailable(f"{self.path.name} cannot be used: {cause}") from error

    def _create(self, tables: sa.MetaData, upgrades: Sequence[Iterable[str]]) -> None:
        newest = 1 + len(upgrades)
        with self._writer.begin() as connection:
            damage = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if damage != "ok":
                raise OSError(f"it is damaged ({damage})")
            # All in one transaction, so that a crash leaves nothing half-made.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _schema_version.create(connection, checkfirst=True)
            found = connection.execute(sa.select(_schema_version)).scalar_one_or_none()
            if found is None:
                tables.create_all(connection)
                connection.execute(sa.insert(_schema_version).values(version=newest))
                return
            if not 1 <= found <= newest:
                raise OSError(f"it has schema {found}, and this Doorward knows {newest}: upgrade")
            for statement in chain(*upgrades[found - 1 :]):
                connection.exec_driver_sql(statement)
            connection.execute(sa.update(_schema_version).values(version=newest))


def _engine(path: Path, connections: int) -> sa.Engine:
    options = {"pool_size": connections, "max_overflow": 0, "pool_timeout": BUSY_SECONDS}
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, **options
    )
    sa.event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: DBAPIConnection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # In KB, for each connection. The default of 2 MB would make memory grow for hours.
    connection.execute("PRAGMA cache_size = -512")
    # In pages of 4 KB. The log stays shorter than the space reserved for it.
    connection.execute("PRAGMA wal_autocheckpoint = 96")

"""The tables of throttle.db: counts of guesses, and the key for pseudonyms."""

import secrets
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auth_service.storage.sql.database import Database

_REMEDY = (
    "It counts wrong passwords and knows browsers: restore it, or move it away and count from zero"
)
_metadata = sa.MetaData()
# Table and column keep the names of the first version, so that its databases still work.
counters = sa.Table(
    "lanes",
    _metadata,
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True),
    sa.Column("lane", sa.String(64), primary_key=True, key="name"),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("cleared", sa.Integer, nullable=False),
    sa.Column("used_at", sa.Double, nullable=False),
    sa.Column("wrong", sa.Integer, nullable=False),
)
hmac_key = sa.Table("hmac_key", _metadata, sa.Column("key", sa.LargeBinary, nullable=False))


@sa.event.listens_for(hmac_key, "after_create")
def _make_key(_table: sa.Table, connection: sa.Connection, **_more: Any) -> None:
    connection.execute(sa.insert(hmac_key).values(key=secrets.token_bytes(32)))


# Wrong guesses of before are not known.
_TO_VERSION_2 = ("ALTER TABLE lanes ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0",)


def open_throttle_db(path: Path) -> Database:
    """Open throttle.db, make it with a random key of its own, or bring it to the newest version.

    Raises:
        StartupError: if it is corrupt, of a newer schema or unusable.
    """
    return Database(path, _metadata, _REMEDY, [_TO_VERSION_2])

"""The tables of state.db: sessions, and facts about accounts."""

from pathlib import Path

import sqlalchemy as sa

from auth_service.storage.sql.database import Database

_metadata = sa.MetaData()
sessions = sa.Table(
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
    sa.Column("previous_at", sa.BigInteger, nullable=False),
    sa.Column("previous_user_agent", sa.String(256), nullable=False),
    sa.Column("wrong_passwords", sa.Integer, nullable=False),
    sa.Column("password_set_at", sa.BigInteger, nullable=False),
)
account_facts = sa.Table(
    "account_facts",
    _metadata,
    sa.Column("user_id", sa.String(64), primary_key=True),
    # The last sign-in. Before the first one, times and counts are 0 and the text is empty.
    sa.Column("signed_in_at", sa.BigInteger, nullable=False),
    sa.Column("user_agent", sa.String(256), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("wrong_so_far", sa.Integer, nullable=False),
    sa.Column("password_set_at", sa.BigInteger, nullable=False),
)
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
# Sessions of before have no facts.
_TO_VERSION_3 = (
    "ALTER TABLE sessions ADD COLUMN previous_at BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN previous_user_agent VARCHAR(256) NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN wrong_passwords INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN password_set_at BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE account_facts ("
    "user_id VARCHAR(64) NOT NULL PRIMARY KEY, "
    "signed_in_at BIGINT NOT NULL, "
    "user_agent VARCHAR(256) NOT NULL, "
    "generation BIGINT NOT NULL, "
    "wrong_so_far INTEGER NOT NULL, "
    "password_set_at BIGINT NOT NULL)",
)


def open_state_db(path: Path) -> Database:
    """Open state.db, make it, or bring it to the newest version.

    Raises:
        StartupError: if it is corrupt, of a newer schema or unusable.
    """
    return Database(path, _metadata, _REMEDY, [_TO_VERSION_2, _TO_VERSION_3])

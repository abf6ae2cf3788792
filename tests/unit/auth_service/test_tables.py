"""The tables of the databases, which every version finds as the one before left them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_service.storage.sql.guesses import GuessRecords
from auth_service.storage.sql.sessions import SessionRecords

THROTTLE_DB = {
    "schema_version": ["version INTEGER"],
    "lanes": [
        "subject VARCHAR(64) NOT NULL",
        "generation BIGINT NOT NULL",
        "lane VARCHAR(64) NOT NULL",
        "reserved INTEGER NOT NULL",
        "cleared INTEGER NOT NULL",
        "used_at DOUBLE NOT NULL",
        "wrong INTEGER NOT NULL",
    ],
    "hmac_key": ["key BLOB NOT NULL"],
}
STATE_DB = {
    "schema_version": ["version INTEGER"],
    "sessions": [
        "number INTEGER NOT NULL",
        "id VARCHAR(64) NOT NULL",
        "user_id VARCHAR(64) NOT NULL",
        "generation BIGINT NOT NULL",
        "created_at BIGINT NOT NULL",
        "renewed_at BIGINT NOT NULL",
        "ends_at BIGINT NOT NULL",
        "client_address VARCHAR(64) NOT NULL",
        "user_agent VARCHAR(256) NOT NULL",
        "authenticated_at BIGINT NOT NULL",
        "failed_confirmations INTEGER NOT NULL",
        "previous_at BIGINT NOT NULL",
        "previous_user_agent VARCHAR(256) NOT NULL",
        "wrong_passwords INTEGER NOT NULL",
        "password_set_at BIGINT NOT NULL",
    ],
    "account_facts": [
        "user_id VARCHAR(64) NOT NULL",
        "signed_in_at BIGINT NOT NULL",
        "user_agent VARCHAR(256) NOT NULL",
        "generation BIGINT NOT NULL",
        "wrong_so_far INTEGER NOT NULL",
        "password_set_at BIGINT NOT NULL",
    ],
}
PRIMARY_KEYS = {
    "lanes": ["subject", "generation", "lane"],
    "sessions": ["number"],
    "account_facts": ["user_id"],
}


@pytest.mark.parametrize(
    ("make", "tables"),
    [
        (lambda path: GuessRecords(path, lambda: 0.0), THROTTLE_DB),
        (SessionRecords, STATE_DB),
    ],
    ids=["throttle.db", "state.db"],
)
def test_the_tables_are_those_that_every_version_has(
    tmp_path: Path, make: Callable[[Path], Any], tables: dict[str, list[str]]
) -> None:
    make(tmp_path / "new.db")
    with closing(sqlite3.connect(tmp_path / "new.db")) as database:
        names = [name for (name,) in database.execute(TABLES)]
        found = {name: list(database.execute(f"PRAGMA table_info({name})")) for name in names}
    assert {name: [_described(*column) for column in found[name]] for name in names} == tables
    for name in PRIMARY_KEYS.keys() & found.keys():
        key = sorted((column for column in found[name] if column[5]), key=lambda column: column[5])
        assert [column[1] for column in key] == PRIMARY_KEYS[name]


TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def _described(_id: int, name: str, kind: str, not_null: int, _default: Any, _key: int) -> str:
    return f"{name} {kind}{' NOT NULL' if not_null else ''}"

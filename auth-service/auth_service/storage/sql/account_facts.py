"""Facts about accounts, in state.db: the last sign-in, and when the password was set."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from auth_service.models import LastSignIn, SessionRecord
from auth_service.storage.sql.database import Database
from auth_service.storage.sql.state_tables import account_facts


class AccountFactRecords:
    """What people and operators are told about accounts; see `storage.ports.AccountFacts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_sign_ins(self) -> dict[str, int]:
        """Return when each user signed in last, by user id. Users who never did are missing."""
        statement = sa.select(account_facts.c.user_id, account_facts.c.signed_in_at).where(
            account_facts.c.signed_in_at > 0
        )
        with self._database.reading() as connection:
            return dict(connection.execute(statement).all())

    def last_sign_in(self, user_id: str) -> LastSignIn:
        """Return when a user signed in last."""
        statement = sa.select(
            account_facts.c.signed_in_at,
            account_facts.c.user_agent,
            account_facts.c.password_set_at,
        ).where(account_facts.c.user_id == user_id)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return LastSignIn(*row) if row else LastSignIn()

    def record_password(self, user_id: str, now: int) -> None:
        """Record that the user's password was set; this is on disk when the method returns."""
        with self._database.writing() as connection:
            _write(connection, user_id, {"password_set_at": now})


def record_sign_in(
    connection: sa.Connection, record: SessionRecord, wrong_so_far: int
) -> SessionRecord:
    """Remember a sign-in for the next one; return its session with the facts of the one before.

    Wrong passwords are counted anew in each generation of the user. If it has risen since the
    sign-in before, because the password was changed, say, those before that are not counted.
    """
    statement = sa.select(account_facts).where(account_facts.c.user_id == record.user_id)
    last = connection.execute(statement).one_or_none()
    if last is not None:
        counted = last.wrong_so_far if last.generation == record.generation else 0
        record = replace(
            record,
            previous_at=last.signed_in_at,
            previous_user_agent=last.user_agent,
            # Guesses that were still being hashed at the last sign-in may have been right.
            wrong_passwords=max(0, wrong_so_far - counted) if last.signed_in_at else 0,
            password_set_at=record.password_set_at or last.password_set_at,
        )
    facts = {
        "signed_in_at": record.created_at,
        "user_agent": record.user_agent,
        "generation": record.generation,
        "wrong_so_far": wrong_so_far,
        "password_set_at": record.password_set_at,
    }
    _write(connection, record.user_id, facts)
    return record


def forget_account(connection: sa.Connection, user_id: str) -> None:
    """Delete the facts about an account."""
    connection.execute(sa.delete(account_facts).where(account_facts.c.user_id == user_id))


def _write(connection: sa.Connection, user_id: str, facts: dict[str, Any]) -> None:
    """Change facts about an account, or add them."""
    of_user = account_facts.c.user_id == user_id
    if connection.execute(sa.update(account_facts).where(of_user).values(facts)).rowcount == 0:
        unknown = {"signed_in_at": 0, "user_agent": "", "generation": 0, "wrong_so_far": 0}
        values = {"user_id": user_id, **unknown, **facts}
        connection.execute(sa.insert(account_facts).values(values))

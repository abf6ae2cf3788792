"""Counted guesses and known devices in throttle.db: SQLAlchemy Core, as the session records."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auth_service.models import OWNER, STRANGERS, Account, Count, Counts, Reservation
from auth_service.storage.sql.database import Database

_metadata = sa.MetaData()
# Guesses are numbered: those up to `cleared` count no longer, the others up to `reserved` do. So a
# right guess clears those that came before it, and none that came while it was hashed.
_lanes = sa.Table(
    "lanes",
    _metadata,
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("lane", sa.String(64), primary_key=True),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("cleared", sa.Integer, nullable=False),
    sa.Column("used_at", sa.Double, nullable=False),
)
_key = sa.Table("hmac_key", _metadata, sa.Column("key", sa.LargeBinary(32), nullable=False))
_is_device = _lanes.c.lane.not_in((STRANGERS, OWNER))
# Built once: that takes several times as long as to execute them. `_of` gives their parameters.
_is_subject = _lanes.c.subject == sa.bindparam("of_subject")
_of_account = _is_subject & (_lanes.c.generation == sa.bindparam("of_generation"))
_at_lane = _of_account & (_lanes.c.lane == sa.bindparam("at_lane"))
_read_lanes = sa.select(*_lanes.c["lane", "reserved", "cleared", "used_at"]).where(_of_account)
_write_lane = sa.update(_lanes).where(_at_lane)
_number: sa.BindParameter[int] = sa.bindparam("number")
_clear_lane = _write_lane.where(_lanes.c.cleared < _number).values(cleared=_number)
_forget_lane = sa.delete(_lanes).where(_at_lane)
_REMEDY = (
    "It counts wrong passwords and knows browsers: restore it, or move it away and count from zero"
)


@sa.event.listens_for(_key, "after_create")
def _make_key(_table: sa.Table, connection: sa.Connection, **_more: Any) -> None:
    connection.execute(sa.insert(_key).values(key=secrets.token_bytes(32)))


class GuessRecords:
    """What was guessed, and from which devices. Every method raises `Unavailable` as `Database` does."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Open the database, or make it, with a random key of its own.

        Args:
            path: of the file.
            clock: returns Unix seconds; it is read inside transactions, so that the times
                are in the order of what was written.

        Raises:
            StartupError: if it is corrupt, of another schema or unusable.
        """
        self._clock = clock
        self._database = Database(path, _metadata, _REMEDY)
        self.problem, self.keep_room = self._database.problem, self._database.keep_room

    @cached_property
    def key(self) -> bytes:
        """The 32 random bytes that belong to this database."""
        with self._database.reading() as connection:
            return bytes(connection.execute(sa.select(_key)).scalar_one())

    def reserve(
        self, account: Account, choose: Callable[[Counts, float], Iterable[str]]
    ) -> Reservation:
        """Count a guess as failed before it is made, in one transaction with the decision.

        Args:
            account: whom it is for.
            choose: gets the account's lanes and the time and returns those to count in; what
                it raises is passed on, and nothing is counted.
        """
        with self._database.writing() as connection:
            now, counts = self._clock(), _read(connection, account)
            before = {lane: counts[lane] for lane in choose(counts, now)}
            for lane, count in before.items():
                more = Count(count.reserved + 1, count.cleared, now)
                _write(connection, account, lane, more, lane in counts)
        return Reservation(account, before, counts[OWNER].reserved)

    def give_back(self, reservation: Reservation) -> None:
        """Undo a reservation whose guess was not made."""
        with self._database.writing() as connection:
            for lane, before in reservation.before.items():
                counted = _write_lane.where(_lanes.c.cleared <= before.reserved)
                # A delay that a later guess has begun goes on.
                last = _lanes.c.reserved == before.reserved + 1
                used_at = sa.case((last, before.used_at), else_=_lanes.c.used_at)
                values = {"cleared": _lanes.c.cleared + 1, "used_at": used_at}
                connection.execute(counted.values(values), _of(reservation.account, at_lane=lane))

    def clear(self, reservation: Reservation) -> None:
        """Note that the guess was right: it and those before it count no longer.

        Nor do those before it that the owner's devices and sessions made, whatever its lane.
        """
        numbers = {lane: before.reserved + 1 for lane, before in reservation.before.items()}
        with self._database.writing() as connection:
            for lane, number in {OWNER: reservation.owner, **numbers}.items():
                connection.execute(
                    _clear_lane, _of(reservation.account, at_lane=lane, number=number)
                )

    def reset(self, account: Account) -> None:
        """Set the counts of strangers and owner to zero; devices stay as they are."""
        with self._database.writing() as connection:
            counts = sa.update(_lanes).where(_of_account, ~_is_device)
            connection.execute(counts.values(cleared=_lanes.c.reserved), _of(account))

    def remember(
        self, account: Account, find: Callable[[Counts, float], str | None], minted: str, limit: int
    ) -> str:
        """Note that a device of the account is used now; return its lane.

        Args:
            account: whose device it is.
            find: gets the account's lanes and the time and returns the device among them, or None.
            minted: the lane of a new device, for then.
            limit: devices that an account may have; those never used again go, then the longest
            unused.
        """
        with self._database.writing() as connection:
            now, counts = self._clock(), _read(connection, account)
            device = find(counts, now) or minted
            others = counts.keys() - {STRANGERS, OWNER, device}
            # First those that were never shown again: a program that keeps none makes one each
            # time.
            worth = sorted(
                others, key=lambda lane: (counts[lane].reserved > 0, counts[lane].used_at)
            )
            for lane in worth[: max(0, len(others) + 1 - limit)]:
                connection.execute(_forget_lane, _of(account, at_lane=lane))
            _write(
                connection, account, device, replace(counts[device], used_at=now), device in counts
            )
        return device

    def purge(self, is_current: Callable[[Account], bool], unused_since: float) -> None:
        """Delete users' accounts that are no more, and devices and unknown names that were not used since."""
        users = (
            sa.select(_lanes.c.subject, _lanes.c.generation)
            .where(_lanes.c.generation > 0)
            .distinct()
        )
        with self._database.reading() as connection:
            accounts = [Account(*row) for row in connection.execute(users)]
        # Before the transaction: everybody else's guesses wait for that.
        gone = [_of(account) for account in accounts if not is_current(account)]
        with self._database.writing() as connection:
            lasting = ~_is_device & (_lanes.c.generation > 0)
            connection.execute(sa.delete(_lanes).where(~lasting, _lanes.c.used_at <= unused_since))
            if gone:
                connection.execute(sa.delete(_lanes).where(_of_account), gone)


def _of(account: Account, **more: Any) -> dict[str, Any]:
    return {"of_subject": account.subject, "of_generation": account.generation, **more}


def _read(connection: sa.Connection, account: Account) -> Counts:
    return Counts(
        {lane: Count(*rest) for lane, *rest in connection.execute(_read_lanes, _of(account))}
    )


def _write(
    connection: sa.Connection, account: Account, lane: str, count: Count, exists: bool
) -> None:
    if exists:
        connection.execute(_write_lane, _of(account, at_lane=lane, **asdict(count)))
    else:
        connection.execute(sa.insert(_lanes), {**asdict(account), "lane": lane, **asdict(count)})

"""Counts of guesses and known devices, in throttle.db."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auth_service.models import (
    OWNER,
    STRANGERS,
    Account,
    GuessCounter,
    GuessCounters,
    Reservation,
)
from auth_service.storage.sql.throttle_tables import counters as _counters
from auth_service.storage.sql.throttle_tables import hmac_key, open_throttle_db


class OpenAccount:
    """The counters of an account in a transaction; see `storage.ports.OpenAccount`."""

    def __init__(self, connection: sa.Connection, account: Account, now: float) -> None:
        self._connection = connection
        self._account = account
        self.now = now
        self.counters = _counters_of(connection, account)

    def reserve(self, names: Iterable[str]) -> Reservation:
        """Count a guess as failed in the counters of these names."""
        before = {name: self.counters[name] for name in names}
        for name, counter in before.items():
            self._write(name, counter.with_guess(self.now))
        return Reservation(self._account, before, self.counters[OWNER].reserved)

    def use_device(self, device: str, limit: int) -> None:
        """Record that a device is used now; beyond `limit` devices others are forgotten."""
        others = self.counters.keys() - {STRANGERS, OWNER, device}
        for name in sorted(others, key=self._worth)[: max(0, len(others) + 1 - limit)]:
            self._delete(name)
        self._write(device, replace(self.counters[device], used_at=self.now))

    def _worth(self, device: str) -> tuple[bool, float]:
        """Return a sort key. Devices used only once come first: some programs get one each time."""
        counter = self.counters[device]
        return counter.reserved > 0, counter.used_at

    def _write(self, name: str, counter: GuessCounter) -> None:
        if name in self.counters:
            values = {**_of(self._account), "of_name": name, **asdict(counter)}
            self._connection.execute(_update_counter(), values)
        else:
            values = {**asdict(self._account), "name": name, **asdict(counter)}
            self._connection.execute(sa.insert(_counters), values)

    def _delete(self, name: str) -> None:
        self._connection.execute(sa.delete(_counters).where(_is_counter(self._account, name)))


class GuessRecords:
    """Counts of guesses, and known devices; see `storage.ports.Guesses`."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Open the database; see `open_throttle_db`, also for what this raises.

        `clock` returns Unix seconds. It is read inside transactions, so that times and writes have
        the same order.
        """
        self._clock = clock
        self._database = open_throttle_db(path)

    def problem(self) -> str | None:
        """Return why the database cannot be read or written now, or None."""
        return self._database.problem()

    def reserve_space(self) -> None:
        """Reserve space on the disk; see `Database.reserve_space`."""
        self._database.reserve_space()

    @cached_property
    def key(self) -> bytes:
        """The 32 random bytes of this database, for pseudonyms."""
        with self._database.reading() as connection:
            return bytes(connection.execute(sa.select(hmac_key)).scalar_one())

    @contextmanager
    def open_account(self, account: Account) -> Iterator[OpenAccount]:
        """Begin a transaction on an account's counters; an exception in its block undoes it."""
        with self._database.writing() as connection:
            yield OpenAccount(connection, account, self._clock())

    def counters(self, account: Account) -> GuessCounters:
        """Return an account's counters as they are now, without a transaction."""
        with self._database.reading() as connection:
            return _counters_of(connection, account)

    def give_back(self, reservation: Reservation) -> None:
        """Undo a reservation whose guess was not made."""
        with self._database.writing() as connection:
            for name, before in reservation.before.items():
                # A delay that a later guess started must go on.
                is_last = _counters.c.reserved == before.reserved + 1
                statement = (
                    sa.update(_counters)
                    .where(_is_counter(reservation.account, name))
                    .where(_counters.c.cleared <= before.reserved)
                    .values(
                        cleared=_counters.c.cleared + 1,
                        used_at=sa.case((is_last, before.used_at), else_=_counters.c.used_at),
                    )
                )
                connection.execute(statement)
            _uncount_wrong(connection, reservation)

    def clear(self, reservation: Reservation) -> None:
        """Record that the guess was right: it and those before it no longer count."""
        numbers = {name: before.reserved + 1 for name, before in reservation.before.items()}
        numbers.setdefault(OWNER, reservation.owner_reserved)
        with self._database.writing() as connection:
            for name, number in numbers.items():
                values = {**_of(reservation.account), "of_name": name, "number": number}
                connection.execute(_clear_counter(), values)
            _uncount_wrong(connection, reservation)

    def wrong_so_far(self, account: Account) -> int:
        """Return how many guesses at an account were ever wrong, from strangers and the owner."""
        with self._database.reading() as connection:
            return connection.execute(_sum_wrong(), _of(account)).scalar_one()

    def reset(self, account: Account) -> None:
        """Set the counters of strangers and owner to zero; devices do not change."""
        statement = (
            sa.update(_counters)
            .where(
                _counters.c.subject == account.subject,
                _counters.c.generation == account.generation,
                _counters.c.name.in_([STRANGERS, OWNER]),
            )
            .values(cleared=_counters.c.reserved)
        )
        with self._database.writing() as connection:
            connection.execute(statement)

    def accounts(self) -> list[Account]:
        """Return the users' accounts that have counters."""
        statement = (
            sa.select(_counters.c.subject, _counters.c.generation)
            .where(_counters.c.generation > 0)
            .distinct()
        )
        with self._database.reading() as connection:
            return [Account(*row) for row in connection.execute(statement)]

    def purge(self, accounts: Iterable[Account], unused_since: float) -> None:
        """Delete these accounts, and the devices and unknown names not used since then."""
        is_device = _counters.c.name.not_in([STRANGERS, OWNER])
        is_unknown_name = _counters.c.generation == 0
        unused = sa.delete(_counters).where(
            is_device | is_unknown_name, _counters.c.used_at <= unused_since
        )
        gone = sa.delete(_counters).where(
            _counters.c.subject == sa.bindparam("of_subject"),
            _counters.c.generation == sa.bindparam("of_generation"),
        )
        values = [_of(account) for account in accounts]
        with self._database.writing() as connection:
            connection.execute(unused)
            if values:
                connection.execute(gone, values)


def _counters_of(connection: sa.Connection, account: Account) -> GuessCounters:
    rows = connection.execute(_read_counters(), _of(account))
    return GuessCounters({name: GuessCounter(*numbers) for name, *numbers in rows})


# Every sign-in executes these statements, and building one takes longer than executing it.


@cache
def _read_counters() -> sa.Select[Any]:
    return sa.select(
        _counters.c.name,
        _counters.c.reserved,
        _counters.c.cleared,
        _counters.c.used_at,
        _counters.c.wrong,
    ).where(
        _counters.c.subject == sa.bindparam("of_subject"),
        _counters.c.generation == sa.bindparam("of_generation"),
    )


@cache
def _update_counter() -> sa.Update:
    return sa.update(_counters).where(
        _counters.c.subject == sa.bindparam("of_subject"),
        _counters.c.generation == sa.bindparam("of_generation"),
        _counters.c.name == sa.bindparam("of_name"),
    )


@cache
def _clear_counter() -> sa.Update:
    number: sa.BindParameter[int] = sa.bindparam("number")
    return (
        sa.update(_counters)
        .where(
            _counters.c.subject == sa.bindparam("of_subject"),
            _counters.c.generation == sa.bindparam("of_generation"),
            _counters.c.name == sa.bindparam("of_name"),
            _counters.c.cleared < number,
        )
        .values(cleared=number)
    )


@cache
def _sum_wrong() -> sa.Select[int]:
    # A device's guesses are among the owner's.
    return sa.select(sa.func.coalesce(sa.func.sum(_counters.c.wrong), 0)).where(
        _counters.c.subject == sa.bindparam("of_subject"),
        _counters.c.generation == sa.bindparam("of_generation"),
        _counters.c.name.in_([STRANGERS, OWNER]),
    )


def _of(account: Account) -> dict[str, Any]:
    return {"of_subject": account.subject, "of_generation": account.generation}


def _uncount_wrong(connection: sa.Connection, reservation: Reservation) -> None:
    """Undo that a guess was counted as wrong."""
    statement = _update_counter().values(wrong=_counters.c.wrong - 1)
    for name in reservation.before:
        connection.execute(statement, {**_of(reservation.account), "of_name": name})


def _is_counter(account: Account, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        _counters.c.subject == account.subject,
        _counters.c.generation == account.generation,
        _counters.c.name == name,
    )

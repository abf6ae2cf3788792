"""The interfaces of the stores, for use cases, services and commands."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from auth_service.models import (
    Account,
    ActiveSession,
    GuessCounters,
    LastSignIn,
    Reservation,
    SessionRecord,
    User,
)


class Users(Protocol):
    """The accounts.

    Reading waits for an editor for 50 ms at most. A change is on disk when its method returns.
    Methods that change something raise `Unavailable` if it cannot be stored, and `Busy` if too many
    others wait for that.
    """

    def get(self, user_id: str) -> User | None:
        """Return the user with this id."""

    def find(self, canonical: str) -> User | None:
        """Return the user with this canonical name."""

    def holder(self, canonical: str) -> User | None:
        """Return the user who has this canonical name or had it before; nobody else can take it."""

    def all(self) -> Iterable[User]:
        """Return all users in order of creation."""

    def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            UsernameTaken: another account has or had the name, without regard to case.
        """

    def replace(self, user: User, changed: User) -> None:
        """Store the fields that differ between `user` and `changed`; other changes stay.

        Raises:
            UserChanged: the stored record is of another generation than `user`, or gone.
            UsernameTaken: another account has or had the new name, without regard to case.
        """

    def remove(self, user: User) -> None:
        """Remove a user and free the names. The sessions end, and none of them ever comes back.

        Raises:
            UserChanged: the stored record is of another generation than `user`, or gone.
        """

    def problem(self) -> str | None:
        """Return why users cannot be read or changed now, or None."""


class EditableUsers(Users, Protocol):
    """Accounts in a file that an operator may edit."""

    def edit(self, editor: Callable[[bytes], bytes]) -> bool:
        """Let a person edit the file under its lock; return whether anything changed.

        Args:
            editor: gets the text and returns the new text. It may run for minutes, and nothing
                else is written meanwhile.

        Raises:
            UsersFileError, OSError: nothing was changed.
        """

    def check(self, text: bytes) -> None:
        """Raise UsersFileError if an edit with this text would be refused."""


class Sessions(Protocol):
    """The sessions that exist; a missing session has ended.

    Times are Unix seconds. A change is on disk when its method returns, except for `renew`. Every
    method raises `Unavailable` if the store cannot be used in time.
    """

    def create(self, record: SessionRecord) -> None:
        """Store a new session. A user has at most 50; the oldest end."""

    def sign_in(self, record: SessionRecord, wrong_so_far: int, idle_seconds: int) -> ActiveSession:
        """Store the session of a sign-in, with the facts about the sign-in before it.

        The sign-in is remembered for the next one.

        Args:
            record: the session, without these facts.
            wrong_so_far: how many wrong passwords were ever entered for this account, which is the
                user in this generation.
            idle_seconds: the idle limit.
        """

    def get(self, session_id: str) -> SessionRecord | None:
        """Return the session, expired or not."""

    def renew(
        self, session_id: str, user: User, now: int, idle_seconds: int
    ) -> ActiveSession | None:
        """Record that the session was used, and return it; None if it is no longer alive."""

    def live(self, user: User, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of a user that are alive, the one used last first."""

    def unexpired(self, now: int, idle_seconds: int) -> list[SessionRecord]:
        """Return the sessions of all users that have not expired, the one used last first.

        Those of an earlier generation of their user are among them, and they are not alive.
        """

    def count_unexpired(self, now: int, idle_seconds: int) -> dict[Account, int]:
        """Return how many sessions have not expired, for each account that has any."""

    def reserve_failure(self, session_id: str, limit: int) -> int | None:
        """Count a wrong password before it is known to be one.

        Return the count with this one, or None if it was `limit` already or the session has ended.
        So guesses at the same time cannot exceed the limit.
        """

    def return_failure(self, session_id: str) -> None:
        """Undo a reserved failure, because the password could not be checked."""

    def confirm(self, session_id: str, now: int) -> bool:
        """Record that the right password was entered; False if the session was ended meanwhile."""

    def end(self, session_id: str) -> None:
        """End the session, if it exists."""

    def end_others(self, user_id: str, session_id: str) -> None:
        """End all sessions of the user but one."""

    def end_all_of(self, user_id: str) -> None:
        """End all sessions of the user."""

    def forget(self, user_id: str) -> None:
        """End all sessions of a user who is removed, and delete the facts about the account."""

    def end_generation(self, user_id: str, generation: int) -> None:
        """Delete the user's sessions of this generation and those before."""

    def purge(self, now: int, idle_seconds: int) -> None:
        """Delete the sessions that have expired by `now`."""


class AccountFacts(Protocol):
    """What people and operators are told about accounts. Times are Unix seconds.

    Every method raises `Unavailable` if the store cannot be used in time.
    """

    def last_sign_ins(self) -> Mapping[str, int]:
        """Return when each user signed in last, by user id. Users who never did are missing."""

    def last_sign_in(self, user_id: str) -> LastSignIn:
        """Return when a user signed in last."""

    def record_password(self, user_id: str, now: int) -> None:
        """Record that the user's password was set; this is on disk when the method returns."""


class OpenAccount(Protocol):
    """The guess counters of an account, in a transaction.

    `now` is the time of the transaction in Unix seconds.
    """

    counters: GuessCounters
    now: float

    def reserve(self, names: Iterable[str]) -> Reservation:
        """Count a guess as failed in the counters of these names."""

    def use_device(self, device: str, limit: int) -> None:
        """Record that a device is used now; add it if it is new.

        Beyond `limit` devices, those that were used only once are forgotten first, then the longest
        unused.
        """


class Guesses(Protocol):
    """Counts of guesses, and known devices.

    A change is on disk when its method returns. Every method raises `Unavailable` if the store
    cannot be used in time.
    """

    @property
    def key(self) -> bytes:
        """The 32 random bytes of this store, for pseudonyms."""

    def open_account(self, account: Account) -> AbstractContextManager[OpenAccount]:
        """Begin a transaction on an account's counters; an exception in its block undoes it."""

    def counters(self, account: Account) -> GuessCounters:
        """Return an account's counters as they are now, without a transaction."""

    def give_back(self, reservation: Reservation) -> None:
        """Undo a reservation whose guess was not made."""

    def clear(self, reservation: Reservation) -> None:
        """Record that the guess was right: it and those before it no longer count.

        Earlier guesses by the owner's devices and sessions no longer count either.
        """

    def wrong_so_far(self, account: Account) -> int:
        """Return how many guesses at an account were ever wrong, from strangers and the owner.

        Guesses that are still being hashed count too.
        """

    def reset(self, account: Account) -> None:
        """Set the counters of strangers and owner to zero; devices do not change."""

    def accounts(self) -> list[Account]:
        """Return the users' accounts that have counters."""

    def purge(self, accounts: Iterable[Account], unused_since: float) -> None:
        """Delete these accounts, and the devices and unknown names not used since then."""

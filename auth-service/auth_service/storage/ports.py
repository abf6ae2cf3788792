"""What the middle of the service asks of its stores."""

from collections.abc import Iterable
from typing import Protocol

from auth_service.models import User


class Users(Protocol):
    """The accounts.

    Reading never waits for an editor for longer than 50 ms. A change is on disk when its method
    returns, and every method that changes something raises `Unavailable` where that cannot be had.
    """

    def get(self, user_id: str) -> User | None:
        """Return the user with this id."""

    def find(self, canonical: str) -> User | None:
        """Return the user with this canonical name."""

    def all(self) -> Iterable[User]:
        """Return all users in order of creation."""

    def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            UsernameTaken: another account has the name, without regard to case.
        """

    def replace(self, user: User, if_generation: int) -> None:
        """Store the changed record of a user.

        Raises:
            UserChanged: the stored record is of another generation, or gone.
        """

    def remove(self, user: User, if_generation: int) -> None:
        """Remove a user, whose sessions end and whose id never gets them back; frees the name.

        Raises:
            UserChanged: the stored record is of another generation, or gone.
        """

    def problem(self) -> str | None:
        """Say why users cannot be read or changed now, or None; changes nothing itself."""


class EndsSessions(Protocol):
    """What the store of users asks of the sessions."""

    def end_all_of(self, user_id: str) -> None:
        """End every session of a user, on disk when this returns. Raises `Unavailable`."""

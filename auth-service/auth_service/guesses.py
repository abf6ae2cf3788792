"""How guesses at a password are counted: per account, and there in lanes."""

from collections.abc import Mapping
from dataclasses import dataclass

from auth_service.models import User

STRANGERS, OWNER = "strangers", "owner"
"""Two lanes of every account; each of its known devices is one more, named by its token's hash."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a guess is for: a user's id and generation, or a bucket of unknown names and 0."""

    subject: str
    generation: int

    @classmethod
    def of(cls, user: User) -> "Account":
        """Return the user's account, which is another one in the next generation."""
        return cls(user.id, user.generation)


@dataclass(frozen=True, slots=True)
class Count:
    """A lane: failures since its last success, and when it was last used (Unix seconds)."""

    reserved: int = 0
    cleared: int = 0
    used_at: float = 0.0

    @property
    def failures(self) -> int:
        """Guesses in a row that failed, or are still being hashed."""
        return self.reserved - self.cleared


class Counts(dict[str, Count]):
    """The lanes of an account; one that is not here was never used."""

    def __missing__(self, _lane: str) -> Count:
        return Count()


@dataclass(frozen=True, slots=True)
class Reservation:
    """A guess that counts as failed: what its lanes were before, and how far the owner's is."""

    account: Account
    before: Mapping[str, Count]
    owner: int

"""Changes of users, checked against those who are stored by whoever writes them."""

from dataclasses import dataclass
from typing import Protocol

from auth_service.errors import UserChanged, UsernameTaken
from auth_service.models import User
from auth_service.storage.users_json.user_index import Changes, UserIndex


class Change(Protocol):
    """A change of users."""

    def changes(self, index: UserIndex) -> Changes:
        """Return what changes; raises AuthServiceError, and then nothing is changed."""


@dataclass(frozen=True)
class Addition:
    """A new user."""

    user: User

    def changes(self, index: UserIndex) -> Changes:
        """Return the new user. Raises UsernameTaken."""
        if index.find(self.user.canonical) is not None:
            raise UsernameTaken
        return {self.user.id: self.user}


@dataclass(frozen=True)
class Replacement:
    """A changed record of a user, or None for a removal."""

    user_id: str
    if_generation: int
    changed: User | None

    def changes(self, index: UserIndex) -> Changes:
        """Return the changed record. Raises UserChanged."""
        stored = index.get(self.user_id)
        if stored is None or stored.generation != self.if_generation:
            raise UserChanged
        return {self.user_id: self.changed}

"""Changes of users, which are checked against the stored users under the lock."""

from dataclasses import dataclass
from typing import Protocol

from auth_service.errors import UserChanged, UsernameTaken
from auth_service.models import User
from auth_service.storage.users_json.user_index import Changes, UserIndex


class Change(Protocol):
    """A change of users."""

    def changes(self, index: UserIndex) -> Changes:
        """Return the changed users. Raises AuthServiceError, and then nothing is changed."""


@dataclass(frozen=True)
class Addition:
    """A new user."""

    user: User

    def changes(self, index: UserIndex) -> Changes:
        """Return the new user. Raises UsernameTaken."""
        if index.holder(self.user.canonical) is not None:
            raise UsernameTaken
        return {self.user.id: self.user}


@dataclass(frozen=True)
class Replacement:
    """The record of a user that was read, and the changed record."""

    user: User
    changed: User

    def changes(self, index: UserIndex) -> Changes:
        """Return the stored record with the changed fields. Raises UserChanged, UsernameTaken."""
        stored = _of_same_generation(index, self.user)
        changed = stored.changed_like(self.user, self.changed)
        holder = index.holder(changed.canonical)
        if holder is not None and holder.id != stored.id:
            raise UsernameTaken
        return {stored.id: changed}


@dataclass(frozen=True)
class Removal:
    """The removal of a user."""

    user: User

    def changes(self, index: UserIndex) -> Changes:
        """Return None for the user's id. Raises UserChanged."""
        stored = _of_same_generation(index, self.user)
        return {stored.id: None}


def _of_same_generation(index: UserIndex, user: User) -> User:
    stored = index.get(user.id)
    if stored is None or stored.generation != user.generation:
        raise UserChanged
    return stored

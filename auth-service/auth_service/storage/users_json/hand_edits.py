"""The consequences of a hand edit of users.json: generations, schemes and removed users."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from auth_service.models import User
from auth_service.storage.users_json.codec import LARGEST_BY_HAND, Document, fail_at_user


class HandEdit:
    """An edited document and the users of the former version; `clock` returns Unix seconds."""

    def __init__(
        self, edited: Document, before: Iterable[User], clock: Callable[[], float]
    ) -> None:
        self._edited = edited
        self._before = {user.id: user for user in before}
        self._now = int(clock())

    def removed_ids(self) -> list[str]:
        """Return the ids that the edit removed."""
        kept = {user.id for user in self._edited.users}
        return [user_id for user_id in self._before if user_id not in kept]

    def users(self, text: bytes) -> tuple[User, ...]:
        """Return the users to store.

        Args:
            text: the edit, for the line and column of an error.

        Raises:
            UsersFileError: a generation is larger than a hand edit may make it.
        """
        return tuple(self._stored(user, text) for user in self._edited.users)

    def _stored(self, user: User, text: bytes) -> User:
        was = self._before.get(user.id)
        if user.generation > LARGEST_BY_HAND and (was is None or user.generation > was.generation):
            problem = f"a hand edit may make it {LARGEST_BY_HAND} at most"
            fail_at_user(text, problem, user, "generation")
        if was is None:
            user = self._with_scheme(user)
            # A generation that no session of a former user with this id can have.
            return replace(user, generation=max(user.generation + 1, self._now))
        if was.password_hash != user.password_hash:
            user = self._with_scheme(user)
        lowest = was.generation
        if (
            was.password_hash != user.password_hash
            or was.password_scheme != user.password_scheme
            or was.disabled != user.disabled
        ):
            # Every session ends.
            lowest += 1
        return replace(user, generation=max(user.generation, lowest))

    def _with_scheme(self, user: User) -> User:
        """Return the user with scheme "unknown" if the hash may come from elsewhere."""
        is_said = user.id not in self._edited.without_scheme or self._edited.schema == 1
        if is_said or user.password_scheme != "bcrypt-sha256":
            return user
        return replace(user, password_scheme="unknown")

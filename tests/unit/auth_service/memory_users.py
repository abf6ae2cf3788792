"""Users in memory: what `storage.ports.Users` promises, for tests of what stands on it."""

import threading
from collections.abc import Callable

from auth_service.errors import Unavailable, UserChanged, UsernameTaken
from auth_service.models import User


class MemoryUsers:
    """Refuses to write while `fails` is true; counts the writes that it tries.

    `before_next_change` is called once, just before the next change of a user.
    """

    def __init__(self, *users: User) -> None:
        self.fails = False
        self.before_next_change: Callable[[], object] | None = None
        self.writes = 0
        self._lock = threading.Lock()
        self._users = {user.id: user for user in users}

    def get(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def find(self, canonical: str) -> User | None:
        users = tuple(self._users.values())
        return next((user for user in users if user.canonical == canonical), None)

    def holder(self, canonical: str) -> User | None:
        users = tuple(self._users.values())
        return next((user for user in users if canonical in user.names), None)

    def all(self) -> tuple[User, ...]:
        return tuple(self._users.values())

    def add(self, user: User) -> None:
        with self._lock:
            self._check_writable()
            if self.holder(user.canonical) is not None:
                raise UsernameTaken
            self._users[user.id] = user

    def replace(self, user: User, changed: User) -> None:
        happens_first = self.before_next_change
        self.before_next_change = None
        if happens_first is not None:
            happens_first()
        with self._lock:
            self._check_writable()
            stored = self._of_same_generation(user)
            following = stored.changed_like(user, changed)
            holder = self.holder(following.canonical)
            if holder is not None and holder.id != user.id:
                raise UsernameTaken
            self._users[user.id] = following

    def remove(self, user: User) -> None:
        with self._lock:
            self._check_writable()
            self._of_same_generation(user)
            del self._users[user.id]

    def _check_writable(self) -> None:
        if self.fails:
            raise Unavailable("no space left on device")
        self.writes += 1

    def _of_same_generation(self, user: User) -> User:
        stored = self._users.get(user.id)
        if stored is None or stored.generation != user.generation:
            raise UserChanged
        return stored

"""All users in memory, by id and by canonical name, with their text ready to be written."""

from collections.abc import Iterable

from auth_service.errors import UsernameTaken
from auth_service.models import User
from auth_service.userfile import encode_user


class UserIndex:
    """Reads take no lock: they look into dictionaries that one writer at a time changes."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._by_id = {user.id: user for user in users}
        self._by_name = {user.canonical: user for user in self._by_id.values()}
        # A write joins these blocks; encoding all users anew would take ten times as long.
        self._blocks = {user.id: encode_user(user) for user in self._by_id.values()}

    def get(self, user_id: str) -> User | None:
        """Return the user with that id."""
        return self._by_id.get(user_id)

    def find(self, canonical: str) -> User | None:
        """Return the user with that canonical name."""
        return self._by_name.get(canonical)

    def all(self) -> tuple[User, ...]:
        """Return all users in order of creation."""
        return tuple(self._by_id.values())

    def blocks(self, draft: "Draft | None" = None) -> dict[str, bytes]:
        """Return the users' text by id, in order of creation, as a draft would have it."""
        blocks = dict(self._blocks)
        for user_id, user in (draft.changes if draft else {}).items():
            if user is None:
                blocks.pop(user_id, None)
            else:
                blocks[user_id] = encode_user(user)
        return blocks

    def accept(self, draft: "Draft", blocks: dict[str, bytes]) -> None:
        """Take over what a draft changed and the blocks made of it, now that it is on disk."""
        for user_id, user in draft.changes.items():
            if user is not None:
                self._by_id[user_id] = self._by_name[user.canonical] = user
            elif old := self._by_id.pop(user_id, None):
                del self._by_name[old.canonical]
        self._blocks = blocks


class Draft:
    """Changes on top of an index, each checked against those before it."""

    def __init__(self, index: UserIndex) -> None:
        self._index = index
        self._names: dict[str, str] = {}
        self.changes: dict[str, User | None] = {}

    def get(self, user_id: str) -> User | None:
        """Return the user as the draft has it."""
        return self.changes[user_id] if user_id in self.changes else self._index.get(user_id)

    def find(self, canonical: str) -> User | None:
        """Return the user of that canonical name as the draft has it."""
        if canonical in self._names:
            return self.get(self._names[canonical])
        user = self._index.find(canonical)
        return None if user is None else self.get(user.id)

    def add(self, user: User) -> None:
        """Add a user. Raises UsernameTaken, without regard to case."""
        if self.find(user.canonical) is not None:
            raise UsernameTaken
        self.changes[user.id] = user
        self._names[user.canonical] = user.id

    def put(self, user: User, changed: User | None) -> None:
        """Replace the record of a user, whose id and name stay, or remove it: the name is free at once."""
        self.changes[user.id] = changed

"""All users in memory, by id and by canonical name, as the text that stands in the file."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain

from auth_service.errors import UsernameTaken
from auth_service.models import User
from auth_service.storage.users_json.codec import decode_user, encode_user

# Read where there is no user: how long a sign-in takes must not tell whether a name is known.
_NOBODY = encode_user(User("", "", "", "", 1, disabled=False, created_at=""))


class UserIndex:
    """Reads take no lock: they look into dictionaries that one writer at a time changes."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        # A write joins these blocks; encoding all users anew would take ten times as long. Reading
        # one takes microseconds, and keeping what was read would double the memory.
        self._blocks, self._ids = dict[str, bytes](), dict[str, str]()
        for user in users:
            self._blocks[user.id], self._ids[user.canonical] = encode_user(user), user.id

    def compact(self) -> None:
        """Move everything together: what it was read from lay in between, and that memory is free then."""
        names, blocks = (
            json.dumps(self._ids),
            b"\0".join(self._blocks[key] for key in self._ids.values()),
        )
        self._blocks, self._ids = {}, {}
        self._ids = json.loads(names)
        # JSON has no zero bytes. An empty index has one empty part.
        self._blocks = dict(zip(self._ids.values(), blocks.split(b"\0"), strict=False))

    def get(self, user_id: str) -> User | None:
        """Return the user with that id; it takes as long if there is none."""
        block = self._blocks.get(user_id)
        user = decode_user(block or _NOBODY)
        return user if block else None

    def find(self, canonical: str) -> User | None:
        """Return the user with that canonical name."""
        return self.get(self._ids.get(canonical, ""))

    def all(self) -> tuple[User, ...]:
        """Return all users in order of creation."""
        return tuple(map(decode_user, tuple(self._blocks.values())))

    def blocks(self, draft: "Draft") -> Iterator[bytes]:
        """Return the users' text in order of creation, as the draft would have it."""
        changed = {key: encode_user(user) if user else None for key, user in draft.changes.items()}
        new = [changed.pop(key) for key in draft.changes if key not in self._blocks]
        # No copy of them all: it would hold the interpreter too long, and touch memory that is
        # shared.
        kept = (
            map(changed.get, self._blocks, self._blocks.values())
            if changed
            else self._blocks.values()
        )
        return chain(filter(None, kept), filter(None, new))

    def accept(self, draft: "Draft") -> None:
        """Take over what a draft changed, now that it is on disk."""
        for user_id, user in draft.changes.items():
            if user is not None:
                self._blocks[user_id], self._ids[user.canonical] = encode_user(user), user_id
            elif old := self.get(user_id):
                del self._blocks[user_id], self._ids[old.canonical]


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

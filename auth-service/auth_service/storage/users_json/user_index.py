"""All users in memory, by id and by canonical name, as the text that stands in the file."""

import json
from collections.abc import Iterable, Iterator, Mapping

from auth_service.models import User
from auth_service.storage.users_json.codec import decode_user, encode_user

# Read where there is no user: how long a sign-in takes must not tell whether a name is known.
_NOBODY = encode_user(User("", "", "", "", 1, disabled=False, created_at=""))

Changes = Mapping[str, User | None]
"""New and changed users by id; None where one is removed."""


class UserIndex:
    """Reads take no lock: they look into dictionaries that one writer at a time changes."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        # A write joins these blocks; encoding all users anew would take ten times as long. Reading
        # one takes microseconds, and keeping what was read would double the memory.
        self._blocks: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        for user in users:
            self._blocks[user.id] = encode_user(user)
            self._ids[user.canonical] = user.id

    def compact(self) -> None:
        """Move everything together: what it was read from lay in between, and can be freed then."""
        names = json.dumps(list(self._ids))
        ids = json.dumps(list(self._ids.values()))
        blocks = b"\0".join(self._blocks[user_id] for user_id in self._ids.values())
        self._blocks = {}
        self._ids = {}
        self._ids = dict(zip(json.loads(names), json.loads(ids), strict=True))
        # No block has a zero byte. Without users there is one empty part.
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

    def blocks_with(self, changes: Changes) -> Iterator[bytes]:
        """Return the users' text in order of creation, as it would be with these changes."""
        for user_id, block in self._blocks.items():
            if user_id not in changes:
                yield block
            elif (changed := changes[user_id]) is not None:
                yield encode_user(changed)
        for user_id, added in changes.items():
            if user_id not in self._blocks and added is not None:
                yield encode_user(added)

    def accept(self, changes: Changes) -> None:
        """Take over changes, now that they are on disk."""
        for user_id, user in changes.items():
            old = self.get(user_id)
            if user is not None:
                self._blocks[user_id] = encode_user(user)
                self._ids[user.canonical] = user_id
            elif old is not None:
                del self._blocks[user_id]
                # In the same write another user may have got the name.
                if self._ids.get(old.canonical) == user_id:
                    del self._ids[old.canonical]

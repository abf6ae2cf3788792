"""All users in memory, by id and by canonical name, as their text in the file."""

from collections.abc import Iterable, Iterator, Mapping

from auth_service.models import User
from auth_service.storage.users_json.codec import decode_user, encode_user

# Decoded for unknown users too, so that the time of a sign-in does not show whether a name is
# known.
_NOBODY = encode_user(User("", "", "", "", 1, disabled=False, created_at=""))

Changes = Mapping[str, User | None]
"""New and changed users by id; None for a removed user."""


class UserIndex:
    """An index that is read without a lock and changed by one writer at a time."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        # A write joins these blocks; encoding all users again would take ten times as long.
        # Decoding one takes microseconds, and keeping decoded users would double the memory.
        self._blocks: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        for user in users:
            self._blocks[user.id] = encode_user(user)
            self._ids[user.canonical] = user.id

    def unknown(self, blocks: Iterable[bytes]) -> list[bytes]:
        """Return those blocks of another version that this version does not have."""
        known = set(self._blocks.values())
        return [block for block in blocks if block not in known]

    def following(self, blocks: Iterable[bytes], changed: Mapping[bytes, User]) -> "UserIndex":
        """Return the index of another version; `changed` has the users of its unknown blocks."""
        names = {self._blocks[user_id]: (user_id, name) for name, user_id in self._ids.items()}
        for block, user in changed.items():
            names[block] = (user.id, user.canonical)
        following = UserIndex()
        for block in blocks:
            user_id, canonical = names[block]
            following._blocks[user_id] = block
            following._ids[canonical] = user_id
        return following

    def get(self, user_id: str) -> User | None:
        """Return the user with that id. An unknown id takes the same time."""
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
        """Yield the users' text with these changes, in order of creation."""
        for user_id, block in self._blocks.items():
            if user_id not in changes:
                yield block
            elif (changed := changes[user_id]) is not None:
                yield encode_user(changed)
        for user_id, added in changes.items():
            if user_id not in self._blocks and added is not None:
                yield encode_user(added)

    def accept(self, changes: Changes) -> None:
        """Apply changes that are on disk now."""
        for user_id, user in changes.items():
            old = self.get(user_id)
            if user is not None:
                self._blocks[user_id] = encode_user(user)
                self._ids[user.canonical] = user_id
            elif old is not None:
                del self._blocks[user_id]
                # Another user may have got the name in the same write.
                if self._ids.get(old.canonical) == user_id:
                    del self._ids[old.canonical]

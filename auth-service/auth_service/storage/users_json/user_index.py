"""All users in memory, by id and by canonical names, as their text in the file."""

from collections.abc import Iterable, Iterator, Mapping

from auth_service.models import User
from auth_service.storage.users_json.codec import decode_user, encode_user

# Decoded for unknown users too: the time of a sign-in must not show whether a name is known.
_NOBODY = encode_user(User("", "", "", "", 1, disabled=False, created_at=""))

Changes = Mapping[str, User | None]
"""New and changed users by id; None for a removed user."""


class UserIndex:
    """An index that is read without a lock and changed by one writer at a time."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        # A write joins these blocks; encoding all users again would take ten times as long.
        # Decoding one takes microseconds, and keeping the decoded users would double the memory.
        self._blocks: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        self._reserved_for: dict[str, str] = {}
        for user in users:
            self._put(user, encode_user(user))

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
        for name, user_id in self._reserved_for.items():
            if following._blocks.get(user_id) == self._blocks[user_id]:
                following._reserved_for[name] = user_id
        for user in changed.values():
            following._reserve_names(user)
        return following

    def get(self, user_id: str) -> User | None:
        """Return the user with that id. An unknown id takes the same time."""
        block = self._blocks.get(user_id)
        user = decode_user(block or _NOBODY)
        return user if block else None

    def find(self, canonical: str) -> User | None:
        """Return the user with that canonical name."""
        return self.get(self._ids.get(canonical, ""))

    def holder(self, canonical: str) -> User | None:
        """Return the user who has that canonical name or had it before."""
        return self.get(self._ids.get(canonical) or self._reserved_for.get(canonical, ""))

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
            # New names come before old ones go, as others read meanwhile.
            if user is not None:
                self._put(user, encode_user(user))
            elif old is not None:
                del self._blocks[user_id]
            if old is not None:
                self._drop_names(old, user)

    def _put(self, user: User, block: bytes) -> None:
        self._blocks[user.id] = block
        self._ids[user.canonical] = user.id
        self._reserve_names(user)

    def _reserve_names(self, user: User) -> None:
        for name in user.former_usernames:
            self._reserved_for[name] = user.id

    def _drop_names(self, old: User, user: User | None) -> None:
        """Forget the names that a user has no longer, unless another one got them meanwhile."""
        former = user.former_usernames if user else ()
        for name in set(old.former_usernames) - set(former):
            if self._reserved_for.get(name) == old.id:
                del self._reserved_for[name]
        if (user is None or user.canonical != old.canonical) and (
            self._ids.get(old.canonical) == old.id
        ):
            del self._ids[old.canonical]

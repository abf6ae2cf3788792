"""Strict JSON (RFC 8259); Python's reader accepts more."""

from collections import Counter
from typing import Any


class DuplicateKey(ValueError):
    """An object has a key twice; `members` are its members."""

    def __init__(self, key: str, members: dict[str, Any]) -> None:
        super().__init__(f'"{key}" stands twice')
        self.key = key
        self.members = members


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, for `object_pairs_hook` of `json.loads`.

    Raises:
        DuplicateKey: the object has a key twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        ((key, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise DuplicateKey(key, members)
    return members


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, for `parse_constant` of `json.loads`. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")

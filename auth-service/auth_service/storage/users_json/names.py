"""The names in users.json: each belongs to one user, who has it or had it before."""

from collections.abc import Iterable
from dataclasses import dataclass

from auth_service.models import User
from auth_service.usernames import USERNAME, canonical_username


@dataclass(frozen=True)
class WrongName:
    """What is wrong with a name in the file, and in which field of which user."""

    user_id: str
    field: str
    problem: str


def first_wrong_name(users: Iterable[User]) -> WrongName | None:
    """Return the first name that is malformed or belongs to somebody else, or None."""
    holders: dict[str, str] = {}
    for user in users:
        if user.canonical != canonical_username(user.username):
            return WrongName(user.id, "canonical", "it must be the username in lower case")
        if user.canonical in holders:
            problem = f'another user has the name "{user.canonical}" too, or had it before'
            return WrongName(user.id, "canonical", problem)
        holders[user.canonical] = user.id
        for name in user.former_usernames:
            problem = _problem_of_former(name, is_taken=name in holders)
            if problem:
                return WrongName(user.id, "former_usernames", problem)
            holders[name] = user.id
    return None


def _problem_of_former(name: str, *, is_taken: bool) -> str:
    if not USERNAME.fullmatch(name) or name != canonical_username(name):
        return f'"{name}" is no username in lower case'
    if is_taken:
        return f'the name "{name}" is there already: each may belong to one user, and stand once'
    return ""

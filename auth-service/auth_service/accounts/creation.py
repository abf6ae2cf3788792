"""Prepares new accounts."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.passwords import PasswordPolicy
from auth_service.display_names import display_name_problems, normal_display_name
from auth_service.models import User
from auth_service.storage.ports import Users
from auth_service.usernames import USERNAME, USERNAME_RULE, canonical_username


@dataclass(frozen=True)
class NewAccount:
    """The fields of a new account, as somebody typed them."""

    username: str
    password: str
    display_name: str = ""


@dataclass(frozen=True)
class NewAccounts:
    """Prepares accounts, for people and operators alike; `clock` returns Unix seconds."""

    users: Users
    policy: PasswordPolicy
    hasher: PasswordHasher
    clock: Callable[[], float]

    def prepare(self, new: NewAccount) -> User:
        """Return a new user, not stored yet.

        Raises:
            InvalidFields: the user name, the password or the display name breaks a rule.
            UsernameTaken: another account has or had the name, without regard to case.
            Busy: too many others wait to be hashed.
        """
        canonical = canonical_username(new.username)
        self._check(new)
        if self.users.holder(canonical) is not None:
            raise errors.UsernameTaken
        return User(
            id=secrets.token_hex(12),
            username=new.username,
            canonical=canonical,
            password_hash=self.hasher.hash(new.password),
            generation=1,
            disabled=False,
            display_name=normal_display_name(new.display_name),
            created_at=datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def require_free(self, username: str) -> None:
        """Raise InvalidFields or UsernameTaken if no new account can have this user name."""
        if not USERNAME.fullmatch(username):
            raise errors.InvalidFields({"username": [USERNAME_RULE]})
        if self.users.holder(canonical_username(username)) is not None:
            raise errors.UsernameTaken

    def _check(self, new: NewAccount) -> None:
        problems: dict[str, list[str]] = {}
        if not USERNAME.fullmatch(new.username):
            problems["username"] = [USERNAME_RULE]
        password_problems = self.policy.problems(new.password, canonical_username(new.username))
        if password_problems:
            problems["password"] = password_problems
        name_problems = display_name_problems(new.display_name)
        if name_problems:
            problems["display_name"] = name_problems
        if problems:
            raise errors.InvalidFields(problems)

"""Accounts: making them, recognising who they belong to, ending them; operators have administration.py."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.passwords import PasswordPolicy, normalise
from auth_service.guessing.throttle import Throttle
from auth_service.models import User
from auth_service.storage.users_json.codec import USERNAME, canonical_username
from auth_service.storage.users_json.store import UserStore
from auth_service.storage.users_json.user_index import Draft

USERNAME_RULE = "The username must have 3 to 64 characters: letters a to z, digits and . _ @ + -"

log = logging.getLogger(__name__)
Change = Callable[[User], User | None]


@dataclass(frozen=True)
class Accounts:
    """Registers and authenticates users, and changes what is theirs; `clock` returns Unix seconds."""

    store: UserStore
    policy: PasswordPolicy
    hasher: PasswordHasher
    throttle: Throttle
    clock: Callable[[], float]
    registration_open: bool

    def prepare(self, username: str, password: str) -> User:
        """Return a new user, not stored yet.

        Raises:
            InvalidFields: the user name or the password breaks a rule.
            UsernameTaken: without regard to case.
            Busy: too many others wait to be hashed.
        """
        canonical = canonical_username(username)
        named = [] if USERNAME.fullmatch(username) else [USERNAME_RULE]
        problems = {"username": named, "password": self.policy.problems(password, canonical)}
        if any(problems.values()):
            raise errors.InvalidFields({name: texts for name, texts in problems.items() if texts})
        if self.store.find(canonical) is not None:
            raise errors.UsernameTaken
        return User(
            id=secrets.token_hex(12),
            username=username,
            canonical=canonical,
            password_hash=self.hasher.hash(password),
            generation=1,
            disabled=False,
            created_at=datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def save(self, user: User) -> None:
        """Store a prepared user, on disk when this returns. Raises UsernameTaken, Unavailable."""
        self.store.write(lambda draft: draft.add(user))

    def authenticate(self, username: str, password: str, device_token: str = "") -> User:
        """Return the very record whose hash the password matched.

        An unknown name costs the same hash as a known one. The record is looked at again
        after hashing: a password changed, or an account disabled, meanwhile counts.

        Raises:
            InvalidCredentials: without saying which part was wrong.
            TooManyAttempts: too many have failed at this name, known or not.
            Busy: too many others wait to be hashed.
            Unavailable: the attempt cannot be counted.
        """
        canonical = canonical_username(username)
        user = self.store.find(canonical)
        with self.throttle.guess(user, canonical, device_token):
            matches = self.hasher.check(user.password_hash if user else None, password)
            if user is None or not matches:
                raise errors.InvalidCredentials
            if self.hasher.is_outdated(user.password_hash):
                self._rehash(user, password)
            if not self._is_unchanged(user):
                raise errors.InvalidCredentials
            return user

    def check_password(self, user: User, password: str) -> None:
        """Check the password of a user who is signed in.

        Raises:
            IncorrectPassword: it is another.
            SessionEnded: the account was changed, disabled or deleted meanwhile.
            TooManyAttempts: the user's own devices and sessions have failed too often.
            Busy: too many others wait to be hashed.
            Unavailable: the attempt cannot be counted.
        """
        with self.throttle.owner_guess(user):
            if not self.hasher.check(user.password_hash, password):
                raise errors.IncorrectPassword
            if not self._is_unchanged(user):
                raise errors.SessionEnded

    def exchange_password(self, user: User, password: str, new_password: str) -> User:
        """Check the password, and return the user with the new one and of the next generation.

        Nothing is stored yet. Raises as `check_password`.
        """
        with self.throttle.owner_guess(user):
            new_hash = self.hasher.exchange(user.password_hash, password, new_password)
            if new_hash is None:
                raise errors.IncorrectPassword
            if not self._is_unchanged(user):
                raise errors.SessionEnded
            return next_generation(user, password_hash=new_hash)

    def check_new_password(self, user: User, current: str, new: str) -> None:
        """Raise InvalidFields if a user may not change to this password; spends no hash."""
        problems = self.policy.problems(new, user.canonical)
        if not problems and normalise(current) == normalise(new):
            problems = ["This is the current password. Choose another."]
        if problems:
            raise errors.InvalidFields({"new_password": problems})

    def change_password(self, user: User, changed: User) -> None:
        """Store an exchanged password; on disk, and every older session dead, when this returns.

        Raises:
            SessionEnded: `user`, whose password was checked, is of a past generation: the password
                was changed, or the account disabled or deleted, at the same time.
            Unavailable: nothing was changed.
        """
        self._change_own(
            user, lambda current: next_generation(current, password_hash=changed.password_hash)
        )

    def delete(self, user: User) -> None:
        """Delete a user's own account; the name is free at once. Raises as `change_password`."""
        self._change_own(user, lambda _current: None)

    def _change_own(self, checked: User, change: Change) -> None:
        def apply(draft: Draft) -> None:
            user = draft.get(checked.id)
            if user is None or user.generation != checked.generation:
                raise errors.SessionEnded
            draft.put(user, change(user))

        self.store.write(apply)

    def _is_unchanged(self, user: User) -> bool:
        """Whether what a user's password was checked against still holds."""
        current = self.store.get(user.id)
        return (
            current is not None and not current.disabled and current.generation == user.generation
        )

    def _rehash(self, user: User, password: str) -> None:
        """Renew a hash of a lower cost; signing in must not fail because this does."""
        try:
            new_hash = self.hasher.hash(password)
            self._change_own(user, lambda current: replace(current, password_hash=new_hash))
        except errors.SessionEnded:
            pass  # it was changed meanwhile, which the caller looks at
        except errors.Unavailable as error:
            log.warning("a hash keeps its lower cost until the next sign-in: %s", error)


def next_generation(user: User, **changes: object) -> User:
    """Return the user changed and of the next generation, which ends every session."""
    return replace(user, generation=user.generation + 1, **changes)  # type: ignore[arg-type]

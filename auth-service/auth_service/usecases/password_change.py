"""Changing one's own password."""

from dataclasses import dataclass
from typing import NoReturn

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.password_times import PasswordTimes
from auth_service.accounts.passwords import PasswordPolicy, normalise
from auth_service.models import SessionRecord, User
from auth_service.usecases.new_generation import NewGeneration
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.signing_in import SignedIn
from session_contract.callers import Caller

THE_CURRENT_ONE = "This is the current password. Choose another."


@dataclass(frozen=True)
class PasswordChange:
    """Changes the password of people who are signed in."""

    policy: PasswordPolicy
    hasher: PasswordHasher
    reauthentication: Reauthentication
    new_generation: NewGeneration
    password_times: PasswordTimes

    def change(
        self,
        user: User,
        session: SessionRecord,
        current_password: str | None,
        new_password: str,
        caller: Caller,
    ) -> SignedIn:
        """Change the password. Every older session ends, and a new one is opened.

        `current_password` may be None if it was entered in this session in the last five minutes.

        Raises:
            InvalidFields: the new password breaks a rule. The current one was checked, too: if it
                is wrong, it is among the errors; if it is not, it need not be sent again.
            IncorrectCurrentPassword: the current password is wrong.
            ReauthenticationRequired: it is None, and was entered too long ago.
            SessionEnded: too many wrong passwords, or the account was changed, disabled or deleted
                at the same time. The password stays as it is.
            TooManyAttempts, Busy, Unavailable: nothing was changed.
        """
        problems = self._problems(user, current_password, new_password)
        if problems:
            self._refuse(user, session, current_password, problems)
        new_hash = self._new_hash(user, session, current_password, new_password)
        changed = user.with_password(new_hash)
        signed_in = self.new_generation.begin(user, changed, session, caller, has_new_password=True)
        self.password_times.record(changed)
        return signed_in

    def _problems(self, user: User, current: str | None, new: str) -> list[str]:
        problems = self.policy.problems(new, user.canonical)
        if not problems and current is not None and normalise(current) == normalise(new):
            problems = [THE_CURRENT_ONE]
        return problems

    def _refuse(
        self, user: User, session: SessionRecord, current: str | None, problems: list[str]
    ) -> NoReturn:
        """Refuse a new password; one answer tells what is wrong with both."""
        found = {"new_password": problems}
        try:
            if current is None:
                self.reauthentication.require_entered(session)
            else:
                self.reauthentication.confirm(user, session, current)
        except errors.IncorrectPassword:
            found["current_password"] = ["Incorrect password."]
        raise errors.InvalidFields(found)

    def _new_hash(self, user: User, session: SessionRecord, current: str | None, new: str) -> str:
        if current is None:
            self.reauthentication.require_entered(session)
            if self.hasher.check(user.password_hash, new, user.password_scheme):
                raise errors.InvalidFields({"new_password": [THE_CURRENT_ONE]})
            return self.hasher.hash(new)
        with self.reauthentication.attempt(user, session):
            new_hash = self.hasher.exchange(user.password_hash, current, new, user.password_scheme)
            if new_hash is None:
                raise errors.IncorrectCurrentPassword
        return new_hash

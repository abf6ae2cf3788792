"""Changing one's own password."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.password_times import PasswordTimes
from auth_service.accounts.passwords import PasswordPolicy, normalise
from auth_service.models import SessionRecord, User
from auth_service.storage.ports import Users
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.signing_in import SignedIn, SigningIn
from session_contract.callers import Caller


@dataclass(frozen=True)
class PasswordChange:
    """Changes the password of people who are signed in."""

    users: Users
    policy: PasswordPolicy
    hasher: PasswordHasher
    reauthentication: Reauthentication
    signing_in: SigningIn
    password_times: PasswordTimes

    def change(
        self,
        user: User,
        session: SessionRecord,
        current_password: str,
        new_password: str,
        caller: Caller,
    ) -> SignedIn:
        """Change the password. Every older session ends, and a new one is opened.

        Raises:
            InvalidFields: the new password breaks a rule; no hash is spent.
            IncorrectCurrentPassword: the current password is wrong.
            SessionEnded: too many wrong passwords, or the account was changed, disabled or deleted
                at the same time. The password stays as it is.
            TooManyAttempts, Busy, Unavailable: nothing was changed.
        """
        self._check_new_password(user, current_password, new_password)
        with self.reauthentication.attempt(user, session):
            new_hash = self.hasher.exchange(
                user.password_hash, current_password, new_password, user.password_scheme
            )
            if new_hash is None:
                raise errors.IncorrectCurrentPassword
        changed = user.with_password(new_hash)
        # The session comes first. It is worth nothing until the user has its generation, so no
        # 503 follows on a change that was made.
        signed_in = self.signing_in.reopen_session(changed, session, caller)
        try:
            self.users.replace(user, changed)
        except errors.UserChanged:
            self.signing_in.sessions.abandon(signed_in.session.session_id)
            raise errors.SessionEnded from None
        except errors.AuthServiceError:
            self.signing_in.sessions.abandon(signed_in.session.session_id)
            raise
        self.password_times.record(changed)
        self.signing_in.sessions.clear_away(user)
        return signed_in

    def _check_new_password(self, user: User, current: str, new: str) -> None:
        problems = self.policy.problems(new, user.canonical)
        if not problems and normalise(current) == normalise(new):
            problems = ["This is the current password. Choose another."]
        if problems:
            raise errors.InvalidFields({"new_password": problems})

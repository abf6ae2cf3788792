"""Registration."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.creation import NewAccount, NewAccounts
from auth_service.accounts.password_times import PasswordTimes
from auth_service.models import User
from auth_service.storage.ports import Users
from auth_service.usecases.signing_in import SignedIn, SigningIn
from session_contract.callers import Caller


@dataclass(frozen=True)
class Registration:
    """Makes accounts for people, where registration is open."""

    users: Users
    new_accounts: NewAccounts
    signing_in: SigningIn
    password_times: PasswordTimes
    is_open: bool

    def require_open(self) -> None:
        """Raise RegistrationClosed if only operators make accounts."""
        if not self.is_open:
            raise errors.RegistrationClosed

    def register(self, new: NewAccount) -> User:
        """Make an account, which is on disk when this returns.

        Raises:
            RegistrationClosed: only operators make accounts.
            InvalidFields: the user name or the password breaks a rule.
            UsernameTaken: another account has the name, without regard to case.
            Busy: too many others wait to be hashed or stored.
            Unavailable: it could not be stored.
        """
        self.require_open()
        user = self.new_accounts.prepare(new)
        self.users.add(user)
        self.password_times.record(user)
        return user

    def register_and_sign_in(self, new: NewAccount, device_tokens: str, caller: Caller) -> SignedIn:
        """Make an account and open a session for it, with one hash. Raises as `register`.

        The session comes first. It is worth nothing without its user, while a user who was stored
        and then got a 503 could never register that name again.
        """
        self.require_open()
        user = self.new_accounts.prepare(new)
        signed_in = self.signing_in.open_session(user, device_tokens, caller, has_new_password=True)
        try:
            self.users.add(user)
        except errors.AuthServiceError:
            self.signing_in.sessions.forget(user)
            raise
        return signed_in

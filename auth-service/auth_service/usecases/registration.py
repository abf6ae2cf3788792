"""Registration."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from auth_service import errors
from auth_service.accounts.creation import NewAccount, NewAccounts
from auth_service.accounts.password_times import PasswordTimes
from auth_service.models import User
from auth_service.storage.ports import Users
from auth_service.usecases.signing_in import SignedIn, SigningIn
from auth_service.usernames import canonical_username
from session_contract.callers import Caller

TWICE_SECONDS = 60
"""How long a second registration with the same password counts as an impatient click."""


@dataclass(frozen=True)
class Registration:
    """Makes accounts for people, where registration is open; `clock` returns Unix seconds."""

    users: Users
    new_accounts: NewAccounts
    signing_in: SigningIn
    password_times: PasswordTimes
    clock: Callable[[], float]
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
            UsernameTaken: another account has or had the name, without regard to case.
            Busy: too many others wait to be hashed or stored.
            Unavailable: it could not be stored.
        """
        self.require_open()
        user = self.new_accounts.prepare(new)
        self.users.add(user)
        self.password_times.record(user)
        return user

    def sign_in_again(self, new: NewAccount, device_tokens: str, caller: Caller) -> SignedIn:
        """Sign in to an account that the same form has made already, by an impatient click.

        It is an ordinary sign-in, whose failures are counted.

        Raises:
            UsernameTaken: the account is older than a minute.
            InvalidCredentials, TooManyAttempts, Busy, Unavailable: as `SigningIn.sign_in`.
        """
        user = self.users.find(canonical_username(new.username))
        if user is None or self._age(user) >= TWICE_SECONDS:
            raise errors.UsernameTaken
        return self.signing_in.sign_in(new.username, new.password, device_tokens, caller)

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

    def _age(self, user: User) -> float:
        """Return how many seconds ago an account was made."""
        return self.clock() - datetime.fromisoformat(user.created_at).timestamp()

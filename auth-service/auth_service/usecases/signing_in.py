"""Signing in."""

import logging
from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import Throttle
from auth_service.models import SessionRecord, User
from auth_service.sessions.service import IssuedSession, SessionService
from auth_service.storage.ports import Users
from auth_service.usernames import canonical_username
from session_contract.callers import Caller

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SignedIn:
    """A session that was just opened, and the token of the device it was opened from."""

    user: User
    session: IssuedSession
    device_token: str


@dataclass(frozen=True)
class SigningIn:
    """Opens sessions for people who know a password."""

    users: Users
    hasher: PasswordHasher
    throttle: Throttle
    devices: Devices
    sessions: SessionService

    def sign_in(self, username: str, password: str, device_tokens: str, caller: Caller) -> SignedIn:
        """Check a password and open a session; `device_tokens` are up to four, joined with ".".

        An unknown name costs the same hash as a known one and gets the same answer.

        Raises:
            InvalidCredentials: the name or the password is wrong; it does not say which.
            TooManyAttempts: too many guesses at this name have failed, known or not.
            Busy: too many others wait to be hashed.
            Unavailable: the attempt cannot be counted, or the session cannot be stored.
        """
        user = self.authenticate(username, password, device_tokens)
        signed_in = self.open_session(user, device_tokens, caller)
        # A removal meanwhile may have ended the user's sessions just before this one was stored.
        current = self.users.get(user.id)
        if current is None:
            self.sessions.forget(user)
            raise errors.InvalidCredentials
        if not user.is_still(current):
            self.sessions.abandon(signed_in.session.session_id)
            raise errors.InvalidCredentials
        return signed_in

    def authenticate(self, username: str, password: str, device_tokens: str) -> User:
        """Return the record whose hash the password matched. Raises as `sign_in`."""
        canonical = canonical_username(username)
        user = self.users.find(canonical)
        with self.throttle.guess(user, canonical, device_tokens):
            if user is None:
                self.hasher.check(None, password)
                raise errors.InvalidCredentials
            if not self.hasher.check(user.password_hash, password, user.password_scheme):
                raise errors.InvalidCredentials
            if self.hasher.is_outdated(user.password_hash, user.password_scheme):
                self._renew_hash(user, password)
            # The password may have been changed, or the account disabled, during the hash.
            if not user.is_still(self.users.get(user.id)):
                raise errors.InvalidCredentials
        return user

    def open_session(
        self, user: User, device_tokens: str, caller: Caller, *, has_new_password: bool = False
    ) -> SignedIn:
        """Remember the device of a user who gave the right password, and open a session.

        `has_new_password` says that the password was set just now, with the account.
        """
        device_token = self.devices.remember(user, device_tokens)
        wrong_so_far = self.throttle.wrong_so_far(user)
        session = self.sessions.open(user, caller, wrong_so_far, has_new_password=has_new_password)
        return SignedIn(user, session, device_token)

    def reopen_session(
        self, user: User, before: SessionRecord, caller: Caller, *, has_new_password: bool
    ) -> SignedIn:
        """Open a session for a user of a new generation, in the place of the one before."""
        device_token = self.devices.remember(user, "")
        session = self.sessions.reopen(user, before, caller, has_new_password=has_new_password)
        return SignedIn(user, session, device_token)

    def _renew_hash(self, user: User, password: str) -> None:
        """Replace an outdated hash; signing in must not fail if this does."""
        try:
            new_hash = self.hasher.hash(password)
            self.users.replace(user, user.with_renewed_hash(new_hash))
        except errors.UserChanged:
            pass  # the caller checks the user again
        except errors.Unavailable as error:
            log.warning("an outdated hash stays until the next sign-in: %s", error)

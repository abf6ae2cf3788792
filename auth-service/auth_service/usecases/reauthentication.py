"""Asking people who are signed in for their password again (OWASP ASVS 5.0, V7.5)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from auth_service import errors
from auth_service.accounts.hashing import PasswordHasher
from auth_service.guessing.throttle import Throttle
from auth_service.models import SessionRecord, User
from auth_service.storage.ports import Sessions, Users

RECENT_SECONDS = 300
FAILURES = 5


@dataclass(frozen=True)
class Reauthentication:
    """Confirms that the holder of a session knows the password; `clock` returns Unix seconds."""

    users: Users
    sessions: Sessions
    hasher: PasswordHasher
    throttle: Throttle
    clock: Callable[[], float]

    def require_recent(self, session: SessionRecord) -> None:
        """Raise ReauthenticationRequired if the password was entered more than five minutes ago."""
        # A time in the future means that the clock was set back.
        if abs(int(self.clock()) - session.authenticated_at) > RECENT_SECONDS:
            raise errors.ReauthenticationRequired

    def require_entered(self, session: SessionRecord) -> None:
        """Raise ReauthenticationRequired unless the password was entered again in this session.

        The sign-in itself is not enough: whoever has stolen a session just begun may not change
        the password.
        """
        if session.authenticated_at <= session.created_at:
            raise errors.ReauthenticationRequired
        self.require_recent(session)

    def confirm(self, user: User, session: SessionRecord, password: str) -> None:
        """Check the password that a user enters in a session, and record that it was right.

        Raises:
            IncorrectPassword: the password is wrong.
            SessionEnded: too many wrong passwords, or the account was changed meanwhile.
            TooManyAttempts: the user's own devices and sessions have failed too often.
            Busy: too many others wait to be hashed.
            Unavailable: the attempt cannot be counted.
        """
        with self.attempt(user, session):
            if not self.hasher.check(user.password_hash, password, user.password_scheme):
                raise errors.IncorrectPassword

    @contextmanager
    def attempt(self, user: User, session: SessionRecord) -> Iterator[None]:
        """Count a check of the user's password, made in the block, in their session.

        The block raises IncorrectPassword if the password is wrong. Other exceptions do not count
        as failures. A failure is reserved before hashing: of guesses at the same time five are
        checked, and the fifth failure or a sixth guess ends the session. So a stolen token is of no
        use for trying passwords. Raises as `confirm`.
        """
        failures = self.sessions.reserve_failure(session.id, FAILURES)
        if failures is None:
            self._refuse(session)
        try:
            with self.throttle.owner_guess(user):
                yield
                self._require_unchanged(user)
        except errors.IncorrectPassword:
            if failures == FAILURES:
                self._end(session)
            raise
        except errors.AuthServiceError:
            self.sessions.return_failure(session.id)
            raise
        if not self.sessions.confirm(session.id, int(self.clock())):
            raise errors.SessionEnded

    def _require_unchanged(self, user: User) -> None:
        """Raise SessionEnded if the account was changed after the password was read."""
        if not user.is_still(self.users.get(user.id)):
            raise errors.SessionEnded

    def _refuse(self, session: SessionRecord) -> NoReturn:
        """Refuse a check for which no failure can be reserved; perhaps the session has ended."""
        if self.sessions.get(session.id) is None:
            raise errors.SessionEnded
        self._end(session)

    def _end(self, session: SessionRecord) -> NoReturn:
        self.sessions.end(session.id)
        raise errors.TooManyConfirmations

"""Asking those who are signed in for their password once more (OWASP ASVS 5.0, V7.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from auth_service.accounts import Accounts
from auth_service.errors import AuthServiceError, IncorrectPassword, ReauthenticationRequired, SessionEnded
from auth_service.models import SessionRecord, User
from auth_service.session_records import SessionRecords

RECENT_SECONDS = 300
FAILURES = 5


@dataclass(frozen=True)
class Reauthentication:
    """Confirms that the one who holds a session knows its password; `clock` returns Unix seconds."""

    accounts: Accounts
    records: SessionRecords
    clock: Callable[[], float]

    def require_recent(self, record: SessionRecord) -> None:
        """Raise ReauthenticationRequired if the password was entered more than five minutes ago."""
        # A time to come is as bad as one long past: the clock has been set back.
        if abs(int(self.clock()) - record.authenticated_at) > RECENT_SECONDS:
            raise ReauthenticationRequired

    def confirm(self, user: User, record: SessionRecord, password: str) -> None:
        """Check the password; five failures in a row end the session.

        A failure is reserved before hashing. So of guesses at the same time five are checked, and
        the sixth ends the session: a stolen token is no place to try passwords at.

        Raises:
            IncorrectPassword: it is another.
            SessionEnded: by this failure, or meanwhile.
            Busy, Unavailable: it was not checked, which counts as no failure.
        """
        failures = self.records.reserve_failure(record.id, FAILURES)
        if failures is None:
            self._end(record)
        try:
            self.accounts.check_password(user, password)
        except IncorrectPassword:
            if failures == FAILURES:
                self._end(record)
            raise
        except AuthServiceError:
            self.records.return_failure(record.id)
            raise
        if not self.records.confirm(record.id, int(self.clock())):
            raise SessionEnded

    def _end(self, record: SessionRecord) -> NoReturn:
        self.records.end(record.id)
        raise SessionEnded

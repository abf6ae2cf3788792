"""Asking those who are signed in for their password once more (OWASP ASVS 5.0, V7.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from auth_service import errors
from auth_service.models import SessionRecord
from auth_service.storage.sql.sessions import SessionRecords

RECENT_SECONDS = 300
FAILURES = 5

Result = TypeVar("Result")


@dataclass(frozen=True)
class Reauthentication:
    """Confirms that the one who holds a session knows its password; `clock` returns Unix seconds."""

    records: SessionRecords
    clock: Callable[[], float]

    def require_recent(self, record: SessionRecord) -> None:
        """Raise ReauthenticationRequired if the password was entered more than five minutes ago."""
        # A time to come is as bad as one long past: the clock has been set back.
        if abs(int(self.clock()) - record.authenticated_at) > RECENT_SECONDS:
            raise errors.ReauthenticationRequired

    def confirm(self, record: SessionRecord, check: Callable[[], Result]) -> Result:
        """Return what a check of the password does; five failures in a row end the session.

        A failure is reserved before hashing. So of guesses at the same time five are checked, and
        the sixth ends the session: a stolen token is no place to try passwords at.

        Args:
            record: the session that the password is entered in.
            check: raises IncorrectPassword; anything else that it raises counts as no failure.

        Raises:
            SessionEnded: by this failure, or meanwhile.
            AuthServiceError: as `check`.
        """
        failures = self.records.reserve_failure(record.id, FAILURES)
        if failures is None:
            self._end(record)
        try:
            result = check()
        except errors.IncorrectPassword:
            if failures == FAILURES:
                self._end(record)
            raise
        except errors.AuthServiceError:
            self.records.return_failure(record.id)
            raise
        if not self.records.confirm(record.id, int(self.clock())):
            raise errors.SessionEnded
        return result

    def _end(self, record: SessionRecord) -> NoReturn:
        self.records.end(record.id)
        raise errors.TooManyConfirmations

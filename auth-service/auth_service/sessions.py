"""Sessions: opening, renewing, ending."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from auth_service.errors import SessionEnded, SessionLimitReached
from auth_service.models import Caller, SessionRecord, User
from auth_service.session_records import SessionRecords
from auth_service.store import UserStore
from auth_service.tokens import TokenIssuer
from session_contract.tokens import Claims

PURGE_SECONDS = 60
USER_AGENT_LENGTH = 256


@dataclass(frozen=True)
class IssuedSession:
    """A token for a session; `expires_in` is in seconds."""

    token: str
    expires_in: int
    session_id: str


class Sessions:
    """Decides which sessions live. Lengths of time are in seconds."""

    def __init__(
        self,
        records: SessionRecords,
        users: UserStore,
        issuer: TokenIssuer,
        clock: Callable[[], float],
        idle_seconds: int,
        absolute_seconds: int,
    ) -> None:
        self._records = records
        self._users = users
        self._issuer = issuer
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._absolute_seconds = absolute_seconds
        self._purge_at = 0

    def open(self, user: User, caller: Caller) -> IssuedSession:
        """Open a session for a user whose password was just checked.

        Its generation is that of the record whose hash was checked, so that a change in the
        meantime kills it. Raises Unavailable.
        """
        now = int(self._clock())
        self._purge(now)
        record = SessionRecord(
            id=secrets.token_urlsafe(16),
            user_id=user.id,
            generation=user.generation,
            created_at=now,
            renewed_at=now,
            ends_at=now + self._absolute_seconds,
            client_address=caller.address,
            user_agent=caller.user_agent[:USER_AGENT_LENGTH],
        )
        self._records.create(record)
        return self._issue(user, record)

    def current(self, claims: Claims) -> tuple[User, SessionRecord]:
        """Return the user and the record behind a verified token.

        Raises:
            SessionEnded: ended, or the account disabled, deleted or of another generation.
            Unavailable: the session store does not answer.
        """
        user = self._users.get(claims.user_id)
        record = self._records.get(claims.session_id)
        if (
            user is None
            or user.disabled
            or record is None
            or (record.user_id, record.generation) != (user.id, user.generation)
        ):
            raise SessionEnded
        return user, record

    def renew(self, claims: Claims) -> IssuedSession:
        """Prolong the session behind a verified token.

        Raises:
            SessionLimitReached: its absolute limit has come.
            SessionEnded: as `current`.
            Unavailable: the session store does not answer.
        """
        now = int(self._clock())
        user = self._users.get(claims.user_id)
        if user is None or user.disabled:
            raise SessionEnded
        record = self._records.renew(claims.session_id, user.id, user.generation, now, self._idle_seconds)
        if record is None:
            _, record = self.current(claims)
            raise SessionLimitReached if record.ends_at <= now else SessionEnded
        return self._issue(user, record)

    def end(self, claims: Claims) -> None:
        """End the session for good; on disk when this returns. Raises Unavailable."""
        self._records.end(claims.session_id)

    def _issue(self, user: User, record: SessionRecord) -> IssuedSession:
        token, claims = self._issuer.issue(user, record)
        return IssuedSession(token, claims.expires_at - claims.issued_at, record.id)

    def _purge(self, now: int) -> None:
        if now >= self._purge_at:
            self._purge_at = now + PURGE_SECONDS
            self._records.purge(now, self._idle_seconds)

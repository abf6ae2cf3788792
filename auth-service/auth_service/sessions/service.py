"""Sessions: opening, renewing, ending."""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from auth_service import errors
from auth_service.models import Account, ActiveSession, SessionRecord, User
from auth_service.sessions.tokens import TokenIssuer
from auth_service.storage.ports import Sessions, Users
from session_contract.callers import Caller
from session_contract.tokens import Claims

PURGE_SECONDS = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IssuedSession:
    """A token for a session; `expires_in` is in seconds."""

    token: str
    expires_in: int
    session_id: str


@dataclass(frozen=True)
class OwnedSession:
    """A live session and its user."""

    user: User
    record: SessionRecord


class SessionService:
    """Decides which sessions are alive."""

    def __init__(
        self,
        records: Sessions,
        users: Users,
        issuer: TokenIssuer,
        clock: Callable[[], float],
        idle_seconds: int,
        absolute_seconds: int,
    ) -> None:
        """Build the service; `clock` returns Unix seconds."""
        self.records = records
        self._users = users
        self._issuer = issuer
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._absolute_seconds = absolute_seconds
        self._purge_at = 0

    def open(
        self, user: User, caller: Caller, wrong_so_far: int, *, has_new_password: bool = False
    ) -> IssuedSession:
        """Open a session for a user whose password was just checked, or set with the account.

        It takes the generation of the record whose hash was checked, so that a change meanwhile
        ends it. `wrong_so_far` is the throttle's count for the user. Raises Unavailable.
        """
        record = self._new_record(user, caller)
        if has_new_password:
            record = replace(record, password_set_at=record.created_at)
        return self._issue(user, self.records.sign_in(record, wrong_so_far, self._idle_seconds))

    def reopen(
        self,
        user: User,
        before: SessionRecord,
        caller: Caller,
        *,
        has_new_password: bool,
    ) -> IssuedSession:
        """Open a session for a user with a new password or name, in the place of the one before.

        This is no sign-in: the new session keeps the facts about the sign-in before the first one.
        Wrong passwords are no longer told if a new password answers them. Raises Unavailable.
        """
        record = replace(
            self._new_record(user, caller),
            previous_at=before.previous_at,
            previous_user_agent=before.previous_user_agent,
            wrong_passwords=before.wrong_passwords,
            password_set_at=before.password_set_at,
        )
        if has_new_password:
            record = replace(record, wrong_passwords=0, password_set_at=record.created_at)
        self.records.create(record)
        # All other sessions end with their generation.
        return self._issue(user, ActiveSession(record, live_sessions=1))

    def current(self, claims: Claims) -> tuple[User, SessionRecord]:
        """Return the user and the record behind a verified token.

        Raises:
            SessionEnded: it ended, or the account is disabled, deleted or of another generation.
            Unavailable: the session store does not answer.
        """
        user = self._users.get(claims.user_id)
        record = self.records.get(claims.session_id)
        if user is None or user.disabled or record is None:
            raise errors.SessionEnded
        if record.user_id != user.id or record.generation != user.generation:
            raise errors.SessionEnded
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
            raise errors.SessionEnded
        active = self.records.renew(claims.session_id, user, now, self._idle_seconds)
        if active is None:
            _, record = self.current(claims)
            raise errors.SessionLimitReached if record.ends_at <= now else errors.SessionEnded
        return self._issue(user, active)

    def live(self, user: User) -> list[SessionRecord]:
        """Return the user's live sessions, the one used last first. Raises Unavailable."""
        return self.records.live(user, int(self._clock()), self._idle_seconds)

    def live_of_all(self) -> list[OwnedSession]:
        """Return the live sessions of all users, the one used last first. Raises Unavailable."""
        owners = {Account.of(user): user for user in self._users.all()}
        owned = []
        for record in self.records.unexpired(int(self._clock()), self._idle_seconds):
            owner = owners.get(Account(record.user_id, record.generation))
            if owner is not None:
                owned.append(OwnedSession(owner, record))
        return owned

    def live_counts(self) -> dict[Account, int]:
        """Return how many unexpired sessions each account has that has any. Raises Unavailable.

        Those of a user's present account are the live ones.
        """
        return self.records.count_unexpired(int(self._clock()), self._idle_seconds)

    def find(self, user: User, session_id: str) -> SessionRecord:
        """Return one of the user's live sessions. Raises UnknownSession, Unavailable."""
        for record in self.live(user):
            if record.id == session_id:
                return record
        raise errors.UnknownSession

    def end(self, session_id: str) -> None:
        """End the session; this is on disk when the method returns. Raises Unavailable."""
        self.records.end(session_id)

    def abandon(self, session_id: str) -> None:
        """End a session that was opened for a change that could not be stored."""
        with suppress(errors.Unavailable):
            self.end(session_id)

    def end_all_of(self, user: User) -> None:
        """End all sessions of the user; this is on disk when the method returns."""
        self.records.end_all_of(user.id)

    def forget(self, user: User) -> None:
        """End the sessions of a user who is not stored, and delete the facts about the account."""
        with suppress(errors.Unavailable):
            self.records.forget(user.id)

    def end_others(self, record: SessionRecord) -> None:
        """End all sessions of the user but this one. Raises Unavailable."""
        self.records.end_others(record.user_id, record.id)

    def clear_away(self, user: User) -> None:
        """Delete the sessions of a user who has the next generation by now.

        They have ended already, so nothing depends on this, and `purge` would delete them later.
        """
        try:
            self.records.end_generation(user.id, user.generation)
        except errors.Unavailable as error:
            log.warning("dead sessions are cleared away later: %s", error)

    def _new_record(self, user: User, caller: Caller) -> SessionRecord:
        now = int(self._clock())
        self._purge(now)
        return SessionRecord(
            id=secrets.token_urlsafe(16),
            user_id=user.id,
            generation=user.generation,
            created_at=now,
            renewed_at=now,
            ends_at=now + self._absolute_seconds,
            client_address=caller.address,
            user_agent=caller.user_agent,
            authenticated_at=now,
        )

    def _issue(self, user: User, active: ActiveSession) -> IssuedSession:
        token, claims = self._issuer.issue(user, active)
        return IssuedSession(token, claims.expires_at - claims.issued_at, claims.session_id)

    def _purge(self, now: int) -> None:
        if now >= self._purge_at:
            self._purge_at = now + PURGE_SECONDS
            # Keep them a while, so that a renewal at the limit can say so instead of "ended".
            self.records.purge(now - PURGE_SECONDS, self._idle_seconds)

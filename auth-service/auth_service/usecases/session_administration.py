"""Seeing and ending the sessions of all users, for operators."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.models import User
from auth_service.sessions.service import OwnedSession, SessionService
from auth_service.storage.ports import Users
from auth_service.usernames import canonical_username

SHORTEST_ID = 8
"""Characters. The audit log and the list of sessions show as many of an id."""


@dataclass(frozen=True)
class SessionAdministration:
    """Finds and ends live sessions. Every method raises Unavailable."""

    users: Users
    sessions: SessionService

    def live(self, user: User | None = None) -> list[OwnedSession]:
        """Return the live sessions of a user, or of all; the one used last first."""
        if user is None:
            return self.sessions.live_of_all()
        return [OwnedSession(user, record) for record in self.sessions.live(user)]

    def find(self, target: str) -> User | OwnedSession:
        """Return the user with this name, or the live session whose id begins with this text.

        Raises:
            NoSingleMatch: there is nothing of that kind, or more than one.
        """
        user = self.users.find(canonical_username(target))
        sessions = self._beginning_with(target)
        if user is not None and not sessions:
            return user
        if user is None and len(sessions) == 1:
            return sessions[0]
        raise errors.NoSingleMatch(_problem(target, user, sessions))

    def end(self, session: OwnedSession) -> None:
        """End one session; this is on disk when the method returns."""
        self.sessions.end(session.record.id)

    def end_all_of(self, user: User) -> int:
        """End all sessions of a user, and return how many were live."""
        live = self.sessions.live(user)
        self.sessions.end_all_of(user)
        return len(live)

    def _beginning_with(self, text: str) -> list[OwnedSession]:
        if len(text) < SHORTEST_ID:
            return []
        return [owned for owned in self.live() if owned.record.id.startswith(text)]


def _problem(target: str, user: User | None, sessions: list[OwnedSession]) -> str:
    if not sessions:
        return (
            f"there is no user named {target!r}, and no live session whose id begins with it; "
            f"type at least {SHORTEST_ID} characters of an id"
        )
    if user is None:
        return f"the ids of {len(sessions)} sessions begin with {target!r}; type more of the id"
    return f"{target!r} is the name of a user and begins the id of a session; type more of the id"

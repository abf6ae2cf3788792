"""Deleting one's own account."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.models import SessionRecord, User
from auth_service.sessions.service import SessionService
from auth_service.storage.ports import Users
from auth_service.usecases.reauthentication import Reauthentication


@dataclass(frozen=True)
class AccountEnd:
    """Deletes the account of people who are signed in."""

    users: Users
    sessions: SessionService
    reauthentication: Reauthentication

    def delete(self, user: User, session: SessionRecord, password: str) -> None:
        """Delete the account and all of its sessions; the name is free at once.

        Raises:
            IncorrectPassword, TooManyAttempts, Busy, Unavailable: nothing was deleted.
            SessionEnded: too many wrong passwords, or the account was changed, disabled or deleted
                at the same time.
        """
        self.reauthentication.confirm(user, session, password)
        try:
            self.users.remove(user)
        except errors.UserChanged:
            raise errors.SessionEnded from None

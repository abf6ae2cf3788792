"""Changing one's own display name."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.display_names import display_name_problems, normal_display_name
from auth_service.models import User
from auth_service.sessions.service import IssuedSession, SessionService
from auth_service.storage.ports import Users
from session_contract.tokens import Claims


@dataclass(frozen=True)
class DisplayNameChange:
    """Changes the display name of people who are signed in."""

    users: Users
    sessions: SessionService

    def change(self, user: User, claims: Claims, text: str) -> IssuedSession:
        """Store a display name ("" removes it), and return a new token that carries it.

        Raises:
            InvalidFields: the name breaks a rule.
            SessionEnded: the account was changed in a way that ends sessions, or deleted.
            Busy, Unavailable: nothing was changed.
        """
        problems = display_name_problems(text)
        if problems:
            raise errors.InvalidFields({"display_name": problems})
        changed = user.with_display_name(normal_display_name(text))
        try:
            self.users.replace(user, changed)
        except errors.UserChanged:
            raise errors.SessionEnded from None
        return self.sessions.renew(claims)

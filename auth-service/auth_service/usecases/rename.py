"""Changing one's own user name."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.passwords import repeats_username
from auth_service.models import SessionRecord, User
from auth_service.storage.ports import Users
from auth_service.usecases.new_generation import NewGeneration
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.signing_in import SignedIn
from auth_service.usernames import (
    MOST_FORMER_USERNAMES,
    USERNAME,
    USERNAME_RULE,
    canonical_username,
)
from session_contract.callers import Caller


@dataclass(frozen=True)
class Rename:
    """Changes the user name of people who are signed in, where that is allowed."""

    users: Users
    reauthentication: Reauthentication
    new_generation: NewGeneration
    is_allowed: bool

    def require_allowed(self) -> None:
        """Raise RenameOff if people cannot change their user names."""
        if not self.is_allowed:
            raise errors.RenameOff

    def change(
        self,
        user: User,
        session: SessionRecord,
        username: str,
        password: str,
        caller: Caller,
    ) -> SignedIn:
        """Change the user name. Every older session ends, and a new one is opened.

        The old name opens nothing any more. It stays reserved for this user, who may go back to it.

        Raises:
            RenameOff: people cannot change their user names.
            InvalidFields: the name breaks a rule. The password was checked, too: if it is wrong, it
                is among the errors.
            IncorrectPassword: the password is wrong.
            UsernameTaken: another account has or had the name, without regard to case.
            SessionEnded: too many wrong passwords, or the account was changed, disabled or deleted
                at the same time.
            TooManyAttempts, Busy, Unavailable: nothing was changed.
        """
        self.require_allowed()
        changed = user.with_username(username, canonical_username(username))
        problems = _problems(user, changed, password)
        self._check_password(user, session, password, problems)
        if problems:
            raise errors.InvalidFields(problems)
        holder = self.users.holder(changed.canonical)
        if holder is not None and holder.id != user.id:
            raise errors.UsernameTaken
        return self.new_generation.begin(user, changed, session, caller, has_new_password=False)

    def _check_password(
        self, user: User, session: SessionRecord, password: str, problems: dict[str, list[str]]
    ) -> None:
        try:
            self.reauthentication.confirm(user, session, password)
        except errors.IncorrectPassword:
            if not problems:
                raise
            problems["password"] = ["Incorrect password."]


def _problems(user: User, changed: User, password: str) -> dict[str, list[str]]:
    """Return what is wrong with the new name, by field."""
    problem = ""
    if not USERNAME.fullmatch(changed.username):
        problem = USERNAME_RULE
    elif changed.username == user.username:
        problem = "This is your username already. Choose another."
    elif len(changed.former_usernames) > MOST_FORMER_USERNAMES:
        problem = "You have had too many usernames. Go back to one of them, or ask the operator."
    elif repeats_username(password, changed.canonical):
        problem = "Your password is this username or repeats it. Choose another username."
    return {"username": [problem]} if problem else {}

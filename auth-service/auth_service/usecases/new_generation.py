"""Changes of the own account that end all sessions and open a new one."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.models import SessionRecord, User
from auth_service.storage.ports import Users
from auth_service.usecases.signing_in import SignedIn, SigningIn
from session_contract.callers import Caller


@dataclass(frozen=True)
class NewGeneration:
    """Stores a user of the next generation, with a session for whoever changed the account."""

    users: Users
    signing_in: SigningIn

    def begin(
        self,
        user: User,
        changed: User,
        session: SessionRecord,
        caller: Caller,
        *,
        has_new_password: bool,
    ) -> SignedIn:
        """Store `changed` in the place of `user`. Every older session ends, and a new one begins.

        Raises:
            SessionEnded: the account was changed, disabled or deleted at the same time.
            UsernameTaken: another account has or had the new name.
            Busy, Unavailable: nothing was changed.
        """
        # The session comes first. It is worth nothing until the user has its generation, so no
        # 503 follows on a change that was made.
        signed_in = self.signing_in.reopen_session(
            changed, session, caller, has_new_password=has_new_password
        )
        try:
            self.users.replace(user, changed)
        except errors.AuthServiceError as error:
            self.signing_in.sessions.abandon(signed_in.session.session_id)
            if isinstance(error, errors.UserChanged):
                raise errors.SessionEnded from None
            raise
        self.signing_in.sessions.clear_away(user)
        return signed_in

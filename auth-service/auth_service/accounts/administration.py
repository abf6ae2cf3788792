"""What operators do with other people's accounts."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.service import Accounts, Change, next_generation
from auth_service.models import User
from auth_service.storage.users_json.codec import canonical_username
from auth_service.storage.users_json.store import UserStore
from auth_service.storage.users_json.user_index import Draft


@dataclass(frozen=True)
class Administration:
    """Finds accounts by user name, without regard to case."""

    accounts: Accounts

    def add(self, username: str, password: str) -> User:
        """Make an account, whether or not people may register. Raises as `Accounts.prepare` and `save`."""
        user = self.accounts.prepare(username, password)
        self.accounts.save(user)
        return user

    def set_password(self, username: str, password: str) -> User:
        """Give a user a new password; all their sessions end.

        Raises:
            InvalidFields, UnknownUser, Busy, Unavailable: nothing was changed.
        """
        if problems := self.accounts.policy.problems(password, canonical_username(username)):
            raise errors.InvalidFields({"password": problems})
        new_hash = self.accounts.hasher.hash(password)
        return self._change(username, lambda user: next_generation(user, password_hash=new_hash))

    def unlock(self, username: str) -> User:
        """Let strangers and owner guess from zero again. Raises UnknownUser, Unavailable."""
        user = self.known(username, self.accounts.store)
        self.accounts.throttle.unlock(user)
        return user

    def disable(self, username: str) -> User:
        """Refuse the user from now on; all their sessions end. Raises UnknownUser, Unavailable."""
        return self._change(username, lambda user: next_generation(user, disabled=True))

    def enable(self, username: str) -> User:
        """Let a disabled user sign in again. Raises UnknownUser, Unavailable."""
        return self._change(username, lambda user: next_generation(user, disabled=False))

    def remove(self, username: str) -> User:
        """Delete the account; all its sessions end. Raises UnknownUser, Unavailable."""
        return self._change(username, lambda _user: None)

    def known(self, username: str, users: UserStore | Draft) -> User:
        """Return the user of that name. Raises UnknownUser."""
        user = users.find(canonical_username(username))
        if user is None:
            raise errors.UnknownUser(f"there is no user named {username!r}")
        return user

    def _change(self, username: str, change: Change) -> User:
        def apply(draft: Draft) -> User:
            user = self.known(username, draft)
            draft.put(user, change(user))
            return user

        return self.accounts.store.write(apply)

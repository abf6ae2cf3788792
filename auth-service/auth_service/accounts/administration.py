"""Changes of accounts by operators."""

from dataclasses import dataclass

from auth_service import errors
from auth_service.accounts.creation import NewAccount, NewAccounts
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.password_times import PasswordTimes
from auth_service.accounts.passwords import PasswordPolicy
from auth_service.models import Account, User
from auth_service.storage.ports import Guesses, Users
from auth_service.usernames import canonical_username


@dataclass(frozen=True)
class Administration:
    """Finds accounts by user name, without regard to case.

    Every change raises NoSingleMatch, Unavailable, and UserChanged if somebody else changes the
    account at the same moment. Then nothing was changed.
    """

    users: Users
    guesses: Guesses
    new_accounts: NewAccounts
    policy: PasswordPolicy
    hasher: PasswordHasher
    password_times: PasswordTimes

    def find(self, username: str) -> User:
        """Return the user of that name. Raises NoSingleMatch if there is none."""
        canonical = canonical_username(username)
        user = self.users.find(canonical)
        if user is not None:
            return user
        problem = f"there is no user named {username!r}"
        holder = self.users.holder(canonical)
        if holder is not None:
            problem += f"; it is a former name of {holder.username!r}"
        raise errors.NoSingleMatch(problem)

    def require_free(self, username: str) -> None:
        """Raise InvalidFields or UsernameTaken if no new account can have this user name."""
        self.new_accounts.require_free(username)

    def add(self, username: str, password: str) -> User:
        """Make an account, whether or not people may register. Raises as `NewAccounts.prepare`."""
        user = self.new_accounts.prepare(NewAccount(username, password))
        self.users.add(user)
        self.password_times.record(user)
        return user

    def set_password(self, username: str, password: str) -> User:
        """Give a user a new password; their sessions end. Raises InvalidFields and Busy, too."""
        problems = self.policy.problems(password, canonical_username(username))
        if problems:
            raise errors.InvalidFields({"password": problems})
        self.find(username)
        new_hash = self.hasher.hash(password)
        user = self.find(username)
        changed = self._replace(user, user.with_password(new_hash))
        self.password_times.record(changed)
        return changed

    def unlock(self, username: str) -> User:
        """Set the counts of the account's wrong passwords to zero."""
        user = self.find(username)
        self.guesses.reset(Account.of(user))
        return user

    def disable(self, username: str) -> User:
        """Keep the user out; all their sessions end."""
        user = self.find(username)
        return self._replace(user, user.disabled_now())

    def enable(self, username: str) -> User:
        """Let a disabled user sign in again."""
        user = self.find(username)
        return self._replace(user, user.enabled_now())

    def remove(self, user: User) -> None:
        """Delete the account that `find` returned; all its sessions end."""
        self.users.remove(user)

    def _replace(self, user: User, changed: User) -> User:
        self.users.replace(user, changed)
        return changed

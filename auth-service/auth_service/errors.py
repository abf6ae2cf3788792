"""What can go wrong, as exceptions that carry data; http_errors.py turns them into answers."""

from collections.abc import Mapping


class AuthServiceError(Exception):
    """Base of what callers of this service are told."""


class InvalidFields(AuthServiceError):
    """Fields that break a rule: name to messages."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("some fields are not acceptable")
        self.errors = dict(errors)


class UsernameTaken(AuthServiceError):
    """Another account has this user name, without regard to case."""


class UserChanged(AuthServiceError):
    """The account was changed, or removed, since it was read."""


class UnknownUser(AuthServiceError):
    """No account has this user name (told to operators only)."""


class InvalidCredentials(AuthServiceError):
    """Wrong user name, wrong password or a disabled account; which one is not said."""


class TryLater(AuthServiceError):
    """It may be had later: `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TooManyAttempts(TryLater):
    """Too many guesses at this account have failed."""


class RegistrationClosed(AuthServiceError):
    """New accounts are made by an operator."""


class SessionEnded(AuthServiceError):
    """The session was ended, or its account disabled, deleted or of another generation."""


class TooManyConfirmations(SessionEnded):
    """The session was ended because the password was entered wrongly too often."""


class SessionLimitReached(AuthServiceError):
    """The session has come to its absolute limit."""


class UnknownSession(AuthServiceError):
    """The user has no live session of that id."""


class ReauthenticationRequired(AuthServiceError):
    """The password was entered too long ago for what is asked."""


class IncorrectPassword(AuthServiceError):
    """Somebody who is signed in entered a wrong password."""


class Unauthenticated(AuthServiceError):
    """No session token of ours came with the request."""


class Unavailable(TryLater):
    """Something that the answer needs cannot be had now."""


class Busy(Unavailable):
    """All hashing slots are taken and the queue is full or too slow."""

"""The exceptions of this service, with their data; api/problems.py has the status of each.

A refusal holds its message for people (`detail`) and, where it is a security event, the name of
that event in OWASP's logging vocabulary (`audit_event`).
"""

from collections.abc import Mapping
from typing import ClassVar

from session_contract.tokens import Claims


class AuthServiceError(Exception):
    """Base of all exceptions of this service."""


class UserChanged(AuthServiceError):
    """The account was changed, or removed, since it was read."""


class NoSingleMatch(AuthServiceError):
    """What an operator typed names no account or session, or more than one."""


class UsersFileError(AuthServiceError):
    """A text is not a valid users.json; `line` and `column` count from 1."""

    def __init__(self, problem: str, line: int, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.line = line
        self.column = column


class Refusal(AuthServiceError):
    """Base of the errors that callers of the API see."""

    detail: str
    audit_event: ClassVar[str | None] = None


class UnreadableBody(Refusal):
    """Base of the errors in the form of a body; `detail` may say what exactly is wrong."""

    audit_event = "input_validation_fail"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)


class MalformedJson(UnreadableBody):
    """The body is not JSON, or an object in it has the same key twice."""

    detail = "The body is not JSON. Send a JSON object in UTF-8."


class UnsupportedMediaType(UnreadableBody):
    """The body is not declared as application/json in UTF-8, or it is compressed."""

    detail = "The content type is not supported. Send application/json."


class ContentTooLarge(UnreadableBody):
    """The body has more bytes than any body of this API needs."""

    detail = "The body is larger than 16 KB."


class InvalidFields(Refusal):
    """Some fields break a rule; `errors` maps names to messages."""

    detail = "Some fields are not acceptable."
    audit_event = "input_validation_fail"

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(self.detail)
        self.errors = dict(errors)


class UsernameTaken(Refusal):
    """Another account has this user name, or had it before, without regard to case."""

    detail = "This username is taken. Choose another."


class RegistrationClosed(Refusal):
    """New accounts are made by an operator."""

    detail = "Registration is closed. Ask the operator for an account."
    audit_event = "authz_fail"


class RenameOff(Refusal):
    """People cannot change their user names."""

    detail = "Usernames cannot be changed here. Ask the operator."
    audit_event = "authz_fail"


class InvalidCredentials(Refusal):
    """The user name or password is wrong, or the account is disabled; it does not say which."""

    detail = "Incorrect username or password."
    audit_event = "authn_login_fail"


class IncorrectPassword(Refusal):
    """The password entered in a session is wrong."""

    detail = "The password is not correct."
    audit_event = "authn_login_fail"


class IncorrectCurrentPassword(IncorrectPassword):
    """The current password sent with a new one is wrong."""

    audit_event = "authn_password_change_fail"


class ReauthenticationRequired(Refusal):
    """The password was entered too long ago for this request."""

    detail = "Confirm your password first."
    audit_event = "authz_fail"


class Unauthenticated(Refusal):
    """No session token came with the request."""

    detail = "Send a session token."
    audit_event = "authz_fail"


class UnusableToken(Refusal):
    """The session token is not ours, malformed or expired."""

    detail = "The session token is not valid. Sign in again."


class TokenForeign(UnusableToken):
    """The token names no key of ours."""

    audit_event = "authz_fail"


class TokenInvalid(UnusableToken):
    """The token names a key of ours, but it is forged or malformed."""

    audit_event = "malicious_extraneous"


class TokenExpired(UnusableToken):
    """The token was ours but has expired; `claims` are its claims."""

    audit_event = "session_use_after_expire"

    def __init__(self, claims: Claims) -> None:
        super().__init__(self.detail)
        self.claims = claims


class SessionEnded(Refusal):
    """The session was ended, or its account disabled, deleted or of another generation."""

    detail = "This session has ended. Sign in again."
    audit_event = "session_use_after_expire"


class TooManyConfirmations(SessionEnded):
    """The session was ended after too many wrong passwords."""

    audit_event = "authn_login_lock"


class SessionLimitReached(Refusal):
    """The session has reached its absolute limit."""

    detail = "This session has reached its time limit. Sign in again."
    audit_event = "session_use_after_expire"


class UnknownAddress(Refusal):
    """The API has no call at this address."""

    detail = "There is nothing at this address."


class UnknownSession(Refusal):
    """The user has no live session with that id."""

    detail = "There is nothing at this address."
    audit_event = "authz_fail"


class MethodNotAllowed(Refusal):
    """The address takes other methods; `allowed` is the header Allow."""

    detail = "This address does not take that method."

    def __init__(self, allowed: str = "") -> None:
        super().__init__(self.detail)
        self.allowed = allowed


class BadRequest(Refusal):
    """The request as a whole is malformed; `status` is the kind of error, usually 400."""

    detail = "The request cannot be understood."

    def __init__(self, status: int = 400) -> None:
        super().__init__(self.detail)
        self.status = status


class WrongCredential(Refusal):
    """The program that passed the request on sent a wrong credential in `header`."""

    detail = "The gateway's credential is wrong. Ask the operator to check the configuration."
    audit_event = "malicious_extraneous"

    def __init__(self, header: str) -> None:
        super().__init__(self.detail)
        self.header = header


class InternalServerError(Refusal):
    """Something unforeseen; its cause is in the log."""

    detail = "Something went wrong here. Try again in a moment."
    audit_event = "sys_crash"


class TryLater(Refusal):
    """Base of refusals that pass: `retry_after` is in seconds, the reason is for the log."""

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TooManyAttempts(TryLater):
    """Too many guesses at this account have failed."""

    detail = "Too many wrong passwords in a row. Try again later."
    audit_event = "authn_login_lock"


class Unavailable(TryLater):
    """A part that the answer needs is not available now."""

    detail = "This cannot be done at the moment. Try again shortly."


class Busy(Unavailable):
    """Too many others wait, for a hash or to be stored."""

    detail = "Too many requests at once. Try again shortly."

"""What auth-service answers, understood as a whole or as a typed error."""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ValidationError


class AuthServiceError(Exception):
    """The call was not answered with what was asked for. `retry_after` is in seconds."""

    retry_after = 5


class Unreachable(AuthServiceError):
    """No HTTP answer came: no connection, a broken one, or the deadline."""


class Unavailable(AuthServiceError):
    """An answer came that is of no use, such as a 503."""

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(AuthServiceError):
    """The call was understood and refused: `status` and problem `code`, messages by field."""

    def __init__(
        self, status: int, code: str, errors: dict[str, list[str]], retry_after: int
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after = retry_after


class _Answer(BaseModel):
    """What auth-service answers, read strictly."""

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return what a body says. Raises Unavailable if it is something else."""
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise Unavailable("auth-service sent an answer that is not understood") from None


class Issued(_Answer):
    """A session token as auth-service issues it; a new session comes with a device token too."""

    token: str
    token_type: Literal["Bearer"]
    expires_in: int
    session_id: str
    device_token: str = ""


class LiveSession(BaseModel):
    """One of the places where somebody is signed in; `current` is the one that asked."""

    id: str
    created_at: AwareDatetime
    renewed_at: AwareDatetime
    client_address: str
    user_agent: str
    current: bool


class Sessions(_Answer):
    """Where somebody is signed in."""

    sessions: list[LiveSession]


class Registered(_Answer):
    """A new account with its first session."""

    session: Issued


class Ready(_Answer):
    """Auth-service can serve."""

    status: Literal["ok"]


class Problem(_Answer):
    """Why a call was refused (RFC 9457)."""

    type: str
    errors: dict[str, list[str]] = {}

"""The answers of auth-service, and errors for all other outcomes."""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError


class AuthServiceError(Exception):
    """The call did not succeed. `retry_after` is in seconds."""

    retry_after = 5


class Unreachable(AuthServiceError):
    """No HTTP answer came: there was no connection, it broke, or the deadline passed."""


class Unavailable(AuthServiceError):
    """An answer came that cannot be used, such as a 503."""

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
    """Base of the answers, which are read strictly."""

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Read a body. Raises Unavailable if it is not such an answer."""
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
    """A live session of a user; `current` is the session of this call."""

    id: str
    created_at: AwareDatetime
    renewed_at: AwareDatetime
    client_address: str
    user_agent: str
    current: bool


class Sessions(_Answer):
    """The live sessions of a user."""

    sessions: list[LiveSession]


class PersonalData(_Answer):
    """Everything that auth-service keeps about a user."""

    account: dict[str, JsonValue]
    sign_ins: dict[str, JsonValue]
    sessions: list[dict[str, JsonValue]]
    devices: list[dict[str, JsonValue]]


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

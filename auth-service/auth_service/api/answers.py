"""The bodies of answers, from which the OpenAPI document is generated too."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from auth_service.models import SessionRecord, User
from auth_service.sessions.service import IssuedSession
from auth_service.usecases.signing_in import SignedIn
from auth_service.usernames import USERNAME
from session_contract.tokens import MAX_TOKEN_LENGTH

# It has the claims of a session token; its signature is made up, so no service accepts it.
EXAMPLE_JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImRvb3J3YXJkLXNlc3Npb24rand0Iiwia2lkIjoiVnEza1QweEptOGMifQ."
    "eyJpc3MiOiJkb29yd2FyZC1hdXRoLXNlcnZpY2UiLCJhdWQiOiJkb29yd2FyZCIsInN1YiI6IjhkMWY0YzBhN2JlMj"
    "kzNWY2MGE0ZDdjMSIsInByZWZlcnJlZF91c2VybmFtZSI6IkFsaWNlIiwic2lkIjoicFQ0dldtMGNReDJ1Ums5WmJF"
    "N2FoZyIsImp0aSI6Im41WXcwdEdkM0txTHg4QnoiLCJpYXQiOjE3OTUzNDE2MDAsImF1dGhfdGltZSI6MTc5NTM0MT"
    "YwMCwiZXhwIjoxNzk1MzQzNDAwfQ."
    "this-signature-is-made-up-and-opens-nothing"
)


def _without_default(schema: JsonDict) -> None:
    del schema["default"]


UserId = Annotated[
    str,
    Field(
        description="The id of the account, which never changes. It has no meaning of its own.",
        min_length=1,
        examples=["8d1f4c0a7be2935f60a4d7c1"],
    ),
]
Username = Annotated[
    str,
    Field(
        description="The user name as it was registered.",
        pattern=f"^{USERNAME.pattern}$",
        examples=["Alice"],
    ),
]
SessionId = Annotated[
    str,
    Field(
        description="The id of the session. It cannot be used to sign in.",
        min_length=1,
        max_length=64,
        examples=["pT4vWm0cQx2uRk9ZbE7ahg"],
    ),
]
Time = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(examples=["2026-11-22T10:00:00Z"]),
]


class Answer(BaseModel):
    """Base of all answers. They may gain members, so clients must ignore unknown ones."""


class Issued(Answer):
    """A token for a session."""

    token: str = Field(
        description="Send it as `Authorization: Bearer …`. Whoever has it can act as the user, so "
        "keep it secret.",
        max_length=MAX_TOKEN_LENGTH,
        pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$",
        examples=[EXAMPLE_JWT],
    )
    token_type: Literal["Bearer"] = Field("Bearer", examples=["Bearer"])
    expires_in: int = Field(
        description="Seconds from now until the token expires: 1,800 by default, less where the "
        "limit of 12 hours after the sign-in comes first.",
        examples=[1800],
        json_schema_extra={"minimum": 1},
    )
    session_id: SessionId

    @classmethod
    def of(cls, issued: IssuedSession) -> "Issued":
        """Describe a session that was just renewed."""
        return cls(**asdict(issued))


class NewSession(Issued):
    """A token for a session that was just opened, and one for the device."""

    device_token: str = Field(
        description="Makes this device known for a year after its last use. Keep it, and send it "
        "with the next sign-in. It cannot be used to sign in and holds no name. If you sent one "
        "that is known for the user, it comes back; otherwise it is new.",
        pattern=r"^[A-Za-z0-9_-]{43}$",
        examples=["Zm9yLXRoZS1leGFtcGxlLW9ubHktbm90LWEtdG9rZW4"],
    )

    @classmethod
    def of_sign_in(cls, signed_in: SignedIn) -> "NewSession":
        """Describe a session that was just opened."""
        return cls(**asdict(signed_in.session), device_token=signed_in.device_token)


class NewUser(Answer):
    """An account that was just made."""

    id: UserId
    username: Username
    display_name: str = Field(
        description="The name with which the user is greeted; empty if there is none.",
        examples=["Alice A."],
    )
    created_at: Time = Field(description="When the account was made, in UTC.")
    session: NewSession | SkipJsonSchema[None] = Field(
        None,
        description='With `"sign_in": true` only.',
        json_schema_extra=_without_default,
    )

    @classmethod
    def of(cls, user: User, session: NewSession | None = None) -> "NewUser":
        """Describe an account that was just made."""
        return cls(
            id=user.id,
            username=user.username,
            display_name=user.display_name,
            created_at=user.created_at,
            session=session,
        )


class UserFacts(Answer):
    """A user."""

    id: UserId
    username: Username


class Session(Answer):
    """A session. Times are in UTC, to the second."""

    id: SessionId
    created_at: Time = Field(description="When the user signed in.")
    renewed_at: Time = Field(
        description="When it was last prolonged.", examples=["2026-11-22T10:10:00Z"]
    )
    ends_at: Time = Field(
        description="When it ends at the latest: by default 12 hours (43,200 seconds) after "
        "`created_at`.",
        examples=["2026-11-22T22:00:00Z"],
    )
    client_address: str = Field(
        description="The IP address that signed in.", max_length=64, examples=["203.0.113.7"]
    )
    user_agent: str = Field(
        description="The User-Agent that signed in, cut after 256 characters.",
        max_length=256,
        examples=["curl/8.14.1"],
    )

    @classmethod
    def of(cls, record: SessionRecord) -> "Session":
        """Describe a session to its user."""
        return cls(**_session_fields(record))


class CurrentSession(Answer):
    """A user and the session that the token belongs to."""

    user: UserFacts
    session: Session

    @classmethod
    def of(cls, user: User, record: SessionRecord) -> "CurrentSession":
        """Describe a session and its user."""
        facts = UserFacts(id=user.id, username=user.username)
        return cls(user=facts, session=Session.of(record))


class ListedSession(Session):
    """A session in the list of a user's sessions."""

    current: bool = Field(description="Whether it is the session of this call.", examples=[True])

    @classmethod
    def of_list(cls, record: SessionRecord, current: SessionRecord) -> "ListedSession":
        """Describe one of a user's sessions."""
        return cls(**_session_fields(record), current=record.id == current.id)


class SessionList(Answer):
    """The live sessions of a user."""

    sessions: list[ListedSession] = Field(json_schema_extra={"minItems": 1, "maxItems": 50})


def _session_fields(record: SessionRecord) -> dict[str, str]:
    return {
        "id": record.id,
        "created_at": utc(record.created_at),
        "renewed_at": utc(record.renewed_at),
        "ends_at": utc(record.ends_at),
        "client_address": record.client_address,
        "user_agent": record.user_agent,
    }


def utc(seconds: int) -> str:
    """Return a time as answers have it, such as "2026-11-22T10:00:00Z"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The answer that has everything kept about a user."""

from typing import Annotated

from pydantic import Field

from auth_service.api.answers import (
    Answer,
    ListedSession,
    Time,
    UserId,
    Username,
    utc,
)
from auth_service.audit import short
from auth_service.guessing.standing import KnownDevice
from auth_service.usecases import own_data
from auth_service.usernames import MOST_FORMER_USERNAMES

KnownTime = Annotated[Time | None, Field(examples=["2026-11-22T10:00:00Z"])]


class OwnAccount(Answer):
    """The account."""

    id: UserId
    username: Username
    former_usernames: list[str] = Field(
        description="The names that the account had before, in lower case. Nobody else can take "
        "them.",
        examples=[["ally"]],
        json_schema_extra={"maxItems": MOST_FORMER_USERNAMES},
    )
    display_name: str = Field(
        description="The name with which the user is greeted; empty if there is none.",
        examples=["Alice A."],
    )
    created_at: Time = Field(description="When the account was made.")
    password_set_at: KnownTime = Field(
        description="When the password was set; null if that is not known."
    )
    disabled: bool = Field(
        description="Whether an operator has locked the user out.", examples=[False]
    )


class OwnSignIns(Answer):
    """The last sign-in, and the one before the sign-in of this session."""

    last_at: KnownTime = Field(description="When the user signed in last; null if not known.")
    last_user_agent: str = Field(
        description="The User-Agent of that sign-in.", max_length=256, examples=["curl/8.14.1"]
    )
    previous_at: KnownTime = Field(
        description="When the user signed in before this session began; null if not known."
    )
    previous_user_agent: str = Field(
        description="The User-Agent of that sign-in.", max_length=256, examples=["curl/8.14.1"]
    )
    wrong_passwords: int = Field(
        description="How many wrong passwords were entered between that sign-in and this session.",
        examples=[0],
        json_schema_extra={"minimum": 0},
    )


class OwnDevice(Answer):
    """A browser or program from which the user has signed in, remembered for a year."""

    id: str = Field(
        description="Tells devices apart. It cannot be used to sign in.",
        pattern="^[0-9a-f]{8}$",
        examples=["9f86d081"],
    )
    used_at: Time = Field(description="When the user last signed in from it.")

    @classmethod
    def of(cls, device: KnownDevice) -> "OwnDevice":
        """Describe a device to its user."""
        return cls(id=short(device.hash), used_at=utc(int(device.used_at)))


class PersonalData(Answer):
    """Everything that is kept about a user. Times are in UTC, to the second."""

    account: OwnAccount
    sign_ins: OwnSignIns
    sessions: list[ListedSession] = Field(json_schema_extra={"minItems": 1, "maxItems": 50})
    devices: list[OwnDevice] = Field(json_schema_extra={"maxItems": 20})

    @classmethod
    def of(cls, data: own_data.PersonalData) -> "PersonalData":
        """Describe a user's data to that user."""
        user = data.user
        current = data.current
        last = data.last_sign_in
        return cls(
            account=OwnAccount(
                id=user.id,
                username=user.username,
                former_usernames=list(user.former_usernames),
                display_name=user.display_name,
                created_at=user.created_at,
                password_set_at=_utc_if_known(last.password_set_at),
                disabled=user.disabled,
            ),
            sign_ins=OwnSignIns(
                last_at=_utc_if_known(last.at),
                last_user_agent=last.user_agent,
                previous_at=_utc_if_known(current.previous_at),
                previous_user_agent=current.previous_user_agent,
                wrong_passwords=current.wrong_passwords,
            ),
            sessions=[ListedSession.of_list(session, current) for session in data.sessions],
            devices=[OwnDevice.of(device) for device in data.devices],
        )


def _utc_if_known(seconds: int) -> str | None:
    return utc(seconds) if seconds else None

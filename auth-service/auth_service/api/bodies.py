"""The bodies of requests, which are read strictly."""

import json
from typing import Annotated, Any, TypeVar

from flask import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from werkzeug.exceptions import RequestEntityTooLarge

from auth_service.accounts.passwords import MAXIMUM_BYTES
from auth_service.display_names import MAXIMUM_LENGTH
from auth_service.errors import (
    ContentTooLarge,
    InvalidFields,
    MalformedJson,
    UnsupportedMediaType,
)
from auth_service.strict_json import DuplicateKey, refuse_constant, unique_members
from auth_service.usernames import USERNAME

MAXIMUM_BODY_BYTES = 16 * 1024
DEFAULT_MINIMUM_LENGTH = 15
"""Code points of a password in the description of the API; an operator may set another minimum."""
_GZIP = b"\x1f\x8b"

NewUsername = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 3,
            "maxLength": 64,
            "pattern": f"^{USERNAME.pattern}$",
            "description": "3 to 64 characters: ASCII letters, digits and `. _ @ + -`. Unique "
            "without regard to case.",
            "examples": ["Alice"],
        }
    ),
]
NewPassword = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "password",
            "minLength": DEFAULT_MINIMUM_LENGTH,
            "maxLength": MAXIMUM_BYTES,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
            "description": "Unicode without control characters, "
            f"at least {DEFAULT_MINIMUM_LENGTH} code points and at most {MAXIMUM_BYTES:,} bytes in "
            "UTF-8, counted after every space was made an ASCII space and the text brought into "
            "form NFC (RFC 8265, OpaqueString). A password that is too common, or is the user name "
            "or repeats it, gets 422. The operator may set another minimum, from 8 to 64; a 422 "
            "names it.",
            "examples": ["seven herons cross the quarry"],
        }
    ),
]
Password = Annotated[
    str,
    Field(
        description="The password. Unicode spaces count as ASCII spaces, and it is compared in "
        "Unicode's form NFC.",
        examples=["seven herons cross the quarry"],
        json_schema_extra={"format": "password"},
    ),
]


DisplayName = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": MAXIMUM_LENGTH,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
            "description": "The name that the user is greeted with: at most "
            f"{MAXIMUM_LENGTH} code points after spaces around it were removed and it was brought "
            "into form NFC; no control, format or line-separator characters. Empty for no name.",
            "examples": ["Alice A."],
        }
    ),
]


class RequestBody(BaseModel):
    """Base of all bodies: members without a default are required, unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SignInBody(RequestBody):
    """The body of a sign-in. Any string may be tried."""

    username: str = Field(
        description="The user name; upper and lower case count as the same.", examples=["Alice"]
    )
    password: Password
    device_token: str = Field(
        "",
        description="The device's tokens from earlier sign-ins: up to four values of "
        '`device_token`, joined with ".". Other people\'s wrong guesses do not delay a device that '
        "is known for the account. A malformed value is ignored.",
        examples=["Zm9yLXRoZS1leGFtcGxlLW9ubHktbm90LWEtdG9rZW4"],
    )


class RegistrationBody(SignInBody):
    """The body of a registration."""

    username: NewUsername
    password: NewPassword
    display_name: DisplayName = ""
    sign_in: bool = Field(False, description="Whether to open a session too.", examples=[True])


class DisplayNameChangeBody(RequestBody):
    """The body of a change of the display name."""

    display_name: DisplayName


class UsernameChangeBody(RequestBody):
    """The body of a change of the user name."""

    username: NewUsername = Field(examples=["Ally"])
    password: Password


class PasswordEntryBody(RequestBody):
    """The body of a call that asks for the password of the user who is signed in."""

    password: Password


class PasswordChangeBody(RequestBody):
    """The body of a change of the password."""

    current_password: Password = Field(
        "",
        description="The current password. It may be left out if it was entered in this session "
        "in the last five minutes, also in a change that failed for the new password alone.",
        examples=["seven herons cross the quarry"],
    )
    new_password: NewPassword = Field(examples=["a lantern over the frozen canal"])


_MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known.",
    "string_type": "This field must be a string.",
    "bool_type": "This field must be true or false.",
    "model_type": "The body must be a JSON object.",
}
Body = TypeVar("Body", bound=RequestBody)


def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body.

    Raises:
        UnsupportedMediaType: the content type or charset is another, or the body is compressed.
        MalformedJson: not JSON in UTF-8 (RFC 8259), or a key stands twice.
        InvalidFields: something is missing, unknown or of another type.
        ContentTooLarge: it has more than 16 KB.
    """
    _check_headers(request)
    content = _parse(_read(request))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidFields(_messages(error)) from None


def _check_headers(request: Request) -> None:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"The charset {charset} is not supported. Send JSON in UTF-8.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            "Content-Encoding is not supported. Send the body uncompressed, without that header."
        )


def _read(request: Request) -> bytes:
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise ContentTooLarge from error
    # A body of unannounced length is cut at MAX_CONTENT_LENGTH, not refused.
    if len(data) > MAXIMUM_BODY_BYTES:
        raise ContentTooLarge
    return data


def _parse(data: bytes) -> Any:
    _check_encoding(data)
    try:
        return json.loads(
            data.decode(), object_pairs_hook=unique_members, parse_constant=refuse_constant
        )
    except UnicodeDecodeError as error:
        raise MalformedJson("The body is not valid UTF-8. Send JSON in UTF-8.") from error
    except DuplicateKey as error:
        problem = "An object in the body has the same key twice. Send each key once."
        raise MalformedJson(problem) from error
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error


def _check_encoding(data: bytes) -> None:
    """Raise MalformedJson, with its name, if the body has another encoding."""
    if data.startswith(_GZIP):
        raise MalformedJson("The body is compressed with gzip. Send it uncompressed.")
    encoding = json.detect_encoding(data)
    if encoding == "utf-8-sig":
        problem = "The body begins with a byte-order mark. Send JSON in UTF-8 without one."
        raise MalformedJson(problem)
    if encoding != "utf-8":
        name = encoding[:6].upper()
        raise MalformedJson(f"The body seems to be in {name}. Send JSON in UTF-8.")


def _messages(error: ValidationError) -> dict[str, list[str]]:
    """Return a message for people for each wrong field."""
    messages = {}
    for problem in error.errors():
        place = (*problem["loc"], "body")
        messages[str(place[0])] = [_MESSAGES.get(problem["type"], "This is not acceptable.")]
    return messages

"""Reads the JSON body of a request, strictly."""

import json
from typing import NoReturn, TypeVar

from flask import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from auth_service.errors import InvalidFields
from auth_service.storage.users_json.codec import unique_members

MAXIMUM_BODY_BYTES = 16 * 1024


class MalformedJson(Exception):
    """The body is not JSON, or an object in it has the same key twice."""


class UnsupportedMediaType(Exception):
    """The body is not declared as application/json."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(_Strict):
    """What a sign-in sends; `device_token` may be several, joined with "."."""

    username: str
    password: str
    device_token: str = ""


class Registration(Credentials):
    """What a registration sends; with `sign_in` it opens a session too."""

    sign_in: bool = False


class PasswordEntry(_Strict):
    """What somebody sends who is signed in and must show once more who they are."""

    password: str


class PasswordChange(_Strict):
    """What a change of the password sends."""

    current_password: str
    new_password: str


_MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known.",
    "string_type": "This field must be a string.",
    "bool_type": "This field must be true or false.",
    "model_type": "The body must be a JSON object.",
}
Body = TypeVar("Body", bound=BaseModel)


def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body.

    Raises:
        UnsupportedMediaType: the content type is another.
        MalformedJson: not JSON (RFC 8259), or a key stands twice.
        InvalidFields: something is missing, unknown or of another type.
        RequestEntityTooLarge: it has more than 16 KB.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        data = request.get_data(cache=False)
        # A body of unannounced length is cut at MAX_CONTENT_LENGTH, not refused.
        if len(data) > MAXIMUM_BODY_BYTES:
            raise RequestEntityTooLarge
        content = json.loads(
            data.decode(), object_pairs_hook=unique_members, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        fields = {
            str((*detail["loc"], "body")[0]): [
                _MESSAGES.get(detail["type"], "This is not acceptable.")
            ]
            for detail in error.errors()
        }
        raise InvalidFields(fields) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

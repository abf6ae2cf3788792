"""Says what is wrong with the fields of a form, in the visitor's language."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response

from web_frontend.auth_service.answers import Refused
from web_frontend.forms import PageForm
from web_frontend.languages import marked
from web_frontend.rendering import form_page, gettext
from web_frontend.request_state import current_request
from web_frontend.services import services

USERNAME_CHARACTERS = re.compile(r"[A-Za-z0-9._@+-]")
SHORTEST_USERNAME = 3
LONGEST_USERNAME = 64
MOST_NAMED = 3
"""How many of the wrong characters are named."""

NAMED_CHARACTERS = {
    " ": marked("the space"),
    "'": marked("the apostrophe"),
    "’": marked("the apostrophe"),  # noqa: RUF001 - phones type this one
    '"': marked("the quotation mark"),
    ",": marked("the comma"),
    "/": marked("the slash"),
}

TAKEN = marked("This username is taken. Choose another.")
TOO_SHORT = "The password is too short."
FROM_AUTH_SERVICE = (
    marked("The display name is blank. Enter a name, or leave it empty."),
    marked("The display name is too long. Use at most 64 characters."),
    marked("The display name has characters that cannot be shown. Remove them."),
    marked("The password has control characters. Use letters, digits, signs and spaces."),
    marked("The password is too long. Use at most 1024 bytes."),
    marked("The password is the username or repeats it. Choose another."),
    marked("This password is too common. Choose another."),
    marked("This is the current password. Choose another."),
    marked("This is your username already. Choose another."),
    marked("You have had too many usernames. Go back to one of them, or ask the operator."),
    marked("Your password is this username or repeats it. Choose another username."),
    marked("Incorrect password."),
)
"""The messages of auth-service, which speaks English only."""


def field_errors(form: PageForm, found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return messages by field for the errors that auth-service found in a form."""
    return {
        field: [_message(form, field, messages[0])] for field, messages in found.items() if messages
    }


def form_again(form: PageForm, error: Refused, field: str, **context: Any) -> Response:
    """Return a refused form with its messages; `field` is that of the password that was checked.

    Raises `error` if it is not about the form.
    """
    if error.status == 409:
        return form_page(form, 409, {"username": [gettext(TAKEN)]})
    if error.code == "incorrect-password":
        return form_page(form, 422, {field: [gettext("Incorrect password.")]})
    if error.status == 422 and error.errors:
        return form_page(form, 422, field_errors(form, error.errors), **context)
    raise error


def username_problem(username: str) -> str:
    """Return what is wrong with a new user name; "" if this cannot tell."""
    if not username:
        return gettext("Enter a username.")
    strange = [c for c in dict.fromkeys(username) if not USERNAME_CHARACTERS.fullmatch(c)]
    if strange:
        named = dict.fromkeys(_name_of(character) for character in strange)
        shown = list(named)[:MOST_NAMED]
        if len(named) > MOST_NAMED:
            shown.append(gettext("other characters"))
        return gettext(
            "Remove %(characters)s.", characters=current_request().language.list_of(shown)
        )
    if len(username) < SHORTEST_USERNAME:
        return gettext("Use at least %(number)d characters.", number=SHORTEST_USERNAME)
    if len(username) > LONGEST_USERNAME:
        return gettext("Use at most %(number)d characters.", number=LONGEST_USERNAME)
    return ""


def _message(form: PageForm, field: str, message: str) -> str:
    value = form[field].data if field in form else ""
    if field == "username":
        return username_problem(value or "") or gettext(message)
    if field in ("password", "new_password") and not value:
        return gettext("Enter a password.")
    if message.startswith(TOO_SHORT):
        number = services().settings.password_min_length
        return gettext("Use at least %(number)d characters.", number=number)
    return gettext(message)


def _name_of(character: str) -> str:
    if character in NAMED_CHARACTERS:
        return gettext(NAMED_CHARACTERS[character])
    return f"“{character}”" if character.isprintable() else gettext("invisible characters")

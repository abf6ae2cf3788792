"""The forms."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import AnyOf, InputRequired, Regexp

DASHBOARD = "/dashboard"
SESSIONS = "/account/sessions"
PASSWORD = "/account/password"  # noqa: S105 - an address, not a secret
DELETE = "/account/delete"
DISPLAY_NAME = "/account/name"
NEXT_PAGES = {page: page for page in (DASHBOARD, SESSIONS, PASSWORD, DISPLAY_NAME, DELETE)}
"""The pages to which a sign-in may lead. An address is looked up here and never echoed."""


class PageForm(FlaskForm):  # type: ignore[misc]
    """A form on a page; `template` is the page."""

    template = ""

    class Meta:
        """Settings of Flask-WTF."""

        # Flask-WTF's tokens are not bound to a session. `hooks` checks our own tokens.
        csrf = False

    def __init__(self, **values: Any) -> None:
        """Read the form that was sent, if any; otherwise the fields get `values`."""
        # Flask-WTF would accept JSON and files as fields too.
        super().__init__(request.form if request.method == "POST" else None, **values)


def text_of(field: StringField) -> str:
    """Return the value of a field, or ""."""
    return field.data or ""


class LoginForm(PageForm):
    """Asks for user name and password; `next` is the page to show afterwards."""

    template = "login.html"
    # Phone keyboards put a space after a word.
    username = StringField("", [InputRequired("Enter your username.")], [str.strip], default="")
    password = PasswordField(validators=[InputRequired("Enter your password.")])
    next = HiddenField(filters=[NEXT_PAGES.get])


class RegisterForm(PageForm):
    """Asks for a new account; auth-service checks the rules."""

    template = "register.html"
    username = StringField(default="", filters=[str.strip])
    display_name = StringField(default="", filters=[str.strip])
    password = PasswordField()


class SessionsForm(PageForm):
    """Names the sessions to end: one by its id, or all `others`.

    It asks for the password only if auth-service requires it again.
    """

    template = "reauthenticate.html"
    end = HiddenField(default="", validators=[Regexp(r"[A-Za-z0-9_-]{0,64}\Z")])
    others = HiddenField(default="", validators=[AnyOf(["", "true"])])
    page = HiddenField(default="", validators=[Regexp(r"[0-9]{0,2}\Z")])
    password = PasswordField()


class PasswordForm(PageForm):
    """Asks for the current password and a new one; auth-service checks the rules."""

    template = "password.html"
    current_password = PasswordField(validators=[InputRequired("Enter your current password.")])
    new_password = PasswordField(validators=[InputRequired("Enter a new password.")])


class DisplayNameForm(PageForm):
    """Asks for a display name; auth-service checks the rules."""

    template = "display_name.html"
    display_name = StringField(default="", filters=[str.strip])


class DeleteForm(PageForm):
    """Asks for the password, to delete the account."""

    template = "delete.html"
    password = PasswordField(validators=[InputRequired("Enter your password.")])

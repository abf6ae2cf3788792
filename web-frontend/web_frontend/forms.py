"""The forms."""

from typing import Any, ClassVar

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import AnyOf, InputRequired, Regexp

from web_frontend.languages import marked

LOGIN = "/login"
REGISTER = "/register"
LOGOUT = "/logout"
DASHBOARD = "/dashboard"
ACCOUNT = "/account"
SESSIONS = "/account/sessions"
PASSWORD = "/account/password"  # noqa: S105 - an address, not a secret
DELETE = "/account/delete"
DISPLAY_NAME = "/account/name"
USERNAME = "/account/username"
OWN_DATA = "/account/data"
NEXT_PAGES = {
    **{page: page for page in (DASHBOARD, ACCOUNT, SESSIONS, PASSWORD, DISPLAY_NAME)},
    **{page: page for page in (USERNAME, DELETE)},
    # The download would leave the visitor on the page for signing in.
    OWN_DATA: ACCOUNT,
}
"""The pages to which a sign-in may lead. An address is looked up here and never echoed."""

NOT_POSSIBLE = marked("This is not possible just now.")


class PageForm(FlaskForm):  # type: ignore[misc]
    """A form on a page.

    `template` is the page, and `asked` are the fields that must be filled in. `not_possible` is
    what people are told in an outage, and `maybe_done` what is added when nobody knows whether the
    form has been carried out. The page comes again for that unless `is_shown_again` is False.
    """

    template: ClassVar[str] = ""
    is_shown_again: ClassVar[bool] = True
    asked: ClassVar[tuple[str, ...]] = ()
    not_possible: ClassVar[str] = NOT_POSSIBLE
    maybe_done: ClassVar[str] = ""

    class Meta:
        """Settings of Flask-WTF."""

        # Flask-WTF's tokens are not bound to a session. `hooks` checks our own tokens.
        csrf = False

    def __init__(self, **values: Any) -> None:
        """Read the form that was sent, if any; otherwise the fields get `values`."""
        # Flask-WTF would accept JSON and files as fields too.
        super().__init__(request.form if request.method == "POST" else None, **values)

    @property
    def first_to_fill(self) -> str:
        """The first field that must be filled in, now that the page holds no password; or ""."""
        for name in self.asked:
            if isinstance(self[name], PasswordField) or not self[name].data:
                return name
        return ""


def text_of(field: StringField) -> str:
    """Return the value of a field, or ""."""
    return field.data or ""


class LoginForm(PageForm):
    """Asks for user name and password; `next` is the page to show afterwards."""

    template = "login.html"
    asked = ("username", "password")
    not_possible = marked("Signing in is not possible just now.")
    # Phone keyboards put a space after a word.
    username = StringField(
        validators=[InputRequired(marked("Enter your username."))],
        filters=[str.strip],
        default="",
    )
    password = PasswordField(validators=[InputRequired(marked("Enter your password."))])
    next = HiddenField(filters=[NEXT_PAGES.get])


class RegisterForm(PageForm):
    """Asks for a new account; auth-service checks the rules."""

    template = "register.html"
    asked = ("username", "password")
    not_possible = marked("Registration is not possible just now.")
    maybe_done = marked("Your account may exist already. Try signing in first.")
    username = StringField(default="", filters=[str.strip])
    display_name = StringField(default="", filters=[str.strip])
    password = PasswordField()
    next = HiddenField(filters=[NEXT_PAGES.get])


class SessionsForm(PageForm):
    """Names the sessions to end: one by its id, or all `others`.

    It asks for the password only if auth-service requires it again.
    """

    template = "reauthenticate.html"
    is_shown_again = False
    asked = ("password",)
    maybe_done = marked("The devices may have been signed out already. Look at the list first.")
    end = HiddenField(default="", validators=[Regexp(r"[A-Za-z0-9_-]{0,64}\Z")])
    others = HiddenField(default="", validators=[AnyOf(["", "true"])])
    page = HiddenField(default="", validators=[Regexp(r"[0-9]{0,2}\Z")])
    password = PasswordField()


class PasswordForm(PageForm):
    """Asks for the current password and a new one; auth-service checks the rules.

    Once the current password was right, the page asks for it no more for a while, and the form
    comes without that field.
    """

    template = "password.html"
    asked = ("current_password", "new_password")
    not_possible = marked("Your password cannot be changed just now.")
    maybe_done = marked(
        "Your password may have been changed already. Sign out, and try the new one first."
    )
    current_password = PasswordField()
    new_password = PasswordField()

    @property
    def asks_for_current(self) -> bool:
        """Whether the form that came, or the first one, has the field for the current password."""
        return request.method != "POST" or "current_password" in request.form


class DisplayNameForm(PageForm):
    """Asks for a display name; auth-service checks the rules."""

    template = "display_name.html"
    asked = ("display_name",)
    maybe_done = marked("Your display name may have been changed already.")
    display_name = StringField(default="", filters=[str.strip])


class UsernameForm(PageForm):
    """Asks for a new user name and the password; auth-service checks the rules."""

    template = "username.html"
    asked = ("username", "password")
    not_possible = marked("Your username cannot be changed just now. Try again in a few seconds.")
    maybe_done = marked(
        "Your username may have been changed already. Sign out, and try the new one first."
    )
    username = StringField(default="", filters=[str.strip])
    password = PasswordField()


class DeleteForm(PageForm):
    """Asks for the password, to delete the account."""

    template = "delete.html"
    asked = ("password",)
    not_possible = marked("Your account cannot be deleted just now.")
    maybe_done = marked("Your account may have been deleted already. Try signing in to find out.")
    password = PasswordField(validators=[InputRequired(marked("Enter your password."))])


FORMS: dict[str, type[PageForm]] = {
    LOGIN: LoginForm,
    REGISTER: RegisterForm,
    SESSIONS: SessionsForm,
    PASSWORD: PasswordForm,
    DISPLAY_NAME: DisplayNameForm,
    USERNAME: UsernameForm,
    DELETE: DeleteForm,
}
"""The forms by their addresses."""

"""The forms. Their CSRF token is made here; every POST is checked before it gets to a form."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.csrf.core import CSRF
from wtforms.validators import InputRequired


def _strip(value: str | None) -> str | None:
    """Drop the space that phone keyboards put after a word."""
    return value.strip() if value else value


class _SessionBound(CSRF):
    """Puts the token for this browser and session into a form."""

    def setup_form(self, form: Any) -> Any:
        self.token = form.meta.csrf_context
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: Any) -> str:  # noqa: ARG002 - WTForms calls it so
        return str(self.token)

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        """Nothing is left to check: `views.Pages.guard` refuses before a form is made."""


class _Form(FlaskForm):  # type: ignore[misc]
    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf_class = _SessionBound

    def problems(self) -> list[dict[str, str | None]]:
        """Return the errors in the order of the fields, as the templates take them."""
        return [
            {"field": name, "message": str(text)} for name, texts in self.errors.items() for text in texts
        ]


class LoginForm(_Form):
    """Asks who is there; `next` is the page to go on to."""

    username = StringField(filters=[_strip], validators=[InputRequired("Enter your username.")])
    password = PasswordField(validators=[InputRequired("Enter your password.")])
    next = HiddenField()


class RegisterForm(_Form):
    """Asks for a new account; auth-service knows the rules."""

    username = StringField(filters=[_strip])
    password = PasswordField()

"""Makes answers: pages from templates, forms with their errors, redirects."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app
from jinja2 import Environment

from doorward_settings.web_frontend import Settings
from web_frontend.browsers import BrowserNames
from web_frontend.forms import PageForm

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Errors = Mapping[Any, list[str]]


def prepare_templates(
    templates: Environment,
    settings: Settings,
    addresses: Mapping[str, str],
    csrf_token: Callable[[], str],
) -> None:
    """Give all templates their common values; `addresses` are those of the static files."""
    templates.auto_reload = False
    templates.filters["browser"] = BrowserNames().describe
    templates.filters["iso_time"] = iso_time
    templates.filters["utc_time"] = utc_time
    templates.globals.update(
        css_url=addresses["doorward.css"],
        js_url=addresses["doorward.js"],
        icon_url=addresses["icon.svg"],
        logo_url=addresses.get("logo"),
        logo=settings.logo,
        site_name=settings.site_name,
        privacy_url=settings.privacy_url,
        terms_url=settings.terms_url,
        registration_open=settings.registration == "open",
        minimum_length=settings.password_min_length,
        contact=settings.contact,
        contact_link=settings.contact_link,
        idle_seconds=settings.idle_seconds,
        absolute_seconds=settings.absolute_seconds,
        csrf_token=csrf_token,
    )


def page(template: str, status: int = 200, /, **context: Any) -> Response:
    """Return a page."""
    text = current_app.jinja_env.get_template(template).render(context)
    return Response(text, status, mimetype="text/html")


def form_page(
    form: PageForm, status: int = 0, errors: Errors | None = None, **context: Any
) -> Response:
    """Return the form's page; `errors` are messages by field, under None those of the whole form.

    By default they are the errors that the form itself found, and the status is 422 if there are
    any, otherwise 200.
    """
    if errors is None:
        errors = form.errors
    listed = [
        {"field": field, "message": message}
        for field, messages in errors.items()
        for message in messages
    ]
    usual_status = 422 if listed else 200
    return page(form.template, status or usual_status, form=form, errors=listed, **context)


def see_other(address: str) -> Response:
    """Answer 303, the only redirect that is right after a POST of credentials (RFC 9700)."""
    return Response(status=303, headers={"Location": address})


def iso_time(seconds: float) -> str:
    """Return a time for programs (RFC 3339), such as "2026-11-22T09:05:00Z"."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"


def utc_time(seconds: float) -> str:
    """Return a time for people, such as "22 Nov 2026, 09:05 UTC"."""
    when = datetime.fromtimestamp(seconds, UTC)
    month = MONTHS[when.month - 1]
    return f"{when.day} {month} {when.year}, {when.hour:02}:{when.minute:02} UTC"

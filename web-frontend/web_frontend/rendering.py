"""Makes answers: pages from templates, forms with their errors, redirects."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, request
from jinja2 import Environment

from doorward_settings.web_frontend import Settings
from session_contract.tokens import Claims
from web_frontend.forms import PageForm
from web_frontend.languages import Language
from web_frontend.notices import take_notice
from web_frontend.request_state import current_request
from web_frontend.services import services

Errors = Mapping[Any, list[str]]


def prepare_templates(
    templates: Environment,
    settings: Settings,
    addresses: Mapping[str, str],
    csrf_token: Callable[[], str],
    clock: Callable[[], float],
) -> None:
    """Give all templates their common values; `addresses` are those of the static files.

    `clock` returns Unix seconds.
    """
    templates.auto_reload = False
    templates.filters["iso_time"] = iso_time
    templates.globals.update(
        css_url=addresses["doorward.css"],
        js_url=addresses["doorward.js"],
        icon_url=addresses["icon.svg"],
        logo_url=addresses.get("logo"),
        logo=settings.logo,
        site_name=settings.site_name,
        privacy_url=settings.privacy_url,
        terms_url=settings.terms_url,
        rename_allowed=settings.rename_allowed,
        registration_open=settings.registration == "open",
        minimum_length=settings.password_min_length,
        contact=settings.contact,
        contact_link=settings.contact_link,
        absolute_seconds=settings.absolute_seconds,
        renew_seconds=settings.renew_seconds,
        site_url=settings.url,
        origins=" ".join(settings.origins),
        now=clock,
        csrf_token=csrf_token,
    )


def templates_by_language(
    templates: Environment, languages: Iterable[Language], settings: Settings
) -> dict[str, Environment]:
    """Return the templates in each language, by its tag."""
    return {
        language.tag: language.templates(templates, settings.idle_seconds) for language in languages
    }


def gettext(text: str, **values: object) -> str:
    """Return a text in the visitor's language, with values in the places of its `%(name)s`."""
    translated = current_request().language.gettext(text)
    return translated % values if values else translated


def page(template: str, status: int = 200, /, **context: Any) -> Response:
    """Return a page. Its template gets the claims of the visitor who is signed in, or None."""
    state = current_request()
    claims = state.visitor.claims
    templates = services().templates[state.language.tag]
    text = templates.get_template(template).render(
        context,
        claims=claims,
        forms_work=services().settings.forms_work_at(request.environ.get("HTTP_HOST", "")),
        here=request.path,
        notice=take_notice(),
        posted=request.method == "POST",
        seconds_left=_seconds_left(claims) if claims else 0,
    )
    return Response(text, status, mimetype="text/html")


def _seconds_left(claims: Claims) -> int:
    return max(0, claims.expires_at - int(services().clock()))


def form_page(
    form: PageForm, status: int = 0, errors: Errors | None = None, **context: Any
) -> Response:
    """Return the form's page; `errors` are messages by field, under None those of the whole form.

    By default they are the errors that the form itself found, and the status is 422 if there are
    any, otherwise 200.
    """
    if errors is None:
        errors = {
            field: [gettext(message) for message in messages]
            for field, messages in form.errors.items()
        }
    listed = [
        {"field": field, "message": message}
        for field, messages in errors.items()
        for message in messages
    ]
    focus = form.first_to_fill
    if len(listed) == 1 and listed[0]["field"]:
        focus = listed[0]["field"]
    status = status or (422 if listed else 200)
    return page(
        form.template,
        status,
        status=status,
        form=form,
        errors=listed,
        focus=focus if len(listed) < 2 else "",
        **context,
    )


def see_other(address: str) -> Response:
    """Answer 303, the only redirect that is right after a POST of credentials (RFC 9700)."""
    return Response(status=303, headers={"Location": address})


def iso_time(seconds: float) -> str:
    """Return a time for programs (RFC 3339), such as "2026-11-22T09:05:00Z"."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"

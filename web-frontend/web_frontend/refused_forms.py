"""Answers forms that are stale or not from our pages: nothing changes, but nobody is left alone."""

from flask import Response, request

from web_frontend.browser_session import forget_session
from web_frontend.csrf import CsrfRejected, ForeignOrigin, NoCookie
from web_frontend.forms import DASHBOARD, FORMS, LOGIN, LOGOUT, NEXT_PAGES, REGISTER, USERNAME
from web_frontend.notices import tell
from web_frontend.rendering import form_page, gettext, page, see_other
from web_frontend.request_state import current_request
from web_frontend.services import services


def answer_refused_form(error: CsrfRejected) -> Response | None:
    """Return the answer to a refused form; None if there is no page to show again.

    It depends first on who is there by now: the visitor may have signed in or out in another tab.
    """
    is_signed_in = current_request().visitor.claims is not None
    if request.path == LOGOUT and not is_signed_in:
        return _signed_out_already(error)
    if request.path == LOGOUT:
        is_gone = isinstance(error, NoCookie)
        return page("signout.html", 400, message=advice_text(error), sent_again=is_gone)
    if isinstance(error, ForeignOrigin):
        return _form_again(error)
    if is_signed_in and request.path in (LOGIN, REGISTER):
        address = NEXT_PAGES.get(request.form.get("next", ""), DASHBOARD)
        return page("already_signed_in.html", 400, address=address)
    if not is_signed_in and request.path in NEXT_PAGES:
        return _signed_out_elsewhere()
    return _form_again(error)


def _signed_out_already(error: CsrfRejected) -> Response:
    response = see_other(LOGIN)
    # Another site must not make us say anything.
    if isinstance(error, ForeignOrigin):
        return response
    forget_session(response)
    return tell(response, "signed-out")


def _signed_out_elsewhere() -> Response:
    response = see_other(f"{LOGIN}?next={request.path}")
    forget_session(response)
    return tell(response, current_request().visitor.reason or "signed-out-elsewhere")


def _form_again(error: CsrfRejected) -> Response | None:
    """Return the form with its user name and a new token."""
    form = FORMS.get(request.path)
    is_account_page = request.path in NEXT_PAGES
    if form is None or not form.is_shown_again or _is_switched_off():
        return None
    if is_account_page and current_request().visitor.claims is None:
        return None
    errors = {None: [advice_text(error)]}
    return form_page(form(), 400, errors, sent_again=isinstance(error, NoCookie))


def _is_switched_off() -> bool:
    """Whether the form is one that the settings do not allow."""
    settings = services().settings
    if request.path == REGISTER:
        return settings.registration == "closed"
    return request.path == USERNAME and not settings.rename_allowed


def advice_text(error: CsrfRejected) -> str:
    """Return what to do about a refused form, in the visitor's language."""
    is_sent_again = isinstance(error, NoCookie) and "sent_again" in request.form
    advice = NoCookie.advice_again if is_sent_again else error.advice
    return gettext(advice, url=services().settings.url)

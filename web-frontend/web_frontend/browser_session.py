"""Begins, continues and ends the session in a browser, and binds forms to it."""

from dataclasses import replace

from flask import Response, request

from session_contract.tokens import Claims
from web_frontend.auth_service.answers import Issued, Unreachable
from web_frontend.csrf import new_csrf_cookie
from web_frontend.rendering import see_other
from web_frontend.request_state import current_request
from web_frontend.services import services
from web_frontend.visitors import SignedOut


def require_session(*, reading: bool = False) -> Claims:
    """Return the claims of the visitor's live session, renewed if it is due.

    Raises:
        SignedOut: the visitor has no live session.
        Unreachable: auth-service cannot be reached, and the page is not for `reading` only.
    """
    state = current_request()
    state.visitor = services().visitors.renewed(state.visitor, state.caller)
    if state.visitor.claims is None:
        raise SignedOut(state.visitor.reason)
    if state.visitor.offline and not reading:
        raise Unreachable("nothing is changed without auth-service")
    return state.visitor.claims


def begin_session(issued: Issued, address: str) -> Response:
    """Redirect to an address, with a new session instead of the one that the browser had.

    Raises Unavailable if the token does not verify here.
    """
    services().visitors.accepted(issued.token)
    response = see_other(address)
    mark_ended(response)
    drop_renewal()
    cookies = services().cookies
    cookies.set_session(response, issued.token)
    if issued.device_token:
        devices = [issued.device_token, *current_request().sent.devices]
        cookies.set_devices(response, devices)
    renew_csrf_cookie()
    return response


def end_session(response: Response) -> Response:
    """Make the browser forget the session and all that scripts have stored."""
    mark_ended(response)
    forget_session(response)
    renew_csrf_cookie()
    response.headers["Clear-Site-Data"] = '"storage"'
    return response


def forget_session(response: Response) -> None:
    """Clear the session cookie if it was ours; on localhost it may be another program's."""
    visitor = current_request().visitor
    if visitor.signed or visitor.reason:
        services().cookies.clear_session(response)
    drop_renewal()


def mark_ended(response: Response) -> None:
    """List the session, if there was one, in the cookie of ended sessions."""
    state = current_request()
    if state.visitor.session_id:
        ended = [state.visitor.session_id, *state.sent.ended_sessions]
        services().cookies.set_ended_sessions(response, ended)


def drop_renewal() -> None:
    """Drop the renewed token of a session that has ended."""
    state = current_request()
    state.visitor = replace(state.visitor, fresh_token=None)


def form_token() -> str:
    """Return a CSRF token for a form in this answer, or "" if its cookie may not be set."""
    state = current_request()
    csrf = services().csrf
    if not state.csrf_cookie and csrf.may_set_cookie(request.method, request.headers):
        renew_csrf_cookie()
    if not state.csrf_cookie:
        return ""
    is_signed_in = state.visitor.claims is not None
    return csrf.token(state.csrf_cookie, state.visitor.session_id, is_signed_in=is_signed_in)


def renew_csrf_cookie() -> None:
    """Set a new CSRF cookie; all forms that are open in this browser become stale."""
    state = current_request()
    state.csrf_cookie = new_csrf_cookie()
    state.is_csrf_cookie_new = True

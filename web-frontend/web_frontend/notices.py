"""Notices: what a redirect wants to say on the page that it leads to, in a cookie, once."""

from typing import Literal, get_args

from flask import Response, request

from web_frontend.request_state import current_request
from web_frontend.services import services

Notice = Literal[
    "deleted",
    "ended",
    "ended-just-now",
    "idle",
    "limit",
    "name-changed",
    "one-ended",
    "others-ended",
    "password-changed",
    "signed-out",
    "signed-out-elsewhere",
    "username-changed",
]
"""templates/notices.html has the text of each."""


def tell(response: Response, notice: Notice) -> Response:
    """Show a notice on the next page, if that comes within a minute."""
    services().cookies.set_notice(response, notice)
    return response


def take_notice() -> str:
    """Return the notice to show on this page, or ""; the answer clears its cookie."""
    state = current_request()
    known = [notice for notice in state.sent.notices if notice in get_args(Notice)]
    if not known:
        return ""
    state.is_notice_shown = request.method != "HEAD"
    return known[0]

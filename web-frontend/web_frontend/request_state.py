"""What is known of the request under way."""

from dataclasses import dataclass, field
from typing import cast

from flask import g

from session_contract.callers import Caller
from web_frontend.browser_cookies import SentCookies
from web_frontend.visitors import Visitor


@dataclass
class RequestState:
    """Who asks, what their browser sent, and which cookies the answer will set.

    `csrf_cookie` is what forms in the answer are bound to; `is_csrf_cookie_new` says that the
    answer must set it.
    """

    caller: Caller
    sent: SentCookies = field(default_factory=SentCookies)
    visitor: Visitor = field(default_factory=Visitor)
    csrf_cookie: str = ""
    is_csrf_cookie_new: bool = False


def begin_request(caller: Caller) -> RequestState:
    """Set the state of a request that has just come in."""
    g.request_state = RequestState(caller)
    return current_request()


def current_request() -> RequestState:
    """Return the state of the request under way."""
    return cast("RequestState", g.request_state)


def has_current_request() -> bool:
    """Whether a request is under way and it is known who asks."""
    return bool(g) and "request_state" in g

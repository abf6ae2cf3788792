"""The state of the current request."""

from dataclasses import dataclass, field
from typing import cast

from flask import g, request

from session_contract.callers import Caller
from web_frontend.browser_cookies import SentCookies
from web_frontend.languages import Language
from web_frontend.services import services
from web_frontend.visitors import Visitor


@dataclass
class RequestState:
    """The caller and their language, the cookies that came, and those that the answer will set.

    Forms in the answer are bound to `csrf_cookie`; `is_csrf_cookie_new` says that the answer must
    set it. `is_notice_shown` says that it must clear the notice.
    """

    caller: Caller
    language: Language
    sent: SentCookies = field(default_factory=SentCookies)
    visitor: Visitor = field(default_factory=Visitor)
    csrf_cookie: str = ""
    is_csrf_cookie_new: bool = False
    is_notice_shown: bool = False


def begin_request(caller: Caller) -> RequestState:
    """Set the state of a new request."""
    header = request.environ.get("HTTP_ACCEPT_LANGUAGE", "")
    g.request_state = RequestState(caller, services().languages.choose(header))
    return current_request()


def current_request() -> RequestState:
    """Return the state of the current request."""
    return cast("RequestState", g.request_state)


def has_current_request() -> bool:
    """Whether there is a current request with a known caller."""
    return bool(g) and "request_state" in g

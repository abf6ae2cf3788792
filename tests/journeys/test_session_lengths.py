"""A session slides with use, and ends by inactivity or at its limit, saying why.

Waits are for a moment that the token itself names, never for a guess.
"""

import time
from collections.abc import Callable

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import Api, Page, Visitor, claims, new_name
from running_stack import Stack, eventually

# Long enough that a busy machine does not let a session in use become idle.
IDLE, LIMIT = 5, 11


@pytest.fixture(scope="module")
def brief(stack_with: Callable[..., Stack]) -> Stack:
    """A stack whose sessions are short and renewed at every use."""
    return stack_with(
        DOORWARD_RENEW_SECONDS=0, DOORWARD_IDLE_SECONDS=IDLE, DOORWARD_ABSOLUTE_SECONDS=LIMIT
    )


@pytest.fixture
def guest(brief: Stack, new_visitor: NewVisitor) -> Visitor:
    """Somebody who is signed in there."""
    visitor = new_visitor(brief)
    assert visitor.register(new_name()).status_code == 303
    return visitor


def wait_for_expiry(stack: Stack, token: str) -> None:
    """Return when a token has expired, without using it in a way that prolongs anything."""
    with Api(stack.base_url) as api:
        eventually(lambda: api.current(token).status_code == 401, "the token did not expire")


@pytest.mark.proves("NIST-5.2", "V7.3.1")
def test_after_the_idle_limit_the_dashboard_asks_to_sign_in_and_says_why(
    guest: Visitor, brief: Stack
) -> None:
    wait_for_expiry(brief, guest.token)
    answer = guest.get("/dashboard")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/dashboard"
    assert not guest.token, "the cookie is cleared"
    page = guest.page(answer.headers["Location"])
    assert f"You were signed out after {IDLE} seconds without activity." in page.text
    assert page.form("/login").fields["next"] == "/dashboard"
    assert guest.get("/dashboard").headers["Location"] == "/login?next=/dashboard", "said once"


def test_an_expired_session_cannot_be_renewed_but_signed_out_of(
    guest: Visitor, brief: Stack
) -> None:
    form = guest.page("/dashboard").form("/logout")
    token = guest.token
    wait_for_expiry(brief, token)
    with Api(brief.base_url) as api:
        assert api.renew(token).status_code == 401
    answer = guest.submit(form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    with Api(brief.base_url) as api:
        assert api.end(token).status_code == 204


@pytest.mark.proves("NIST-2.1.3", "NIST-5.2", "V7.3.2")
def test_at_the_absolute_limit_use_does_not_help(guest: Visitor) -> None:
    began = claims(guest.token)["auth_time"]
    latest = claims(guest.token)["exp"]
    deadline = time.monotonic() + LIMIT + 30
    # 503 is for a machine that is too busy to renew in time: it changes nothing.
    while (answer := guest.get("/dashboard")).status_code in (200, 503):
        latest = claims(guest.token)["exp"]
        assert latest <= began + LIMIT, "no token outlives the limit"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.headers["Location"] == "/login?next=/dashboard"
    assert latest == began + LIMIT, "it had been used all the while"
    assert not guest.token
    page = Page(guest.get(answer.headers["Location"]))
    assert f"a session lasts {LIMIT} seconds at most" in page.text

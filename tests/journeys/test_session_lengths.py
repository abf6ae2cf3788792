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


def test_the_cookie_slides_with_use(guest: Visitor) -> None:
    before = guest.token
    eventually(
        lambda: guest.is_signed_in() and claims(guest.token)["exp"] > claims(before)["exp"],
        "the end of the session was not pushed back",
        seconds=IDLE - 1,
    )
    first, second = claims(before), claims(guest.token)
    assert (second["sid"], second["sub"], second["auth_time"]) == (
        first["sid"],
        first["sub"],
        first["auth_time"],
    )
    assert second["jti"] != first["jti"]


def test_the_dashboard_says_when_the_session_ends(guest: Visitor) -> None:
    text = guest.get("/dashboard").text
    said = claims(guest.token)
    for moment in (said["auth_time"], said["exp"], said["auth_time"] + LIMIT):
        assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) in text


@pytest.mark.proves("NIST-5.2", "V7.3.1")
def test_after_the_idle_limit_the_dashboard_asks_to_sign_in_and_says_why(
    guest: Visitor, brief: Stack
) -> None:
    wait_for_expiry(brief, guest.token)
    answer = guest.get("/dashboard")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=/dashboard&reason=idle"
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
    assert answer.headers["Location"] == "/login?next=/dashboard&reason=limit"
    assert latest == began + LIMIT, "it had been used all the while"
    assert not guest.token
    page = Page(guest.get(answer.headers["Location"]))
    assert f"a session lasts {LIMIT} seconds at most" in page.text

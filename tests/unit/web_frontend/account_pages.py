"""What tests of the account's pages share: the pages, what each act sends, and sessions to show."""

from datetime import UTC, datetime

import pytest

from tests.unit.web_frontend.conftest import NOW, PASSWORD, Answer, Site
from web_frontend.auth_service.answers import LiveSession, Refused, Unreachable

SESSIONS, CHANGE, DELETE = PAGES = ("/account/sessions", "/account/password", "/account/delete")
NEW_PASSWORD = "violet harbour sings again at 8"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
UNREACHABLE = Unreachable("no answer")
INCORRECT = Refused(403, "incorrect-password", {}, 5)
ASK_AGAIN = Refused(403, "reauthentication-required", {}, 5)
ENDED = Refused(401, "session-ended", {}, 5)
GONE = Refused(404, "not-found", {}, 5)


def live(
    number: int, *, user_agent: str = CHROME, address: str = "", current: bool = False
) -> LiveSession:
    """Return a session as auth-service describes it; `number` is in its id, address and times."""
    return LiveSession(
        id=f"id-{number}",
        created_at=datetime.fromtimestamp(NOW - 7000 - 60 * number, UTC),
        renewed_at=datetime.fromtimestamp(NOW - 60 * number, UTC),
        client_address=address or f"192.0.2.{number}",
        user_agent=user_agent,
        current=current,
    )


# What each act sends, and the call that does it.
ACTS: dict[str, tuple[str, dict[str, str], str]] = {
    "end one": (SESSIONS, {"end": "id-2"}, "end_session"),
    "end others": (SESSIONS, {"others": "true"}, "end_other_sessions"),
    "password": (
        CHANGE,
        {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        "change_password",
    ),
    "delete": (DELETE, {"password": PASSWORD}, "delete_account"),
}
each_act = pytest.mark.parametrize("act", ACTS)
each_page = pytest.mark.parametrize("path", PAGES)


def send(site: Site, act: str, **more: str) -> Answer:
    path, fields, _ = ACTS[act]
    return site.signed_in().send(path, **{**fields, **more})

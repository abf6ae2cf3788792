"""The dashboard is remembered as text: whose it is counts, and what is new on it each time."""

import secrets
import tracemalloc

from tests.unit.web_frontend.conftest import IDLE, Site
from web_frontend.auth_service.answers import Unreachable

CHANGED = "Your password was changed"


def test_strangers_cannot_fill_the_memory_with_cookies(site: Site) -> None:
    def visit(count: int) -> None:
        for _ in range(count):
            # As many cookies as nginx lets through, and never the same ones.
            header = "; ".join(f"{secrets.token_hex(2)}=" for _ in range(1100))
            assert site.browser().get("/login", {"Cookie": header}).status == 200

    visit(5)
    tracemalloc.start()
    try:
        visit(40)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 200_000


def test_nobody_sees_the_page_that_was_made_for_somebody_else(site: Site) -> None:
    alice, bob = (
        site.signed_in(),
        site.signed_in(preferred_username="Bob", sub="user-2", sid="session-2"),
    )
    for _ in range(2):
        for browser, name, other in ((alice, "Alice", "Bob"), (bob, "Bob", "Alice")):
            page = browser.get("/dashboard").text
            assert name in page
            assert other not in page


def test_every_visitor_gets_a_csrf_token_that_counts_in_the_remembered_page(site: Site) -> None:
    token = site.mint.token()
    for browser in [site.browser(token), site.browser(token), site.browser(token)]:
        assert (
            browser.send(
                "/logout", browser.get("/dashboard").page.inputs["csrf_token"]["value"]
            ).status
            == 303
        )


def test_a_remembered_page_gives_way_when_something_on_it_changes(site: Site) -> None:
    browser = site.signed_in()
    first = browser.get("/dashboard").words
    assert CHANGED in browser.get("/dashboard?done=password").words
    assert browser.get("/dashboard").words == first

    site.clock.now += IDLE / 2
    renewed = browser.get("/dashboard").words
    assert "renew" in site.auth.asked
    assert renewed != first, "the end of the session has moved"

    site.clock.now += 120
    site.auth.answers["renew"] = Unreachable("no answer")
    assert "could not be renewed just now" in browser.get("/dashboard").words

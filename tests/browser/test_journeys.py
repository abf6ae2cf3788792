"""Registering, signing in and out, being refused: in a browser, with and without JavaScript."""

import pytest
from playwright.sync_api import Locator, Page, expect

from browser import portal
from browser.conftest import NewBrowser, Person
from journeys.visitor import PASSWORD, new_name

WITH_AND_WITHOUT_SCRIPT = pytest.mark.parametrize(
    "javascript", [True, False], ids=["with JavaScript", "without JavaScript"]
)


def tab_to(page: Page, target: Locator) -> None:
    """Go to an element by keyboard alone, the way its focus is moved on: forwards."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"twelve Tabs do not lead to {target}")


@WITH_AND_WITHOUT_SCRIPT
def test_a_person_registers_leaves_is_refused_and_comes_back(
    new_browser: NewBrowser, javascript: bool
) -> None:
    page = new_browser(java_script_enabled=javascript).new_page()
    name = new_name()
    page.goto("/")
    portal.expect_sign_in(page)
    page.get_by_role("link", name="Create an account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Create an account")
    portal.fill(page, name)
    portal.press(page, "Create account")
    portal.expect_dashboard(page, name)
    expect(page.get_by_role("term")).to_have_text(["Signed-in devices", "Password set", "Ends"])

    portal.sign_out(page)
    page.goto("/dashboard")
    portal.expect_sign_in(page, "?next=/dashboard")
    portal.fill(page, name)
    portal.press(page, "Sign in")
    portal.expect_dashboard(page, name)

    for address in ("/", "/login", "/register"):
        page.goto(address)
        portal.expect_dashboard(page, name)


@WITH_AND_WITHOUT_SCRIPT
def test_the_keyboard_alone_is_enough(new_browser: NewBrowser, javascript: bool) -> None:
    page = new_browser(java_script_enabled=javascript).new_page()
    name = new_name()

    def enter(secret: str) -> None:
        # The first field has the focus.
        page.keyboard.type(name)
        tab_to(page, portal.password(page))
        page.keyboard.type(secret)
        page.keyboard.press("Enter")

    page.goto("/")
    tab_to(page, page.get_by_role("link", name="Create an account"))
    page.keyboard.press("Enter")
    expect(page).to_have_title("Create an account · Doorward")
    enter(PASSWORD)
    portal.expect_dashboard(page, name)

    tab_to(page, portal.button(page, "Sign out"))
    page.keyboard.press("Enter")
    portal.expect_sign_in(page)

    enter("not the password at all")
    expect(portal.error(page)).to_be_visible()
    page.keyboard.type(PASSWORD)
    tab_to(page, portal.button(page, "Sign in"))
    page.keyboard.press("Space")
    portal.expect_dashboard(page, name)


def test_the_first_tab_skips_to_the_content(page: Page, person: Person) -> None:
    portal.sign_in(page, person.name)
    page.goto(portal.SESSIONS)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="change your password")).to_be_focused()


def test_the_times_of_the_dashboard_are_in_the_visitors_zone_or_say_utc(
    new_browser: NewBrowser, person: Person
) -> None:
    times = {}
    for javascript in (True, False):
        page = new_browser(java_script_enabled=javascript, timezone_id="Asia/Kolkata").new_page()
        portal.sign_in(page, person.name)
        times[javascript] = page.locator("dd time").all_inner_texts()
    assert all(text.endswith(" UTC") for text in times[False])
    assert all(text.endswith(" GMT+5:30") for text in times[True])

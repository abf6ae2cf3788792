"""Seeing and ending sessions, changing the password, deleting the account: in two browsers."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from browser import portal
from browser.accessibility import WIDTHS, misfits
from browser.conftest import NewBrowser, Person, let_the_password_entry_age, sign_up
from browser.test_journeys import WITH_AND_WITHOUT_SCRIPT
from journeys.visitor import PASSWORD, Api
from running_stack import Stack, eventually

NEW_PASSWORD = "seven green kettles whistle at dawn"
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"


@pytest.fixture(scope="session")
def watchful(stack_with: Callable[..., Stack]) -> Stack:
    """A stack where an ended session is refused after a second, not after thirty."""
    return stack_with(DOORWARD_RENEW_SECONDS=1)


def two_browsers(
    new_browser: NewBrowser, stack: Stack, person: Person, *, javascript: bool = True
) -> tuple[Page, Page]:
    """Return a page in each of two browsers of one person, both on the dashboard."""
    here = new_browser(stack, java_script_enabled=javascript).new_page()
    there = new_browser(stack, java_script_enabled=javascript, user_agent=FIREFOX).new_page()
    for page in (here, there):
        portal.sign_in(page, person.name)
    return here, there


def expect_out(page: Page) -> None:
    """Within the bound the next visit leads to the sign-in page, which says why."""

    def out() -> bool:
        page.goto("/dashboard")
        return "/login" in page.url

    eventually(out, "a session that was ended goes on", 15)
    portal.expect_sign_in(page, "?next=/dashboard")
    expect(page.get_by_text("Your session was ended. Sign in again.")).to_be_visible()


def card(page: Page, browser: str) -> Locator:
    """The card of a session in this browser."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=browser))


@WITH_AND_WITHOUT_SCRIPT
@pytest.mark.proves("V7.5.2", "V7.4.1")
def test_a_session_that_is_ended_from_another_browser_is_out_at_its_next_page(
    new_browser: NewBrowser, watchful: Stack, javascript: bool
) -> None:
    person = sign_up(watchful)
    here, there = two_browsers(new_browser, watchful, person, javascript=javascript)
    here.get_by_role("link", name="Sessions").click()
    expect(here.get_by_role("heading", level=1)).to_have_text("Where you are signed in")
    expect(here.get_by_role("listitem")).to_have_count(2)
    other = card(here, "Firefox on Ubuntu")
    expect(other.get_by_text("This device")).to_have_count(0)
    expect(card(here, "Chrome on Linux").get_by_text("This device")).to_be_visible()
    named = re.compile(r"^Sign out Firefox on Ubuntu [0-9a-f.:]+ · used ")
    other.get_by_role("button", name=named).click()
    expect(here.get_by_role("status")).to_contain_text("That session was signed out.")
    expect(here.get_by_role("listitem")).to_have_count(1)
    expect_out(there)
    here.goto("/dashboard")
    portal.expect_dashboard(here, person.name)


@WITH_AND_WITHOUT_SCRIPT
@pytest.mark.proves("V7.5.2")
def test_all_other_sessions_end_together_after_the_password_was_entered_again(
    new_browser: NewBrowser, watchful: Stack, javascript: bool
) -> None:
    person = sign_up(watchful)
    here, there = two_browsers(new_browser, watchful, person, javascript=javascript)
    let_the_password_entry_age(watchful, here.context)
    here.goto(portal.SESSIONS)
    portal.press(here, portal.ELSEWHERE)
    expect(here).to_have_title("Enter your password · Doorward")
    portal.password(here).fill("not the password at all")
    portal.press(here, portal.ELSEWHERE)
    expect(portal.error(here)).to_contain_text("Incorrect password.")
    there.goto("/dashboard")
    portal.expect_dashboard(there, person.name)
    portal.password(here).fill(PASSWORD)
    portal.press(here, portal.ELSEWHERE)
    expect(here.get_by_role("status")).to_contain_text("All other sessions were signed out.")
    expect(here.get_by_role("listitem")).to_have_count(1)
    expect_out(there)


@WITH_AND_WITHOUT_SCRIPT
@pytest.mark.proves("V6.2.2", "V6.2.3", "V7.4.3", "V7.2.4")
def test_a_changed_password_signs_out_the_other_browser_and_a_copied_session(
    new_browser: NewBrowser, watchful: Stack, javascript: bool
) -> None:
    person = sign_up(watchful)
    here, there = two_browsers(new_browser, watchful, person, javascript=javascript)
    copy = new_browser(watchful, storage_state=here.context.storage_state()).new_page()
    copy.goto("/dashboard")
    portal.expect_dashboard(copy, person.name)
    here.goto(portal.CHANGE)
    here.get_by_label("Current password", exact=True).fill("not the password at all")
    here.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    portal.press(here, "Change password")
    expect(portal.error(here)).to_contain_text("Incorrect password.")
    here.get_by_label("Current password", exact=True).fill(PASSWORD)
    here.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    portal.press(here, "Change password")
    expect(here).to_have_url(portal.at("/dashboard"))
    expect(here.get_by_text("all your other devices were signed out")).to_be_visible()
    expect_out(there)
    expect_out(copy)
    here.goto("/dashboard")
    portal.expect_dashboard(here, person.name)
    with Api(watchful.base_url) as api:
        assert api.sign_in(person.name).status_code == 401
    portal.sign_in(there, person.name, NEW_PASSWORD)


@WITH_AND_WITHOUT_SCRIPT
@pytest.mark.proves("V7.4.2")
def test_a_deleted_account_is_out_in_both_browsers_and_can_never_sign_in_again(
    new_browser: NewBrowser, watchful: Stack, javascript: bool
) -> None:
    person = sign_up(watchful)
    here, there = two_browsers(new_browser, watchful, person, javascript=javascript)
    here.get_by_role("link", name="Account").click()
    portal.password(here).fill("not the password at all")
    portal.press(here, "Delete account")
    expect(portal.error(here)).to_contain_text("Incorrect password.")
    portal.password(here).fill(PASSWORD)
    portal.press(here, "Delete account")
    portal.expect_sign_in(here)
    expect(here.get_by_text("Your account was deleted.")).to_be_visible()
    assert [cookie for cookie in here.context.cookies() if cookie["name"] == "session"] == []
    expect_out(there)
    portal.fill(there, person.name)
    portal.press(there, "Sign in")
    expect(portal.error(there)).to_contain_text("Incorrect username or password.")


@pytest.mark.proves("V6.2.6", "V6.2.7")
def test_both_passwords_are_masked_can_be_shown_one_by_one_and_may_be_pasted(
    page: Page, person: Person
) -> None:
    portal.sign_in(page, person.name)
    page.goto(portal.CHANGE)
    fields = [page.get_by_label(name, exact=True) for name in ("Current password", "New password")]
    allowed = """input => input.dispatchEvent(
        new ClipboardEvent('paste', {bubbles: true, cancelable: true})
    )"""
    for field in fields:
        assert field.get_attribute("type") == "password"
        assert field.evaluate(allowed)
    portal.press(page, "Show new password")
    assert [field.get_attribute("type") for field in fields] == ["password", "text"]
    expect(page.get_by_text("Your password is shown.")).to_have_role("status")
    portal.press(page, "Hide new password")
    assert [field.get_attribute("type") for field in fields] == ["password", "password"]


def test_what_a_browser_calls_itself_is_shown_as_text_and_fits(
    new_browser: NewBrowser, person: Person, stack: Stack
) -> None:
    hostile = (
        "<img src=x onerror=alert(1)>",
        "w" * 240 + "bot/1.0",
        "\"'><b>",
        "Firefox/" + "9" * 240,
    )
    for user_agent in hostile:
        with Api(stack.base_url) as api:
            api.http.headers["User-Agent"] = user_agent
            assert api.sign_in(person.name).status_code == 201
    page = new_browser().new_page()
    portal.sign_in(page, person.name)
    page.goto(portal.SESSIONS)
    expect(page.get_by_role("listitem")).to_have_count(1 + len(hostile))
    expect(page.locator("main img, main b")).to_have_count(0)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert misfits(page) == [], f"at {width} px"


@WITH_AND_WITHOUT_SCRIPT
def test_a_changed_name_signs_in_alone_and_signs_out_the_other_browser(
    new_browser: NewBrowser, stack_with: Callable[..., Stack], javascript: bool
) -> None:
    stack = stack_with(DOORWARD_RENAME="on", DOORWARD_RENEW_SECONDS=1)
    person = sign_up(stack)
    new_name_of_person = f"{person.name}-2"
    here, there = two_browsers(new_browser, stack, person, javascript=javascript)
    here.get_by_role("link", name="Account", exact=True).click()
    here.get_by_role("link", name="Change your username").click()
    here.get_by_label("New username").fill(new_name_of_person)
    portal.password(here).fill("not the password at all")
    portal.press(here, "Change username")
    expect(portal.error(here)).to_contain_text("Incorrect password.")
    expect(here.get_by_label("New username")).to_have_value(new_name_of_person)
    portal.password(here).fill(PASSWORD)
    portal.press(here, "Change username")
    portal.expect_dashboard(here, new_name_of_person)
    expect(here.get_by_text("Your username was changed")).to_be_visible()
    expect_out(there)
    portal.fill(there, person.name)
    portal.press(there, "Sign in")
    expect(portal.error(there)).to_contain_text("Incorrect username or password.")
    portal.sign_in(there, new_name_of_person)


@WITH_AND_WITHOUT_SCRIPT
def test_people_download_what_is_kept_about_them_from_the_page_of_their_account(
    new_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    page = new_browser(java_script_enabled=javascript).new_page()
    portal.sign_in(page, person.name)
    page.get_by_role("link", name="Account", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything kept about you").click()
    assert download.value.suggested_filename == f"doorward-{person.name}.json"
    data = json.loads(download.value.path().read_text("utf-8"))
    assert data["account"]["username"] == person.name
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")

"""What people do on the pages, in the words that stand there."""

import re

from playwright.sync_api import Locator, Page, expect

from journeys.visitor import PASSWORD

SUMMARY = "There is a problem"
SESSIONS, CHANGE, DELETE = "/account/sessions", "/account/password", "/account/delete"
ELSEWHERE = "Sign out everywhere else"


def username(page: Page) -> Locator:
    """The field for the user name."""
    return page.get_by_label("Username")


def password(page: Page) -> Locator:
    """The field for the password, which the button beside it also names."""
    return page.get_by_label("Password", exact=True)


def button(page: Page, name: str) -> Locator:
    """A button with exactly this name."""
    return page.get_by_role("button", name=name, exact=True)


def press(page: Page, name: str) -> None:
    """Press a button, in the tab that one looks at: in the others browsers take their time."""
    page.bring_to_front()
    button(page, name).click()


def summary(page: Page) -> Locator:
    """The list of several errors above a form."""
    return page.locator(".summary").filter(has_text=SUMMARY)


def error(page: Page) -> Locator:
    """The one error of a form: beside its field, or above the form if it concerns all of it."""
    return page.locator("#form-error, .field > .error")


def fill(page: Page, name: str, secret: str = PASSWORD) -> None:
    """Fill in the form for a user name and a password."""
    page.bring_to_front()
    username(page).fill(name)
    password(page).fill(secret)


def sign_in(page: Page, name: str, secret: str = PASSWORD) -> None:
    """Sign in, and arrive."""
    page.goto("/login")
    fill(page, name, secret)
    press(page, "Sign in")
    expect_dashboard(page, name)


def sign_out(page: Page) -> None:
    """Sign out on any page, and arrive."""
    press(page, "Sign out")
    expect_sign_in(page)


def expect_dashboard(page: Page, name: str) -> None:
    """The dashboard of this person is shown."""
    expect(page).to_have_url(at("/dashboard"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {name}")


def expect_sign_in(page: Page, query: str = "") -> None:
    """The sign-in page is shown, at exactly this address."""
    expect(page).to_have_url(at(f"/login{query}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def at(path: str) -> re.Pattern[str]:
    """The address of a page on any stack."""
    return re.compile(rf"^http://[^/]+{re.escape(path)}$")

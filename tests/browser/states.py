"""Every page and every state of it, and the way there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page, expect

from browser import portal
from journeys.visitor import PASSWORD, new_name

Way = Callable[[Page, str], None]


@dataclass(frozen=True)
class State:
    """What is to be seen, on which kind of stack, and how somebody with this name gets there.

    With `long_ago` they signed in so long ago that they are asked for the password again.
    """

    status: int
    way: Way
    stack: Literal["usual", "closed", "failing", "renaming"] = "usual"
    signed_in: bool = False
    long_ago: bool = False


def _address(path: str) -> Way:
    return lambda page, _: page.goto(path) and None


def _sent(path: str, button: str, name: str | None = None, secret: str = PASSWORD) -> Way:
    def way(page: Page, person: str) -> None:
        page.goto(path)
        _send(page, button, person if name is None else name, secret)

    return way


def _send(page: Page, button: str, name: str, secret: str = PASSWORD) -> None:
    portal.fill(page, name, secret)
    _press(page, button)


def _press(page: Page, button: str) -> None:
    with page.expect_response(lambda response: response.request.method == "POST"):
        portal.press(page, button)
    page.wait_for_load_state()


def _signed_in(path: str) -> Way:
    def way(page: Page, person: str) -> None:
        portal.sign_in(page, person)
        page.goto(path)

    return way


def _changed(path: str, button: str, **secrets: str) -> Way:
    def way(page: Page, person: str) -> None:
        _signed_in(path)(page, person)
        for field, secret in secrets.items():
            page.fill(f"#{field}", secret)
        _press(page, button)

    return way


def _asked_again(*secrets: str) -> Way:
    def way(page: Page, _: str) -> None:
        page.goto(portal.SESSIONS)
        _press(page, portal.ELSEWHERE)
        for secret in secrets:
            portal.password(page).fill(secret)
            _press(page, portal.ELSEWHERE)

    return way


def _stale_change(page: Page, person: str) -> None:
    _signed_in(portal.CHANGE)(page, person)
    for token in page.locator("input[name=csrf_token]").all():
        token.evaluate("input => { input.value = 'from-yesterday'; }")
    _press(page, "Change password")


def _held_up(page: Page, _: str) -> None:
    name = new_name()
    page.goto("/login")
    while not page.get_by_text("too many wrong passwords").count():
        _send(page, "Sign in", name, "not the password")


def _told(notice: str, path: str) -> Way:
    def way(page: Page, _: str) -> None:
        page.goto("/login")
        page.context.add_cookies([{"name": "notice", "value": notice, "url": page.url}])
        page.goto(path)

    return way


def _signed_out(page: Page, person: str) -> None:
    portal.sign_in(page, person)
    _press_sign_out(page, person)


def _second_tab(page: Page, person: str) -> None:
    page.goto("/login")
    other = page.context.new_page()
    portal.sign_in(other, person)
    other.close()
    _send(page, "Sign in", person)


def _open_too_long(page: Page, person: str) -> None:
    page.goto("/login")
    page.context.clear_cookies()
    _send(page, "Sign in", person)


def _password_changed(page: Page, person: str) -> None:
    portal.sign_in(page, person)
    page.context.add_cookies([{"name": "notice", "value": "password-changed", "url": page.url}])
    page.reload()


def _stale_sign_in(page: Page, person: str) -> None:
    page.goto("/login")
    _spoil(page)
    _send(page, "Sign in", person)


def _stale_sign_out(page: Page, person: str) -> None:
    portal.sign_in(page, person)
    _spoil(page)
    _press_sign_out(page, person)


def _shortly_before_the_end(page: Page, person: str) -> None:
    page.clock.install()
    portal.sign_in(page, person)
    page.clock.fast_forward("28:30")
    expect(page.get_by_role("link", name="Stay signed in")).to_be_visible()


def _after_wrong_passwords(page: Page, person: str) -> None:
    portal.sign_in(page, person)
    portal.sign_out(page)
    _send(page, "Sign in", person, "not the password")
    portal.sign_in(page, person)
    expect(page.get_by_text("Wrong passwords since then")).to_be_visible()


def _shown_password(page: Page, _: str) -> None:
    page.goto("/register")
    portal.fill(
        page, "mara", "a few quiet words that are long enough to fill the whole field and more"
    )
    portal.press(page, "Show password")


def _newcomer(path: str, button: str = "", **fields: str) -> Way:
    """Return the way of somebody who has just registered to a page and perhaps its form."""

    def way(page: Page, _: str) -> None:
        name = new_name()
        page.goto("/register")
        portal.fill(page, name)
        portal.press(page, "Create account")
        portal.expect_dashboard(page, name)
        page.goto(path)
        for field, text in fields.items():
            page.fill(f"#{field}", text)
        if button:
            _press(page, button)

    return way


def _renamed(page: Page, person: str) -> None:
    fields = {"username": new_name(), "password": PASSWORD}
    _newcomer("/account/username", "Change username", **fields)(page, person)


def _press_sign_out(page: Page, _: str) -> None:
    if not page.url.endswith("/dashboard"):
        page.goto("/dashboard")
    portal.press(page, "Sign out")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Hello")


def _spoil(page: Page) -> None:
    page.locator("input[name=csrf_token]").evaluate("input => { input.value = 'from-yesterday'; }")


_REGISTER = "Create account"
_TOO_SHORT = {"current_password": "not it", "new_password": "too short"}
STATES = {
    "sign-in": State(200, _address("/login")),
    "sign-in after inactivity": State(200, _told("idle", "/login?next=/dashboard")),
    "sign-in after signing out": State(200, _signed_out),
    "sign-in in a tab from before another one signed in": State(400, _second_tab),
    "sign-in of a page that was open too long": State(400, _open_too_long),
    "sign-in refused": State(401, _sent("/login", "Sign in", secret="not the password")),
    "sign-in left empty": State(401, _sent("/login", "Sign in", name="", secret="")),
    "sign-in from a stale form": State(400, _stale_sign_in),
    "registration": State(200, _address("/register")),
    "registration with the password shown": State(200, _shown_password),
    "registration refused": State(
        422, _sent("/register", _REGISTER, name="a b", secret="too short")
    ),
    "registration of a taken name": State(
        409, _sent("/register", _REGISTER, secret="not the password of that account")
    ),
    "dashboard": State(200, portal.sign_in),
    "dashboard after a wrong password": State(200, _after_wrong_passwords),
    "dashboard shortly before the end": State(200, _shortly_before_the_end),
    "dashboard after the password was changed": State(200, _password_changed),
    "sign-out": State(200, _signed_in("/logout")),
    "sessions": State(200, _signed_in(portal.SESSIONS)),
    "sessions: the password again": State(403, _asked_again(), long_ago=True),
    "sessions: the password again, refused": State(
        422, _asked_again("not the password"), long_ago=True
    ),
    "password": State(200, _signed_in(portal.CHANGE)),
    "password left empty": State(422, _changed(portal.CHANGE, "Change password")),
    "password refused, the current one right": State(
        422,
        _changed(
            portal.CHANGE, "Change password", current_password=PASSWORD, new_password="too short"
        ),
    ),
    "password refused": State(422, _changed(portal.CHANGE, "Change password", **_TOO_SHORT)),
    "password from a stale form": State(400, _stale_change),
    "account": State(200, _signed_in(portal.DELETE)),
    "account: wrong password": State(
        422, _changed(portal.DELETE, "Delete account", password="not it")
    ),
    "account where names may change": State(200, _newcomer("/account"), "renaming"),
    "username": State(200, _newcomer("/account/username"), "renaming"),
    "username refused": State(
        422,
        _newcomer("/account/username", "Change username", username="a b", password="not it"),
        "renaming",
    ),
    "username changed": State(200, _renamed, "renaming"),
    "username where names stay": State(403, _signed_in("/account/username")),
    "sign-out from a stale form": State(400, _stale_sign_out),
    "no such page": State(404, _address("/no-such-page")),
    "nginx: no such page": State(404, _address("/livez")),
    "nginx: too much": State(413, _sent("/login", "Sign in", secret="x" * 20_000)),
    "sign-in where registration is closed": State(200, _address("/login"), "closed"),
    "registration closed": State(403, _address("/register"), "closed"),
    "sign-in held up after wrong passwords": State(429, _held_up),
    "nginx: too many attempts": State(429, _sent("/login", "Sign in"), "closed"),
    "dashboard while auth-service is down": State(
        200, _address("/dashboard"), "failing", signed_in=True
    ),
    "sign-in while auth-service is down": State(503, _sent("/login", "Sign in"), "failing"),
    "sessions while auth-service is down": State(
        503, _address(portal.SESSIONS), "failing", signed_in=True
    ),
    "sign-out while auth-service is down": State(503, _press_sign_out, "failing", signed_in=True),
}

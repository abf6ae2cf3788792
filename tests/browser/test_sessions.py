"""How sessions begin and end in a browser that has several tabs, a back button and a clock."""

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Route, expect

from browser import portal
from browser.conftest import VISITOR, NewBrowser, Person, Watched, sign_up
from browser.test_journeys import WITH_AND_WITHOUT_SCRIPT
from journeys.visitor import PASSWORD, claims
from running_stack import Stack
from scripts.chromium import LAUNCH

IDLE, ABSOLUTE, RENEW = 8, 12, 3


@pytest.fixture(scope="session")
def brief(stack_with: Callable[..., Stack]) -> Stack:
    """A stack where sessions last seconds, not hours."""
    return stack_with(
        DOORWARD_IDLE_SECONDS=IDLE, DOORWARD_ABSOLUTE_SECONDS=ABSOLUTE, DOORWARD_RENEW_SECONDS=RENEW
    )


def test_a_session_slides_with_use_until_its_limit_and_the_page_says_why(
    new_browser: NewBrowser, brief: Stack
) -> None:
    person = sign_up(brief)
    page = new_browser(brief).new_page()
    portal.sign_in(page, person.name)
    limit = _claim(page.context, "auth_time") + ABSOLUTE
    ends = [_claim(page.context, "exp")]
    while ends[-1] < limit:
        wait_until(page, _claim(page.context, "iat") + RENEW + 1)
        page.reload()
        portal.expect_dashboard(page, person.name)
        ends.append(_claim(page.context, "exp"))
    assert ends == sorted(set(ends))
    assert ends[-1] == limit
    # There is nothing left to prolong, so the warning asks for nothing.
    expect(page.get_by_text("Your session reaches its time limit in")).to_be_visible()
    expect(page.get_by_role("link", name="Stay signed in")).to_have_count(0)
    wait_until(page, limit)
    page.reload()
    portal.expect_sign_in(page, "?next=/dashboard")
    expect(
        page.get_by_text("You were signed out: a session lasts 12 seconds at most.")
    ).to_be_visible()


ENDING = "Your session ends in"


@pytest.mark.parametrize("path", ["/dashboard", portal.SESSIONS, portal.CHANGE, portal.DELETE])
def test_every_page_of_the_account_warns_two_minutes_before_the_session_ends(
    page: Page, person: Person, path: str
) -> None:
    page.clock.install()
    portal.sign_in(page, person.name)
    page.goto(path)
    warning = page.locator("[aria-live=polite]").filter(has_text=ENDING)
    page.clock.fast_forward("27:30")
    expect(warning).to_have_count(0)
    page.clock.fast_forward("01:00")
    expect(warning).to_contain_text("1 minute")
    page.clock.fast_forward("00:45")
    expect(warning).to_contain_text("40 seconds")
    page.get_by_role("link", name="Stay signed in").click()
    expect(page).to_have_url(portal.at(path))
    expect(warning).to_have_count(0)


def test_the_warning_counts_right_where_the_browser_has_another_time(
    page: Page, person: Person
) -> None:
    page.clock.install(time="2031-05-01T12:00:00")
    portal.sign_in(page, person.name)
    page.clock.fast_forward("28:30")
    expect(page.get_by_text(ENDING)).to_be_visible()


def test_the_warning_goes_when_another_tab_has_kept_the_session_alive(
    new_browser: NewBrowser, person: Person
) -> None:
    browser = new_browser()
    page = browser.new_page()
    page.clock.install()
    portal.sign_in(page, person.name)
    page.clock.fast_forward("28:30")
    expect(page.get_by_text(ENDING)).to_be_visible()
    browser.new_page().goto("/dashboard")
    expect(page.get_by_text(ENDING)).to_have_count(0)


def test_a_page_that_is_left_open_leads_to_signing_in_when_the_session_has_ended(
    new_browser: NewBrowser, brief: Stack
) -> None:
    person = sign_up(brief)
    page = new_browser(brief).new_page()
    portal.sign_in(page, person.name)
    page.wait_for_url("**/login**", timeout=30_000)
    portal.expect_sign_in(page, "?next=/dashboard")
    expect(page.get_by_text("You were signed out after 8 seconds")).to_be_visible()


@pytest.fixture
def keeping_browser(playwright: Playwright, watched: Watched, stack: Stack) -> Iterator[NewBrowser]:
    """Return a browser that keeps pages to go back to, as people's do and Playwright's do not."""
    keeping = {"ignore_default_args": ["--disable-back-forward-cache"]}
    with playwright.chromium.launch(**LAUNCH, **keeping) as program:
        yield lambda **options: watched.begin(
            program.new_context(**VISITOR, base_url=stack.base_url, **options), stack.base_url
        )


@pytest.mark.proves("V14.3.1", "V14.3.2")
@WITH_AND_WITHOUT_SCRIPT
def test_the_back_button_shows_no_private_page_after_signing_out(
    keeping_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    page = keeping_browser(java_script_enabled=javascript).new_page()
    portal.sign_in(page, person.name)
    portal.sign_out(page)
    _go_back(page)
    portal.expect_sign_in(page, "?next=/dashboard")


def test_the_back_button_shows_no_private_page_after_signing_out_in_another_tab(
    keeping_browser: NewBrowser, person: Person
) -> None:
    browser = keeping_browser()
    page, other = browser.new_page(), browser.new_page()
    portal.sign_in(page, person.name)
    page.goto("/nowhere")
    _go_back(page)
    # Without this the rest would prove nothing: a page that was kept came back, and is loaded anew.
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    loaded = "() => performance.getEntriesByType('navigation')[0].type"
    assert page.evaluate(loaded) == "reload"
    page.goto("/nowhere")
    other.goto("/dashboard")
    portal.sign_out(other)
    _go_back(page)
    portal.expect_sign_in(page, "?next=/dashboard")


@pytest.mark.parametrize(
    ("address", "button", "signs_out"),
    [
        ("/login", "Sign in", False),
        ("/login", "Sign in", True),
        ("/register", "Create account", False),
    ],
)
def test_a_form_from_before_another_tab_signed_in_leads_on(
    new_browser: NewBrowser, person: Person, address: str, button: str, signs_out: bool
) -> None:
    browser = new_browser()
    stale, other = browser.new_page(), browser.new_page()
    stale.goto(address)
    portal.sign_in(other, person.name)
    if signs_out:
        portal.sign_out(other)
    portal.fill(stale, person.name)
    with stale.expect_response(lambda response: response.request.method == "POST") as answered:
        portal.press(stale, button)
    if not signs_out:
        assert answered.value.status == 400
        heading = stale.get_by_role("heading", level=1)
        expect(heading).to_have_text(f"You are already signed in as {person.name}")
        stale.get_by_role("link", name="Continue").click()
    portal.expect_dashboard(stale, person.name)


@WITH_AND_WITHOUT_SCRIPT
def test_four_tabs_opened_at_a_first_visit_all_have_forms_that_work(
    new_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    browser = new_browser(java_script_enabled=javascript)
    tabs = [browser.new_page() for _ in range(4)]
    for tab in tabs:
        browser.clear_cookies()
        tab.goto("/login")
    for tab in tabs:
        portal.fill(tab, person.name)
        portal.press(tab, "Sign in")
        portal.expect_dashboard(tab, person.name)
        portal.sign_out(tab)


@WITH_AND_WITHOUT_SCRIPT
def test_signing_out_in_two_tabs_ends_at_signing_in(
    new_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    browser = new_browser(java_script_enabled=javascript)
    first, second = browser.new_page(), browser.new_page()
    portal.sign_in(first, person.name)
    second.goto("/dashboard")
    portal.sign_out(first)
    portal.sign_out(second)
    expect(second.get_by_text("You are signed out.")).to_have_role("status")


@WITH_AND_WITHOUT_SCRIPT
def test_a_form_of_the_account_says_that_another_tab_has_signed_out(
    new_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    browser = new_browser(java_script_enabled=javascript)
    page, other = browser.new_page(), browser.new_page()
    portal.sign_in(page, person.name)
    page.goto(portal.DELETE)
    other.goto("/dashboard")
    portal.sign_out(other)
    portal.password(page).fill(PASSWORD)
    portal.press(page, "Delete account")
    portal.expect_sign_in(page, "?next=/account/delete")
    expect(page.get_by_text("You signed out in another tab.")).to_be_visible()


def test_going_back_past_a_refused_form_asks_nothing(page: Page, person: Person) -> None:
    page.goto("/register")
    page.goto("/login")
    portal.fill(page, person.name, "not the password")
    portal.press(page, "Sign in")
    expect(portal.error(page)).to_be_visible()
    portal.password(page).fill(person.password)
    portal.press(page, "Sign in")
    portal.expect_dashboard(page, person.name)
    page.evaluate("() => { history.back(); }")
    # Whoever is signed in is led on from the sign-in page.
    page.wait_for_timeout(500)
    portal.expect_dashboard(page, person.name)


def test_a_sign_out_button_from_an_earlier_session_asks_once_more(
    new_browser: NewBrowser, person: Person
) -> None:
    browser = new_browser()
    stale, other = browser.new_page(), browser.new_page()
    portal.sign_in(stale, person.name)
    other.goto("/dashboard")
    portal.sign_out(other)
    portal.sign_in(other, person.name)
    portal.press(stale, "Sign out")
    expect(stale).to_have_title("Error: You are not signed out yet · Doorward")
    portal.sign_out(stale)
    other.reload()
    portal.expect_sign_in(other, "?next=/dashboard")


def test_a_browser_that_blocks_cookies_is_told_so(
    playwright: Playwright, watched: Watched, stack: Stack, tmp_path: Path
) -> None:
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(
        json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}})
    )
    context = playwright.chromium.launch_persistent_context(
        tmp_path, base_url=stack.base_url, **LAUNCH
    )
    page = watched.begin(context, stack.base_url).new_page()
    page.goto("/login")
    portal.fill(page, "mara")
    portal.press(page, "Sign in")
    expect(portal.error(page)).to_contain_text("This page was open too long.")
    portal.password(page).fill("the password of mara")
    portal.press(page, "Sign in")
    expect(portal.error(page)).to_contain_text(
        "Your browser sent no cookie. Allow cookies for this site"
    )
    expect(portal.username(page)).to_have_value("mara")
    expect(portal.password(page)).to_have_value("")
    assert watched.of(page).status == 400
    assert context.cookies() == []


def test_a_renewal_that_comes_after_signing_out_does_not_bring_the_session_back(
    new_browser: NewBrowser, brief: Stack
) -> None:
    person = sign_up(brief)
    browser = new_browser(brief)
    late, other = browser.new_page(), browser.new_page()
    portal.sign_in(late, person.name)
    other.goto("/dashboard")
    wait_until(late, _claim(browser, "iat") + RENEW + 1)

    held: list[Route] = []
    # A lambda, because Playwright marks the function that it calls.
    late.route("**/dashboard", lambda route: held.append(route), times=1)  # noqa: PLW0108
    with late.expect_request("**/dashboard"):
        late.evaluate("() => { location.reload(); }")
    while not held:
        late.wait_for_timeout(10)
    status, headers, body = _answer(held[0])
    renewed = _cookie_set_by(headers)
    assert status == 200
    assert renewed != _cookie(browser, "session")

    portal.sign_out(other)
    assert _cookie(browser, "session") is None
    with late.expect_event("load"):
        held[0].fulfill(status=status, headers=headers, body=body)
    # The browser did take the late cookie, so it is the server that has to refuse it.
    assert _cookie(browser, "session") == renewed

    late.goto("/dashboard")
    portal.expect_sign_in(late, "?next=/dashboard")
    # So young a token is not renewed: auth-service was not asked, the browser's marker told.
    assert time.time() < claims(renewed)["iat"] + RENEW
    assert _cookie(browser, "session") is None
    portal.sign_in(late, person.name)


def _go_back(page: Page) -> None:
    """Press the back button. Playwright's own waits for a load, which kept pages do not do."""
    page.evaluate("() => { history.back(); }")
    expect(page).not_to_have_url(re.compile("/nowhere$"))


def wait_until(page: Page, moment: float) -> None:
    """Let the time pass until this Unix time, a little into its second."""
    page.wait_for_function("moment => Date.now() > moment", arg=moment * 1000 + 50)


def _cookie(browser: BrowserContext, name: str) -> str | None:
    values = [cookie["value"] for cookie in browser.cookies() if cookie["name"] == name]
    return values[0] if values else None


def _claim(browser: BrowserContext, name: str) -> int:
    token = _cookie(browser, "session")
    assert token
    value: int = claims(token)[name]
    return value


def _answer(route: Route) -> tuple[int, dict[str, str], bytes]:
    """Get the answer to a request that the browser is kept waiting for; its cookies stay ours."""
    address = urlsplit(route.request.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=10)
    headers = {**route.request.all_headers(), "accept-encoding": "identity"}
    connection.request("GET", address.path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def _cookie_set_by(headers: dict[str, str]) -> str:
    name, _, value = headers["set-cookie"].partition(";")[0].partition("=")
    assert name == "session"
    return value

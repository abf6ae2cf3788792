"""What forms say, keep and forget, and what they tell password managers."""

import pytest
from playwright.sync_api import Page, Route, expect

from browser import portal
from browser.conftest import NewBrowser, Person, Watched
from browser.test_journeys import WITH_AND_WITHOUT_SCRIPT
from journeys.visitor import PASSWORD, new_name

NO_CONTENT = 204


@WITH_AND_WITHOUT_SCRIPT
def test_a_wrong_password_keeps_the_name_clears_itself_and_is_announced(
    new_browser: NewBrowser, person: Person, javascript: bool
) -> None:
    page = new_browser(java_script_enabled=javascript).new_page()
    page.goto("/login")
    portal.fill(page, person.name, "not the password at all")
    portal.press(page, "Sign in")
    expect(page).to_have_title("Error: Sign in · Doorward")
    expect(portal.username(page)).to_have_value(person.name)
    expect(portal.password(page)).to_have_value("")
    expect(page.get_by_role("alert")).to_contain_text("Incorrect username or password.")
    expect(portal.password(page)).to_be_focused()
    # Neither field is singled out: that would tell which of the two was wrong.
    expect(page.locator("[aria-invalid]")).to_have_count(0)

    portal.password(page).fill(person.password)
    portal.press(page, "Sign in")
    portal.expect_dashboard(page, person.name)


@WITH_AND_WITHOUT_SCRIPT
def test_errors_at_registration_link_to_their_fields_in_the_order_of_the_page(
    new_browser: NewBrowser, javascript: bool
) -> None:
    page = new_browser(java_script_enabled=javascript).new_page()
    page.goto("/register")
    portal.fill(page, "a b", "too short")
    portal.press(page, "Create account")
    expect(page).to_have_title("Error: Create an account · Doorward")
    expect(portal.username(page)).to_have_value("a b")
    expect(portal.password(page)).to_have_value("")
    _expect_linked_errors(
        page, {"username": "Remove the space.", "password": "Use at least 15 characters"}
    )


def test_an_error_page_reads_well_to_a_screen_reader(page: Page) -> None:
    page.goto("/register")
    portal.fill(page, "a b", "too short")
    portal.press(page, "Create account")
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - main:
          - heading "Create an account" [level=1]
          - alert:
            - heading "There is a problem" [level=2]
            - list:
              - listitem:
                - link "Remove the space."
              - listitem:
                - link "Use at least 15 characters."
          - text: "Username"
          - paragraph: "Error: Remove the space."
          - textbox "Username": a b
          - text: Display name (optional)
          - textbox "Display name (optional)"
          - text: Password
          - paragraph: "Error: Use at least 15 characters."
          - textbox "Password"
          - button "Show password"
          - status
          - button "Create account"
    """)


@pytest.mark.proves("V1.2.1", "V3.2.2")
def test_what_was_typed_comes_back_as_text_and_nothing_else(page: Page) -> None:
    hostile = '"><script>document.title="broken"</script>'
    page.goto("/register")
    portal.fill(page, hostile)
    portal.press(page, "Create account")
    expect(page).to_have_title("Error: Create an account · Doorward")
    expect(portal.username(page)).to_have_value(hostile)
    expect(page.locator("main script")).to_have_count(0)


@pytest.mark.proves("NIST-3.1.1.2-managers")
def test_the_button_that_shows_a_password_says_what_it_does_and_did(page: Page) -> None:
    page.goto("/login")
    portal.password(page).fill(PASSWORD)
    button = portal.button(page, "Show password")
    expect(button).to_have_attribute("type", "button")
    expect(button).to_have_attribute("aria-controls", "password")
    expect(button).to_have_text("Show")
    button.click()
    expect(portal.password(page)).to_have_attribute("type", "text")
    expect(portal.password(page)).to_have_value(PASSWORD)
    expect(page.get_by_text("Your password is shown.")).to_have_role("status")
    hide = portal.button(page, "Hide password")
    expect(hide).to_have_text("Hide")
    expect(hide).to_be_focused()
    hide.click()
    expect(portal.password(page)).to_have_attribute("type", "password")
    expect(page.get_by_text("Your password is hidden.")).to_have_role("status")


def test_a_shown_password_is_hidden_again_before_it_is_sent(page: Page) -> None:
    page.goto("/login")
    portal.fill(page, new_name())
    portal.press(page, "Show password")
    # Without content to show, the page stays as it was when the form was sent.
    page.route("**/login", lambda route: route.fulfill(status=NO_CONTENT))
    with page.expect_response("**/login"):
        portal.password(page).press("Enter")
    expect(portal.password(page)).to_have_attribute("type", "password")
    expect(portal.button(page, "Show password")).to_be_visible()


@pytest.mark.proves("V2.3.1")
@pytest.mark.parametrize("again", ["a second click", "a second Enter"])
def test_an_impatient_visitor_registers_once(page: Page, watched: Watched, again: str) -> None:
    name = new_name()
    page.goto("/register")
    portal.fill(page, name)
    box = portal.button(page, "Create account").bounding_box()
    assert box
    held: list[Route] = []
    # A lambda, because Playwright marks the function that it calls.
    page.route("**/register", lambda route: held.append(route))  # noqa: PLW0108
    with page.expect_request("**/register"):
        page.keyboard.press("Enter")
    if again == "a second click":
        page.mouse.click(box["x"] + 5, box["y"] + 5)
    else:
        page.keyboard.press("Enter")
    assert len(held) == 1
    held[0].continue_()
    portal.expect_dashboard(page, name)
    assert watched.of(page).posts == ["/register"]


def test_a_form_that_got_no_answer_can_be_sent_again(
    page: Page, person: Person, watched: Watched
) -> None:
    page.clock.install()
    page.goto("/login")
    portal.fill(page, person.name)
    page.route("**/login", lambda route: route.fulfill(status=NO_CONTENT), times=1)
    with page.expect_response("**/login"):
        portal.press(page, "Sign in")
    portal.press(page, "Sign in")
    assert watched.of(page).posts == ["/login"]
    page.clock.fast_forward("00:08")
    portal.press(page, "Sign in")
    portal.expect_dashboard(page, person.name)
    assert watched.of(page).posts == ["/login"] * 2


def _expect_linked_errors(page: Page, errors: dict[str, str]) -> None:
    """Each error stands above the form as a link, and beside its field for eye and ear."""
    links = portal.summary(page).get_by_role("link")
    expect(links).to_have_count(len(errors))
    expect(page.locator("[aria-invalid=true]")).to_have_count(len(errors))
    for number, (name, words) in enumerate(errors.items()):
        field = page.locator(f"#{name}")
        expect(links.nth(number)).to_contain_text(words)
        described_by = (field.get_attribute("aria-describedby") or "").split()
        assert f"{name}-error" in described_by
        expect(page.locator(f"#{name}-error")).to_contain_text(words)
        links.nth(number).click()
        expect(field).to_be_focused()
        expect(page.locator(f"label[for={name}]")).to_be_in_viewport(ratio=1)

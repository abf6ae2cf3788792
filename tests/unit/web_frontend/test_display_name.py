"""The display name on the pages."""

from tests.unit.web_frontend.conftest import Site
from web_frontend.auth_service.answers import Refused


def test_people_are_greeted_with_their_display_name(site: Site) -> None:
    assert "Hello, Al the Great" in site.signed_in(name="Al the Great").get("/dashboard").words
    assert "Hello, Alice" in site.signed_in().get("/dashboard").words


def test_a_display_name_is_text_and_never_markup(site: Site) -> None:
    page = site.signed_in(name="<b>Al</b>").get("/dashboard").text
    assert "<b>Al" not in page
    assert "&lt;b&gt;Al" in page


def test_a_registration_passes_the_display_name_on(site: Site) -> None:
    site.browser().register(display_name=" Al ")
    site.browser().register()
    assert site.auth.display_names == ["Al", ""]


def test_a_changed_name_leads_to_the_dashboard_with_a_new_token(site: Site) -> None:
    answer = site.signed_in().send("/account/name", display_name="Al")
    assert (answer.status, answer.location) == (303, "/dashboard")
    assert answer.notice == "name-changed"
    assert "session" in answer.cookies
    assert site.auth.asked == ["change_display_name"]


def test_a_wrong_name_comes_back_with_its_message(site: Site) -> None:
    message = "The display name is too long. Use at most 64 characters."
    refusal = Refused(422, "invalid-fields", {"display_name": [message]}, 5)
    site.auth.answers["change_display_name"] = refusal
    answer = site.signed_in().send("/account/name", display_name="x" * 65)
    assert answer.status == 422
    assert message in answer.words

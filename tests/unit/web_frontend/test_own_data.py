"""The download of everything that is kept about somebody."""

import json

import pytest

from tests.unit.web_frontend.account_pages import ENDED, UNREACHABLE
from tests.unit.web_frontend.conftest import Site
from web_frontend.auth_service.answers import PersonalData

DATA = "/account/data"
KEPT = {
    "account": {"id": "user-1", "username": "Alice", "display_name": "Zoë"},
    "sign_ins": {"previous_at": None, "wrong_passwords": 0},
    "sessions": [{"id": "session-1", "current": True}],
    "devices": [{"id": "9f86d081", "used_at": "2026-11-22T10:00:00Z"}],
}


@pytest.fixture
def kept(site: Site) -> None:
    site.auth.answers["personal_data"] = PersonalData.model_validate(KEPT)


@pytest.mark.usefixtures("kept")
def test_the_data_comes_as_a_file_of_json_that_no_cache_stores(site: Site) -> None:
    answer = site.signed_in().get(DATA)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="doorward-Alice.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.text) == KEPT


@pytest.mark.usefixtures("kept")
def test_the_file_is_indented_and_has_its_characters_for_people(site: Site) -> None:
    assert '\n    "display_name": "Zoë"' in site.signed_in().get(DATA).text


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("username", ["a.b_c@d+e-f", "x" * 64])
def test_every_user_name_fits_into_the_name_of_the_file(site: Site, username: str) -> None:
    answer = site.signed_in(preferred_username=username).get(DATA)
    expected = f'attachment; filename="doorward-{username}.json"'
    assert answer.headers["Content-Disposition"] == expected


def test_the_page_of_the_account_links_to_the_download(site: Site) -> None:
    assert DATA in site.signed_in().get("/account").page.links


def test_nobody_gets_a_file_without_a_live_session(site: Site) -> None:
    for browser in (site.browser(), site.signed_in(60)):
        site.auth.answers["renew"] = ENDED
        answer = browser.get(DATA)
        assert answer.status == 303
        assert str(answer.location).startswith("/login")
        assert "Content-Disposition" not in answer.headers
    assert "personal_data" not in site.auth.asked


def test_signing_in_for_the_download_leads_to_the_page_with_its_link(site: Site) -> None:
    browser = site.browser()
    form = browser.get(str(browser.get(DATA).location)).page
    assert form.inputs["next"]["value"] == "/account"


def test_a_session_that_ends_at_that_very_moment_leads_to_signing_in(site: Site) -> None:
    site.auth.answers["personal_data"] = ENDED
    answer = site.signed_in().get(DATA)
    assert (answer.status, answer.location, answer.notice) == (303, "/login", "ended-just-now")


def test_without_auth_service_there_is_a_page_and_no_file(site: Site) -> None:
    site.auth.answers["personal_data"] = UNREACHABLE
    answer = site.signed_in().get(DATA)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "Content-Disposition" not in answer.headers

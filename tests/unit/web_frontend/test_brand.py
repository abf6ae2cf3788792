"""Pages with the operator's own name, logo, colour, links and contact."""

from pathlib import Path

import pytest

from tests.unit.web_frontend.conftest import MakeSite, Site

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 32"><path d="M0 0h9"/></svg>'
HOSTILE_NAME = "<script>\"'&{{ 7*7 }}</script>"
PAGES = ("/login", "/register", "/nowhere")
ACCOUNT_PAGES = ("/dashboard", "/account/sessions", "/account/password", "/account/name")


@pytest.fixture
def branded(make_site: MakeSite, tmp_path: Path) -> Site:
    """A site with all of it."""
    (tmp_path / "acme.svg").write_bytes(SVG)
    return make_site(
        site_name="Acme & Sons",
        brand_dir=tmp_path,
        logo_file="acme.svg",
        accent="#2563eb,#60a5fa",
        privacy_url="https://acme.example/privacy?a=1&b=2",
        terms_url="https://acme.example/terms",
    )


def test_every_page_has_the_name_of_the_site_and_none_that_of_the_product(branded: Site) -> None:
    answers = [branded.browser().get(path) for path in PAGES]
    answers += [branded.signed_in().get(path) for path in ACCOUNT_PAGES]
    for answer in answers:
        assert " · Acme &amp; Sons</title>" in answer.text
        assert answer.words.count("Acme & Sons") == 2, "title and header"
        assert "Doorward" not in answer.words


def test_the_product_names_itself_where_no_name_is_set(site: Site) -> None:
    answer = site.browser().get("/login")
    assert "<title>Sign in · Doorward</title>" in answer.text
    assert "<footer>" not in answer.text
    assert "<img" not in answer.text


def test_every_page_links_to_the_privacy_notice_and_the_terms(branded: Site) -> None:
    answers = [branded.browser().get(path) for path in PAGES]
    answers += [branded.signed_in().get(path) for path in ACCOUNT_PAGES]
    for answer in answers:
        assert "https://acme.example/privacy?a=1&b=2" in answer.page.links
        assert "https://acme.example/terms" in answer.page.links
        assert "Privacy notice" in answer.words


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ""),
        ({"terms_url": "https://a.example"}, "read the terms of use."),
        ({"privacy_url": "https://a.example"}, "read the privacy notice."),
        (
            {"terms_url": "https://a.example", "privacy_url": "https://b.example"},
            "read the terms of use and the privacy notice.",
        ),
    ],
)
def test_registration_says_what_to_read_first(
    make_site: MakeSite, settings: dict[str, str], said: str
) -> None:
    words = make_site(**settings).browser().get("/register").words
    assert (f"Before you create an account, {said}" in words) == bool(said)
    assert ("Before you" in words) == bool(said)


def test_the_logo_is_a_static_file_with_its_size_and_is_the_icon_too(branded: Site) -> None:
    text = branded.browser().get("/login").text
    address = branded.app.jinja_env.globals["logo_url"]
    assert f'<img src="{address}" alt="" width="96" height="32">' in text
    assert f'<link rel="icon" href="{address}" type="image/svg+xml">' in text
    answer = branded.browser().get(address)
    assert (answer.status, answer.response.data) == (200, SVG)
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_accent_colour_is_in_the_stylesheet_under_another_name(
    site: Site, branded: Site
) -> None:
    usual, ours = (each.app.jinja_env.globals["css_url"] for each in (site, branded))
    assert usual != ours
    sheet = branded.browser().get(ours).text
    assert sheet.startswith(site.browser().get(usual).text)
    assert "--accent:#2563eb" in sheet
    assert "--accent:#60a5fa" in sheet
    assert "style=" not in branded.browser().get("/login").text


@pytest.mark.proves("V1.2.1")
def test_no_value_of_the_brand_becomes_markup(make_site: MakeSite) -> None:
    site = make_site(site_name=HOSTILE_NAME, contact=HOSTILE_NAME)
    for path in PAGES:
        answer = site.browser().get(path)
        assert HOSTILE_NAME in answer.words
        assert "<script>" not in answer.text
        assert answer.page.tags.count("script") == 1


def test_without_a_contact_people_are_sent_to_whoever_runs_the_site(site: Site) -> None:
    words = site.browser().get("/login").words
    assert "Forgot your password? Ask the person who runs this site." in words


def test_an_address_as_the_contact_is_a_link(make_site: MakeSite) -> None:
    site = make_site(contact="help@acme.example")
    for path in ("/login", "/nowhere"):
        answer = site.browser().get(path)
        assert "mailto:help@acme.example" in answer.page.links
        assert "Ask help@acme.example" in answer.words


def test_closed_registration_keeps_the_line_for_forgotten_passwords(make_site: MakeSite) -> None:
    words = make_site(registration="closed").browser().get("/login").words
    assert "Forgot your password? Ask the person who runs this site." in words
    assert "Create an account" not in words

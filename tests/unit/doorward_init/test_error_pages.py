"""nginx's own error page, with the brand of the site."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_init import error_pages
from doorward_settings.edge import Settings
from doorward_settings.reading import read

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32"/>'
Write = Callable[..., Path]


@pytest.fixture
def write(environment: pytest.MonkeyPatch, folder: Path) -> Write:
    """Return a function that writes the page with some settings; it returns the page's folder."""

    def written(**changes: str) -> Path:
        for name, value in changes.items():
            environment.setenv(f"DOORWARD_{name.upper()}", value)
        error_pages.write(read(Settings), folder)
        return folder / "pages"

    return written


def test_without_settings_it_is_the_products_own(write: Write) -> None:
    pages = write()
    page = (pages / "error.html").read_text()
    assert " · Doorward</title>" in page
    assert '<link rel="icon" href="/nginx-error.svg" type="image/svg+xml">' in page
    assert "<footer>" not in page
    assert "<img" not in page
    assert not re.search(r"\{[{%]", page)
    assert {file.name for file in pages.iterdir()} == {"error.html", "error.css", "error.svg"}


def test_it_has_the_name_the_logo_the_colour_and_the_links_of_the_site(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "logo.svg").write_text(SVG)
    pages = write(
        site_name="Acme & Sons",
        logo_file=str(tmp_path / "logo.svg"),
        accent="#2563eb",
        privacy_url="https://acme.example/privacy?a=1&b=2",
    )
    page = (pages / "error.html").read_text()
    assert " · Acme &amp; Sons</title>" in page
    assert "Doorward" not in page
    assert '<img src="/nginx-error.svg" alt="" width="64" height="32">' in page
    assert '<a href="https://acme.example/privacy?a=1&amp;b=2">Privacy notice</a>' in page
    assert "Terms of use" not in page
    assert (pages / "error.svg").read_text() == SVG
    assert (pages / "error.css").read_text().count("--accent:#2563eb") == 1


@pytest.mark.proves("V1.2.1")
@pytest.mark.parametrize("name", ["<!--# include file='/etc/passwd' -->", "<b>$uri", '"><script>'])
def test_no_name_becomes_markup_or_a_command_of_nginx(write: Write, name: str) -> None:
    usual = (write() / "error.html").read_text()
    page = (write(site_name=name) / "error.html").read_text()
    assert page.count("<") == usual.count("<")


def test_its_files_are_replaced_and_may_be_written_again(write: Write) -> None:
    write()
    pages = write(site_name="Acme")
    assert "Acme" in (pages / "error.html").read_text()
    assert not list(pages.glob("*.new"))

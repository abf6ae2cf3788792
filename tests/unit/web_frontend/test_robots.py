"""Search engines: nothing here is to be indexed."""

import pytest

from tests.unit.web_frontend.conftest import Site


def test_robots_are_told_to_read_nothing(site: Site) -> None:
    answer = site.signed_in(600).get("/robots.txt")
    assert (answer.status, answer.text) == (200, "User-agent: *\nDisallow: /\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert not answer.cookies
    assert not site.auth.calls


@pytest.mark.parametrize("path", ["/login", "/register", "/dashboard", "/nowhere"])
def test_every_page_says_what_the_site_is_and_that_it_is_not_to_be_indexed(
    site: Site, path: str
) -> None:
    text = (
        site.signed_in().get(path).text if path == "/dashboard" else site.browser().get(path).text
    )
    assert '<meta name="robots" content="noindex">' in text
    assert text.count('<meta name="description" content="') == 1

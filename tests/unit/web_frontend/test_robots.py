"""Search engines: nothing here is to be indexed."""

from tests.unit.web_frontend.conftest import Site


def test_robots_are_told_to_read_nothing(site: Site) -> None:
    answer = site.signed_in(600).get("/robots.txt")
    assert (answer.status, answer.text) == (200, "User-agent: *\nDisallow: /\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert not answer.cookies
    assert not site.auth.calls


def test_every_page_says_what_the_site_is_and_that_it_is_not_to_be_indexed(site: Site) -> None:
    pages = [site.browser().get(path) for path in ("/login", "/register", "/nowhere")]
    for page in (*pages, site.signed_in().get("/dashboard")):
        assert '<meta name="robots" content="noindex">' in page.text
        assert page.text.count('<meta name="description" content="') == 1

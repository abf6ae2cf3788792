"""Static files: immutable under a name that holds their hash, and nothing else is served."""

import gzip
import hashlib
from importlib import resources

from tests.unit.web_frontend.conftest import Site

KINDS = {"css": "text/css", "js": "javascript", "svg": "image/svg+xml"}


def addresses(site: Site) -> dict[str, str]:
    """Return the addresses that a page names, by file."""
    names = site.app.jinja_env.globals
    return {
        "doorward.css": names["css_url"],
        "doorward.js": names["js_url"],
        "icon.svg": names["icon_url"],
    }


def test_files_are_served_unchanged_and_for_ever(site: Site) -> None:
    for name, address in addresses(site).items():
        content = resources.files("web_frontend").joinpath("static", name).read_bytes()
        answer = site.signed_in().get(address)
        assert (answer.status, answer.response.data) == (200, content)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert KINDS[name.rpartition(".")[2]] in answer.headers["Content-Type"]
        assert "Set-Cookie" not in answer.headers
        assert hashlib.sha256(content).hexdigest()[:8] in address


def test_a_session_that_is_due_is_not_renewed_by_a_static_file(site: Site) -> None:
    answer = site.signed_in(600).get(addresses(site)["doorward.css"])
    assert not answer.cookies
    assert not site.auth.calls


def test_every_page_names_files_that_exist(site: Site) -> None:
    for path in ("/login", "/register", "/nowhere"):
        text = site.browser().get(path).text
        for address in addresses(site).values():
            assert address in text


def test_another_name_is_not_found_and_not_kept_by_caches(site: Site) -> None:
    browser = site.browser()
    for name in ("doorward.css", "doorward.000000000000.css", "app.py", "..", "%2e%2e", "", "\0"):
        answer = browser.get(f"/static/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store"), name
    form = {"csrf_token": browser.csrf()}
    assert browser.post(addresses(site)["icon.svg"], form).status == 405, "they are for reading"


def test_pages_are_light(site: Site) -> None:
    css = resources.files("web_frontend").joinpath("static", "doorward.css").read_bytes()
    assert len(css) <= 8 * 1024
    assert len(gzip.compress(css)) <= 3 * 1024
    files = sum(
        len(site.browser().get(address).response.data) for address in addresses(site).values()
    )
    for browser, path in [
        (site.browser(), "/login"),
        (site.browser(), "/register"),
        (site.signed_in(), "/dashboard"),
    ]:
        assert len(browser.get(path).response.data) + files <= 20 * 1024

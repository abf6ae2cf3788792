"""What pages are made of: little, all of it ours, and nothing that the content policy would forbid."""

import gzip
import re
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page

from browser.conftest import Shown, Watched
from running_stack import Stack

PAGE_BYTES = 20_000
STYLESHEET_BYTES = 8_000
STYLESHEET_GZIP_BYTES = 3_000


class Parts(HTMLParser):
    """The addresses that a page names, what it loads, and what stands in it that should not."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at every attribute."""
        given = {name: value or "" for name, value in attrs}
        self._in_script = tag == "script"
        inline = [name for name in given if name == "style" or name.startswith("on")]
        if inline or tag in ("style", "base", "iframe", "object", "embed"):
            self.inline.append(self.get_starttag_text() or tag)
        self.addresses += [
            given[name] for name in ("href", "src", "action", "srcset") if name in given
        ]
        if tag == "link":
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])

    def handle_data(self, data: str) -> None:
        """A script has its text in a file of its own."""
        if self._in_script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Leave the script."""
        self._in_script = False


def test_a_whole_page_weighs_at_most_20_kilobytes(state: Shown) -> None:
    page = state.watch.page
    assert page is not None
    sizes = page.request.sizes()
    raw, transferred = len(page.body()), sizes["responseBodySize"] + sizes["responseHeadersSize"]
    for address in Parts(page.text()).loads:
        raw_part, transferred_part = _weigh(urljoin(page.url, address))
        raw, transferred = raw + raw_part, transferred + transferred_part
    assert raw <= PAGE_BYTES
    assert transferred <= PAGE_BYTES


@pytest.mark.proves("V3.4.3", "V14.2.3")
def test_a_page_loads_only_what_it_names_from_its_own_site(state: Shown) -> None:
    page = state.watch.page
    assert page is not None
    named = {urljoin(page.url, address) for address in Parts(page.text()).loads}
    kinds = {address.rpartition(".")[2] for address in named}
    assert kinds <= {"css", "js", "svg"}
    beyond = state.watch.loaded - named
    assert beyond == set()


@pytest.mark.proves("V3.4.3")
def test_a_page_has_nothing_inline_and_no_address_but_of_its_own_site(state: Shown) -> None:
    page = state.watch.page
    assert page is not None
    parts = Parts(page.text())
    assert parts.inline == []
    assert [address for address in parts.addresses if not re.match(r"/(?!/)|#", address)] == []


def test_the_stylesheets_are_small_and_fetch_nothing(stack: Stack, page: Page) -> None:
    page.goto("/login")
    address = page.locator("link[rel=stylesheet]").get_attribute("href")
    assert address
    for path in (address, "/nginx-error.css"):
        text, sent, _ = _fetch(stack.base_url + path)
        assert len(text) <= STYLESHEET_BYTES
        assert len(gzip.compress(text, 9)) <= STYLESHEET_GZIP_BYTES
        assert len(sent) <= STYLESHEET_GZIP_BYTES
        assert not re.search(rb"url\(|@import|@font-face|data:", text)


def test_the_watch_over_the_other_tests_notices_what_it_is_for(
    page: Page, watched: Watched, stack: Stack
) -> None:
    watch = watched.of(page)
    page.goto("/login")
    assert watch.problems == []
    with page.expect_console_message():
        page.evaluate("() => { document.body.innerHTML = '<p style=\"color: red\">'; }")
    assert any("Content Security Policy" in problem for problem in watch.problems)
    elsewhere = f"http://127.0.0.1:{stack.port}/login"
    page.goto(elsewhere)
    assert f"request to somebody else: {elsewhere}" in watch.problems
    with page.expect_event("pageerror"):
        page.evaluate("() => { setTimeout(() => { throw new Error('mishap'); }); }")
    assert any("mishap" in problem for problem in watch.problems)
    watch.problems.clear()


def _weigh(url: str) -> tuple[int, int]:
    """Return the bytes of a file, and those that travel for it."""
    text, sent, headers = _fetch(url)
    return len(text), len(sent) + len(headers)


def _fetch(url: str) -> tuple[bytes, bytes, bytes]:
    """Return a file's bytes, and the body and headers that were sent for them."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        sent = answer.read()
        packed = answer.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(sent) if packed else sent), sent, answer.headers.as_bytes()

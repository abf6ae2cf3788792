"""Every state of every page: accessible to everybody, and made of nothing but our own parts."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page

from browser import portal
from browser.accessibility import (
    WIDTHS,
    faint_controls,
    lost_in_forced_colours,
    misfits,
    misfits_of_larger_text,
    moving,
    unreached,
    violations,
)
from browser.conftest import NewBrowser, Shown
from browser.states import STATES
from journeys.visitor import new_name


@pytest.mark.proves("V3.4.3", "V14.2.3")
@pytest.mark.parametrize("state", STATES, indirect=True)
def test_a_state_is_accessible_and_loads_only_what_is_ours(state: Shown, long_run: bool) -> None:
    check_parts(state)
    page = state.page
    for theme, width in THEMES_AND_WIDTHS if long_run else THEMES_AND_WIDTHS[:2]:
        show(page, width, color_scheme=theme)
        assert violations(page) == [], f"{theme}, {width} px"
        assert faint_controls(page) == [], f"{theme}, {width} px"
    for width in WIDTHS:
        show(page, width)
        assert misfits(page) == [], f"at {width} px"
    assert misfits_of_larger_text(page) == [], f"at {WIDTHS[-1]} px"
    show(page, WIDTHS[0])
    assert unreached(page) == []
    assert moving(page) == []
    show(page, WIDTHS[0], forced_colors="active")
    assert lost_in_forced_colours(page) == []


# The first two are one of each theme and the widest and the narrowest page.
THEMES_AND_WIDTHS = (
    ("light", 1280),
    ("dark", 320),
    ("light", 375),
    ("light", 320),
    ("dark", 1280),
    ("dark", 375),
)


def show(page: Page, width: int, **media: str) -> None:
    """Show the page this wide, in light colours unless others are named."""
    page.set_viewport_size({"width": width, "height": 800})
    usual = {"color_scheme": "light", "reduced_motion": "reduce", "forced_colors": "none"}
    page.emulate_media(**(usual | media))  # type: ignore[arg-type]


def check_parts(state: Shown) -> None:
    """See that a page has nothing inline, and loads only what it names, from its own site."""
    page = state.watch.page
    assert page is not None
    parts = Parts(page.text())
    assert parts.inline == []
    assert [address for address in parts.addresses if not re.match(r"/(?!/)|#", address)] == []
    named = {urljoin(page.url, address) for address in parts.loads}
    assert {address.rpartition(".")[2] for address in named} <= {"css", "js", "svg"}
    assert state.watch.loaded - named == set()


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


def test_the_longest_name_fits(new_browser: NewBrowser) -> None:
    longest = f"{new_name()}-".ljust(64, "w")
    page = new_browser().new_page()
    page.goto("/register")
    portal.fill(page, longest)
    portal.press(page, "Create account")
    portal.expect_dashboard(page, longest)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert misfits(page) == [], f"at {width} px"

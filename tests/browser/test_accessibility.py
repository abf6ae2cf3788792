"""WCAG 2.2 AA, as far as a machine can tell: every page and state, both themes, wide to narrow."""

import re
from collections.abc import Iterator

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from browser import portal
from browser.conftest import NewBrowser
from journeys.visitor import new_name

THEMES = ("light", "dark")
WIDTHS = (1280, 375, 320)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

STICKING_OUT = """() => [...document.body.querySelectorAll("*")]
    .filter(element => !element.closest(".hidden, .skip"))
    .filter(element => {
        const box = element.getBoundingClientRect();
        return box.width && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
    })
    .map(element => element.outerHTML.slice(0, 80))"""
CUT_OFF = """() => [...document.querySelectorAll("button, .button, .badge, dd, dt")]
    .filter(element => element.scrollWidth > element.clientWidth + 1
                    && getComputedStyle(element).display !== "inline")
    .map(element => element.outerHTML.slice(0, 80))"""
MOVING = """() => [...document.querySelectorAll("*")]
    .filter(element => {
        const style = getComputedStyle(element);
        const moves = style.transitionDuration.split(",").some(one => parseFloat(one) > 0);
        return moves || style.animationName !== "none" || style.scrollBehavior !== "auto";
    })
    .map(element => element.outerHTML.slice(0, 80))"""
TO_THE_TOP = """() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
}"""
FOCUSED = """() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    return {
        name: (element.getAttribute("aria-label") || element.labels?.[0]?.textContent
               || element.textContent).trim(),
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        visible: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <=
        innerWidth,
        outlineColor: style.outlineColor,
        behind: [...function* () {
            for (let at = element.parentElement; at; at = at.parentElement)
                yield getComputedStyle(at).backgroundColor;
        }()].find(colour => colour !== "rgba(0, 0, 0, 0)"),
    };
}"""
EDGES = """() => [...document.querySelectorAll("input:not([type=hidden], [hidden]), .button")]
  .map(element => {
    const style = getComputedStyle(element);
    const card = getComputedStyle(element.closest(".card") || document.querySelector("main"));
    return {
        what: element.outerHTML.slice(0, 80),
        height: element.getBoundingClientRect().height,
        edge: style.borderTopColor,
        width: parseFloat(style.borderTopWidth),
        behind: card.backgroundColor,
    };
})"""
TEXTS = """() => [...document.body.querySelectorAll("*")]
    .filter(element => [...element.childNodes]
        .some(node => node.nodeType === 3 && node.data.trim()))
    .map(element => ({
        what: element.textContent.trim(),
        colour: getComputedStyle(element).color,
        behind: [...function* () {
            for (let at = element; at; at = at.parentElement)
                yield getComputedStyle(at).backgroundColor;
        }()].find(colour => colour !== "rgba(0, 0, 0, 0)"),
    }))
    .filter(({behind}) => behind)"""


def test_axe_finds_nothing(shown: Page) -> None:
    found = []
    for theme in THEMES:
        shown.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width in WIDTHS:
            shown.set_viewport_size({"width": width, "height": 800})
            found += [f"{theme}, {width} px: {line}" for line in _violations(shown)]
    assert found == []


def test_nothing_scrolls_sideways_or_is_cut_off(shown: Page) -> None:
    for width in WIDTHS:
        shown.set_viewport_size({"width": width, "height": 800})
        assert misfits(shown) == [], f"at {width} px"
    # WCAG 1.4.4: text of twice the size. It is set as a person's own default size would be.
    shown.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    for width in WIDTHS:
        shown.set_viewport_size({"width": width, "height": 800})
        assert misfits(shown) == [], f"at {width} px with text of 200 %"
    shown.evaluate("() => { document.documentElement.style.fontSize = ''; }")
    # WCAG 1.4.12: a person's own spacing.
    spacing = (
        "line-height: 1.5 !important; letter-spacing: 0.12em !important; "
        "word-spacing: 0.16em !important"
    )
    shown.evaluate("rule => document.styleSheets[0].insertRule(rule)", f"* {{ {spacing} }}")
    assert misfits(shown) == [], "at 320 px with wider spacing"
    shown.evaluate("() => document.styleSheets[0].deleteRule(0)")


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


def test_every_control_is_reached_by_tab_in_the_order_of_the_page_and_shows_it(shown: Page) -> None:
    expected = shown.evaluate(
        "() => [...document.querySelectorAll('a, button, input:not([type=hidden], [hidden])')].length"
    )
    for theme in THEMES:
        shown.emulate_media(color_scheme=theme, reduced_motion="reduce")
        shown.evaluate(
            "() => { getSelection().setPosition(document.body, 0); document.activeElement.blur(); }"
        )
        met = list(_tab_through(shown))
        assert len(met) == expected, [one["name"] for one in met]
        for one in met:
            assert one["outline"] >= 2, one
            assert one["visible"], one
            assert _contrast(str(one["outlineColor"]), str(one["behind"])) >= 3, one


def test_controls_are_large_and_their_edges_stand_out(shown: Page) -> None:
    for theme in THEMES:
        shown.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for control in shown.evaluate(EDGES):
            assert control["height"] >= 44, control
            assert _contrast(control["edge"], control["behind"]) >= 3, control


def test_nothing_moves_for_people_who_asked_for_that(shown: Page) -> None:
    shown.emulate_media(reduced_motion="reduce")
    assert shown.evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert shown.evaluate(MOVING) == []


def test_forced_colours_leave_everything_visible(shown: Page) -> None:
    for theme in THEMES:
        shown.emulate_media(color_scheme=theme, forced_colors="active", reduced_motion="reduce")
        assert shown.evaluate("() => matchMedia('(forced-colors: active)').matches")
        for control in shown.evaluate(EDGES):
            assert control["width"] >= 1, control
            assert _contrast(control["edge"], control["behind"]) >= 3, control
        shown.evaluate(
            "() => { getSelection().setPosition(document.body, 0); document.activeElement.blur(); }"
        )
        for one in _tab_through(shown):
            assert one["outline"] >= 2, one
        mark, page_colour = shown.evaluate(
            "() => [getComputedStyle(document.querySelector('.wordmark svg')).color,"
            " getComputedStyle(document.body).backgroundColor]"
        )
        assert _contrast(mark, page_colour) >= 3
        # axe takes the author's colours for those that are shown here.
        texts = shown.evaluate(TEXTS)
        assert texts
        for text in texts:
            assert _contrast(text["colour"], text["behind"]) >= 4.5, text


def _violations(page: Page) -> list[str]:
    """Run axe; return what it found, and what it could not decide."""
    if page.evaluate("() => typeof axe") == "undefined":
        page.evaluate(Axe().axe_script)
    wanted = ["violations", "incomplete"]
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": wanted, "preload": False}
    results = AxeResults(page.evaluate("options => axe.run(options)", options))
    found = [results.generate_report()] if results.violations_count else []
    undecided = [f"undecided: {one['id']}" for one in results.response["incomplete"]]
    return found + undecided


def misfits(page: Page) -> list[str]:
    sideways = page.evaluate("() => { scrollTo(9999, 0); return scrollX; }")
    wider = [f"scrolls by {sideways} px"] if sideways else []
    return [*wider, *page.evaluate(STICKING_OUT), *page.evaluate(CUT_OFF)]


def _tab_through(page: Page) -> Iterator[dict[str, object]]:
    """Press Tab from the top of the page to its end; yield what has the focus."""
    page.evaluate(TO_THE_TOP)
    while True:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            return
        yield focused


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

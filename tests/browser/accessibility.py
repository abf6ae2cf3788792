"""WCAG 2.2 AA, as far as a machine can tell: checks of the page that is shown.

Each returns what is wrong, an empty list where nothing is.
"""

import re
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

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
CONTROLS = """() => [...document.querySelectorAll("a, button, input, summary")]
    .filter(element => !element.matches("[type=hidden], [hidden]")).length"""
NOTHING_FOCUSED = """() => {
    getSelection().setPosition(document.body, 0);
    document.activeElement.blur();
}"""
WORDMARK = """() => [
    getComputedStyle(document.querySelector(".wordmark svg")).color,
    getComputedStyle(document.body).backgroundColor,
]"""
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


def violations(page: Page) -> list[str]:
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
    """Return what scrolls sideways, sticks out or is cut off."""
    sideways = page.evaluate("() => { scrollTo(9999, 0); return scrollX; }")
    wider = [f"scrolls by {sideways} px"] if sideways else []
    return [*wider, *page.evaluate(STICKING_OUT), *page.evaluate(CUT_OFF)]


def misfits_of_larger_text(page: Page) -> list[str]:
    """Look at text of twice the size (WCAG 1.4.4), then at a person's own spacing (1.4.12)."""
    # It is set as a person's own default size would be.
    page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    larger = misfits(page)
    page.evaluate("() => { document.documentElement.style.fontSize = ''; }")
    spacing = (
        "line-height: 1.5 !important; letter-spacing: 0.12em !important; "
        "word-spacing: 0.16em !important"
    )
    page.evaluate("rule => document.styleSheets[0].insertRule(rule)", f"* {{ {spacing} }}")
    wider = misfits(page)
    page.evaluate("() => document.styleSheets[0].deleteRule(0)")
    return larger + wider


def unreached(page: Page) -> list[Any]:
    """Return what is wrong with the way through the page by Tab: every control, and seen to be."""
    expected = page.evaluate(CONTROLS)
    page.evaluate(NOTHING_FOCUSED)
    met = list(_tab_through(page))
    if len(met) != expected:
        return [f"{expected} controls", *met]
    return [
        one
        for one in met
        if one["outline"] < 2
        or not one["visible"]
        or contrast(one["outlineColor"], one["behind"]) < 3
    ]


def faint_controls(page: Page) -> list[Any]:
    """Return the controls that are small, or whose edges do not stand out."""
    return [
        control
        for control in page.evaluate(EDGES)
        if control["height"] < 44 or contrast(control["edge"], control["behind"]) < 3
    ]


def moving(page: Page) -> list[str]:
    """Return what moves although somebody asked that nothing moves."""
    assert page.evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
    found: list[str] = page.evaluate(MOVING)
    return found


def lost_in_forced_colours(page: Page) -> list[Any]:
    """Return what cannot be seen where the system chooses the colours."""
    assert page.evaluate("() => matchMedia('(forced-colors: active)').matches")
    edges = [
        control
        for control in page.evaluate(EDGES)
        if control["width"] < 1 or contrast(control["edge"], control["behind"]) < 3
    ]
    page.evaluate(NOTHING_FOCUSED)
    unseen = [one for one in _tab_through(page) if one["outline"] < 2]
    mark, behind = page.evaluate(WORDMARK)
    faint_mark = [] if contrast(mark, behind) >= 3 else ["the wordmark"]
    # axe takes the author's colours for those that are shown here.
    texts = page.evaluate(TEXTS)
    assert texts
    faint = [text for text in texts if contrast(text["colour"], text["behind"]) < 4.5]
    return [*edges, *unseen, *faint_mark, *faint]


def _tab_through(page: Page) -> Iterator[dict[str, Any]]:
    """Press Tab from the top of the page to its end; yield what has the focus."""
    page.evaluate(TO_THE_TOP)
    while True:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            return
        yield focused


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

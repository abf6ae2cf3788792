"""The accent colour: contrast as WCAG defines it, and no colour that is hard to read."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_settings.accent import DARK, LIGHT, Accent, text_on
from doorward_settings.colours import BLACK, WHITE, Colour
from doorward_settings.web_frontend import Settings
from session_contract.startup import StartupError

ROOT = Path(__file__).resolve().parents[3]
ReadSettings = Callable[..., Settings]


def accent(read: ReadSettings, value: str) -> Accent:
    read_value = read(accent=value).accent
    assert read_value
    return read_value


def problem(read: ReadSettings, value: str) -> str:
    with pytest.raises(StartupError) as caught:
        read(accent=value)
    [said] = caught.value.problems
    return said.removeprefix("DOORWARD_ACCENT: ")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
        ("#00ff00", "#ffffff", 1.37),
        ("#2563eb", "#ffffff", 5.17),
        ("#0b6e4f", "#ffffff", 6.28),
        ("#1b2430", "#ffffff", 15.7),
        ("#e6eaf0", "#18202a", 13.6),
        ("#a3afbf", "#18202a", 7.4),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    first, second = Colour.parse(one), Colour.parse(other)
    assert first.contrast(second) == pytest.approx(ratio, abs=0.05)
    assert first.contrast(second) == second.contrast(first)


@pytest.mark.parametrize("value", ["#0b6e4f", "#2563EB", "#7a1f5c", "#000000", "#b3261e, #ff8a80"])
def test_a_readable_colour_is_taken(read: ReadSettings, value: str) -> None:
    assert str(accent(read, value).light) == value[:7].lower()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("#ffcc00", "#ffcc00 has 1.5:1 against the card and needs 4.5:1. Use a darker colour."),
        ("#777777", "#777777 has 4.4:1 against the card and needs 4.5:1. Use a darker colour."),
        (
            "#767676",
            "#767676 has 4.2:1 against the background and needs 4.5:1. Use a darker colour.",
        ),
        (
            "#0b6e4f,#0b6e4f",
            "#0b6e4f has 2.6:1 against the card and needs 4.5:1. Use a lighter colour for dark "
            "mode.",
        ),
        (
            "#ffffff,#000000",
            "#ffffff has 1.0:1 against the card and needs 4.5:1. Use a darker colour. #000000 has "
            "1.2:1 against the card and needs 4.5:1. Use a lighter colour for dark mode.",
        ),
    ],
)
def test_a_colour_that_is_hard_to_read_is_refused_with_its_contrast(
    read: ReadSettings, value: str, said: str
) -> None:
    assert problem(read, value) == said


@pytest.mark.parametrize(
    "value",
    [
        *("green", "0b6e4f", "#0b6", "#0b6e4f80", "#0b6e4g", "rgb(0, 0, 0)", "#0b6e4f;", ","),
        *("#0b6e4f,", ",#5cd6a9", "#0b6e4f,#5cd6a9,#5cd6a9", "#0b6e4f #5cd6a9", "#0b6e4f}*{"),
        *("#\u0660b6e4f", "#0b6e4f,url(//evil.example)"),
    ],
)
def test_another_notation_is_refused_with_an_example(read: ReadSettings, value: str) -> None:
    said = problem(read, value)
    assert said.startswith("use #rrggbb, or two of them with a comma between, such as #0b6e4f,")
    assert said.endswith(f"not {value!r}")


def test_the_first_colour_is_lightened_for_dark_mode_until_it_is_readable(
    read: ReadSettings,
) -> None:
    source = random.Random(20261129)
    for value in ("#000000", "#0b6e4f", "#2563eb", "#7a1f5c"):
        dark = accent(read, value).dark
        assert 4.5 <= dark.contrast(DARK.card) < 4.8, value
        assert dark.contrast(DARK.page) >= 4.5
    while True:
        colour = Colour(*source.randbytes(3))
        if colour.contrast(LIGHT.page) >= 4.5:
            break
    assert accent(read, str(colour)).dark.contrast(DARK.card) >= 4.5


def test_text_on_any_colour_is_readable() -> None:
    source = random.Random(20261129)
    for _ in range(1000):
        colour = Colour(*source.randbytes(3))
        assert text_on(colour).contrast(colour) >= 4.5
    assert text_on(WHITE) == BLACK
    assert text_on(BLACK) == WHITE


def test_the_stylesheet_sets_both_themes_and_stays_readable_under_the_pointer(
    read: ReadSettings,
) -> None:
    sheet = accent(read, "#2563eb,#60a5fa").stylesheet
    light, dark = sheet.split("@media (prefers-color-scheme:dark)")
    for part, colour, theme in ((light, "#2563eb", LIGHT), (dark, "#60a5fa", DARK)):
        found = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", part))
        assert found.keys() == {"accent", "accent-strong", "on-accent"}
        assert found["accent"] == colour
        strong = Colour.parse(found["accent-strong"])
        assert strong.contrast(theme.card) > Colour.parse(colour).contrast(theme.card)
        assert strong.contrast(Colour.parse(found["on-accent"])) >= 4.5


@pytest.mark.parametrize(
    "file", ["web-frontend/web_frontend/static/doorward.css", "nginx/error.css"]
)
def test_the_measured_backgrounds_are_those_of_the_stylesheets(file: str) -> None:
    text = (ROOT / file).read_text()
    light, dark = text.split("@media (prefers-color-scheme: dark)")[:2]
    for part, theme in ((light, LIGHT), (dark, DARK)):
        found = dict(re.findall(r"--(page|card): (#[0-9a-f]+);", part))
        assert found["page"] == str(theme.page)
        assert found["card"].replace("#fff", "#ffffff", 1)[:7] == str(theme.card)

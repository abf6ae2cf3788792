"""The accent colour of links and buttons: it is readable, or it is refused."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from doorward_settings.colours import BLACK, WHITE, Colour

LEAST_CONTRAST = 4.5
"""What text needs against its background (WCAG 2.2, 1.4.3)."""


@dataclass(frozen=True)
class Theme:
    """The backgrounds on which text has the accent colour, and how to mend a colour."""

    card: Colour
    page: Colour
    advice: str


# As in the stylesheets.
LIGHT = Theme(WHITE, Colour.parse("#f6f7f9"), "Use a darker colour.")
DARK = Theme(
    Colour.parse("#18202a"), Colour.parse("#10151c"), "Use a lighter colour for dark mode."
)


@dataclass(frozen=True)
class Accent:
    """The accent colours of the light and the dark theme."""

    light: Colour
    dark: Colour

    @property
    def stylesheet(self) -> str:
        """The custom properties that stylesheets need, in CSS."""
        # Hovering darkens the accent in the light theme, and lightens it in the dark theme.
        light = _properties(self.light, self.light.mixed_with(BLACK, 0.2))
        dark = _properties(self.dark, self.dark.mixed_with(WHITE, 0.25))
        return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def read_accent(value: str) -> Accent:
    """Read `#rrggbb` for the light theme and perhaps, after a comma, a colour for the dark one.

    Raises:
        ValueError: it is written in another way, or text in the colour would be hard to read. Then
            the message has the measured contrast.
    """
    first, *others = [Colour.parse(part.strip()) for part in value.split(",")]
    if len(others) > 1:
        raise ValueError
    faults = list(_faults(first, LIGHT))
    for second in others:
        faults += _faults(second, DARK)
    if faults:
        raise ValueError(" ".join(faults))
    return Accent(first, others[0] if others else _for_dark_theme(first))


def text_on(colour: Colour) -> Colour:
    """Return black or white, whichever has more contrast. It is never below 4.5:1."""
    return max(BLACK, WHITE, key=colour.contrast)


def _faults(colour: Colour, theme: Theme) -> Iterator[str]:
    """Yield a message for the first background on which the colour has too little contrast."""
    for name, background in {"card": theme.card, "background": theme.page}.items():
        contrast = colour.contrast(background)
        if contrast < LEAST_CONTRAST:
            # Rounded down, because 4.49 is not enough.
            shown = math.floor(contrast * 10) / 10
            yield (
                f"{colour} has {shown}:1 against the {name} and needs {LEAST_CONTRAST}:1. "
                f"{theme.advice}"
            )
            return


def _for_dark_theme(colour: Colour) -> Colour:
    """Return the colour, lightened until it is readable."""
    mixtures = (colour.mixed_with(WHITE, percent / 100) for percent in range(101))
    return next(mixture for mixture in mixtures if not any(_faults(mixture, DARK)))


def _properties(accent: Colour, strong: Colour) -> str:
    return f"--accent:{accent};--accent-strong:{strong};--on-accent:{text_on(accent)}"

"""Colours and their contrast, as WCAG 2.2 defines it."""

import re
from dataclasses import dataclass

_HEXADECIMAL = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Colour:
    """A colour in sRGB. Each part is from 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> "Colour":
        """Read `#rrggbb`. Raises ValueError for another notation."""
        if not _HEXADECIMAL.fullmatch(text):
            raise ValueError
        return cls(*bytes.fromhex(text[1:]))

    def __str__(self) -> str:
        """Return `#rrggbb`."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """The relative luminance, from 0 for black to 1 for white."""
        return (
            0.2126 * _linear(self.red) + 0.7152 * _linear(self.green) + 0.0722 * _linear(self.blue)
        )

    def contrast(self, other: "Colour") -> float:
        """Return the contrast ratio, from 1 to 21."""
        darker, lighter = sorted((self.luminance, other.luminance))
        return (lighter + 0.05) / (darker + 0.05)

    def mixed_with(self, other: "Colour", share: float) -> "Colour":
        """Return a mixture, of which `share`, from 0 to 1, is the other colour."""
        return Colour(
            round(self.red + (other.red - self.red) * share),
            round(self.green + (other.green - self.green) * share),
            round(self.blue + (other.blue - self.blue) * share),
        )


def _linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


BLACK = Colour(0, 0, 0)
WHITE = Colour(255, 255, 255)

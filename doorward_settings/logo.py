"""Reads the logo of the site, and decides whether it can be shown."""

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from doorward_settings.svg import SvgRefused, svg_size

MOST_BYTES = 64 * 1024
MOST_PIXELS = 2048
"""The greatest width and height of a PNG."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The first chunk of a PNG: 13 bytes of content, its name, width and height (PNG, 11.2.1).
_PNG_HEADER = struct.Struct(">8sI4sII")


@dataclass(frozen=True)
class Logo:
    """An image that can be shown; the unit of width and height matters to nobody."""

    content: bytes
    extension: Literal["svg", "png"]
    width: float
    height: float

    @property
    def media_type(self) -> str:
        """The media type of the image."""
        return "image/svg+xml" if self.extension == "svg" else "image/png"

    def width_at(self, height: int) -> int:
        """Return the width in whole pixels at this height."""
        return max(1, round(self.width / self.height * height))


class LogoRefused(Exception):
    """The file cannot be the logo; the problems are sentences whose subject is the file."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_logo(file: Path) -> Logo:
    """Read an SVG or PNG. Raises LogoRefused with every problem."""
    content = _read(file)
    if len(content) > MOST_BYTES:
        raise LogoRefused(
            f"is larger than {MOST_BYTES // 1024} KB, and every page would load it. Make it smaller"
        )
    if content.startswith(_PNG_SIGNATURE):
        return Logo(content, "png", *_png_size(content))
    if not content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise LogoRefused("is neither an SVG nor a PNG. Use one of the two")
    try:
        return Logo(content, "svg", *svg_size(content))
    except SvgRefused as error:
        raise LogoRefused(*error.problems) from None


def _read(file: Path) -> bytes:
    try:
        # Reading a pipe could wait for ever.
        if not stat.S_ISREG(file.stat().st_mode):
            raise LogoRefused("is not a file. Name an SVG or a PNG")
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise LogoRefused("is not there. Put it there, or name another file") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise LogoRefused(
            f"cannot be read by user {os.geteuid()} ({reason}). Let everybody enter its folder and "
            "read it: chmod a+r"
        ) from None


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < _PNG_HEADER.size:
        raise LogoRefused("is a damaged PNG. Save it again")
    _, length, chunk, width, height = _PNG_HEADER.unpack_from(content)
    if (length, chunk) != (13, b"IHDR") or not (width and height):
        raise LogoRefused("is a damaged PNG. Save it again")
    if max(width, height) > MOST_PIXELS:
        raise LogoRefused(
            f"has {width} x {height} pixels, and {MOST_PIXELS} are the most on either side. Make "
            "it smaller"
        )
    return width, height

"""How commands print what they found: as a table for people, or as JSON for programs."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def print_json(value: object) -> None:
    """Print a value as JSON in ASCII."""
    click.echo(json.dumps(value, indent=2))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns that are as wide as their widest cell."""
    cells = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    click.echo("\n".join(lines))


def printable(text: str) -> str:
    """Return a text in which "?" stands for characters that could change what a terminal shows."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def utc(seconds: float) -> str:
    """Return a time, given in Unix seconds, as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(time: str) -> str:
    """Return the minute of a time in RFC 3339 and UTC, for people."""
    return time.replace("T", " ")[:16]


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - marks

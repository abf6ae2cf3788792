"""The tables on the terminal, and docs/performance.md made of them."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Results
from benchmarks.figures import table

INTRODUCTION = Path(__file__).with_name("introduction.md")
REQUIRED = ("what", "required", "reached", "holds")
MORE = ("what", "measured")
GROWTH = (
    "users",
    "registration",
    "sign-in",
    "start to first answer",
    "memory of auth-service",
    "users.json",
    "written per registration",
)
About = Sequence[tuple[str, str]]


def tables(about: About, results: Results) -> str:
    """Return everything that was found, as tables in Markdown."""
    return "\n\n".join(_tables_by_name(about, results).values())


def document(about: About, results: Results, ran: str) -> str:
    """Return docs/performance.md: the introduction, which stands beside this file, and the tables.

    `ran` says of which commit the results are, when and where.
    """
    text = INTRODUCTION.read_text("utf-8").replace("@RAN@", ran)
    for name, part in _tables_by_name(about, results).items():
        text = text.replace(f"@{name}@", part)
    return text


def _tables_by_name(about: About, results: Results) -> dict[str, str]:
    return {
        "REQUIRED": table(REQUIRED, [row.cells() for row in results.required]),
        "GROWTH": table(GROWTH, [size.cells() for size in results.sizes]),
        "MORE": table(MORE, results.more),
        "MACHINE": table(("machine", ""), about),
    }

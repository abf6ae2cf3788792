"""Computes medians, ratios and results from measurements."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Return the median of the rounds' ratios.

    Both were measured in turn, a pair a round, so that whatever slows the machine down for a while
    slows both sides of a pair. Raises ValueError if they are not pairs.
    """
    return median(a / b for a, b in zip(over, under, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def rate(moments: Sequence[float]) -> float:
    """Return events per second between the first and the last moment, which are in seconds."""
    return (len(moments) - 1) / (moments[-1] - moments[0])


@dataclass(frozen=True)
class Row:
    """What was reached, and its bound on one side; without a bound it is there to be compared."""

    name: str
    reached: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the number keeps the bound before rounding."""
        low = self.at_least is None or self.reached >= self.at_least
        return low and (self.at_most is None or self.reached <= self.at_most)

    @property
    def required(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f"≥ {number(self.at_least)}{self.unit}"
        return "nothing" if self.at_most is None else f"≤ {number(self.at_most)}{self.unit}"

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        bounded = self.at_least is not None or self.at_most is not None
        verdict = ("yes" if self.holds else "NO") if bounded else ""
        return self.name, self.required, f"{number(self.reached)}{self.unit}", verdict


@dataclass(frozen=True)
class Size:
    """What so many users cost: seconds, bytes of memory, bytes written by one registration."""

    users: int
    start_up: float
    registration: float
    sign_in: float
    memory: int
    written: int
    file: int

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            f"{self.users:,}",
            milliseconds(self.registration),
            milliseconds(self.sign_in),
            f"{self.start_up:.1f} s",
            readable_bytes(self.memory),
            readable_bytes(self.file),
            readable_bytes(self.written),
        )


def lines(sizes: Sequence[Size]) -> dict[str, list[tuple[int, float]]]:
    """Return the plot's lines by name: users and seconds."""
    return {
        "registration": [(size.users, size.registration) for size in sizes],
        "sign-in": [(size.users, size.sign_in) for size in sizes],
        "start to first answer": [(size.users, size.start_up) for size in sizes],
    }


def number(value: float) -> str:
    """Return three significant digits, or a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds."""
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def readable_bytes(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, aligned so that it reads well as it is, too."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    return "\n".join(
        [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
    )

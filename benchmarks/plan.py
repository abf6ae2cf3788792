"""How long and how often: all takes about a quarter of an hour, the quick run four minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Seconds are those of one round; compared programs are measured in turn."""

    page_starts: int
    page_rounds: int
    page_seconds: float
    static_rounds: int
    crowd_rounds: int
    crowd_seconds: float
    hashes: int
    flood_rounds: int
    flood_seconds: float
    growth_rounds: int
    sizes: tuple[int, ...]
    person_seconds: int


FULL = Plan(
    page_starts=5,
    page_rounds=4,
    page_seconds=2,
    static_rounds=15,
    crowd_rounds=3,
    crowd_seconds=15,
    hashes=8,
    flood_rounds=3,
    flood_seconds=7,
    growth_rounds=10,
    sizes=(10, 1_000, 10_000, 100_000, 1_000_000),
    person_seconds=65,
)
QUICK = Plan(
    page_starts=2,
    page_rounds=2,
    page_seconds=1,
    static_rounds=2,
    crowd_rounds=1,
    crowd_seconds=8,
    hashes=4,
    flood_rounds=1,
    flood_seconds=5,
    growth_rounds=3,
    sizes=(10, 1_000, 10_000, 100_000),
    person_seconds=35,
)

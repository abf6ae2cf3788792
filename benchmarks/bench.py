"""One run of the benchmark, as all experiments use it, and its results."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.figures import Row, Size
from benchmarks.plan import Plan
from benchmarks.stacks import Doorward, doorward
from benchmarks.traffic import requests_per_second

Speeds = defaultdict[str, list[float]]
"""Requests per second of each measured page, one value for each round."""


@dataclass
class Results:
    """The results so far."""

    required: list[Row] = field(default_factory=list)
    more: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """One run: its folder, its plan, a function for progress messages, and its results."""

    folder: Path
    plan: Plan
    say: Callable[[str], None]
    results: Results

    def stack(self, name: str) -> AbstractContextManager[Doorward]:
        """Start Doorward with its data in a folder of this name."""
        return doorward(self.folder / name, DOORWARD_CREDENTIAL_RATE="off")

    def asking(
        self,
        port: int,
        headers: Mapping[str, str],
        *,
        path: str = "/dashboard",
        cookies: Path | None = None,
    ) -> Callable[[], float]:
        """Return a function that measures requests per second."""
        url = f"http://localhost:{port}{path}"
        return partial(requests_per_second, url, self.plan.page_seconds, headers, cookies=cookies)

    def measure_in_turn(
        self, what: str, turn: int, asked: Mapping[str, Callable[[], float]], speeds: Speeds
    ) -> None:
        """Measure each of them once; every other time backwards, so that none always comes last."""
        for name in asked if turn % 2 else reversed(list(asked)):
            speeds[name].append(asked[name]())
        self.say(f"{what}: " + ", ".join(f"{name} {speeds[name][-1]:.0f}/s" for name in asked))

    def tell(self, what: str, turn: int, of: int, found: Mapping[str, str]) -> None:
        """Report the values of one round."""
        values = ", ".join(f"{name} {value}" for name, value in found.items())
        self.say(f"{what} {turn + 1}/{of}: {values}")


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began

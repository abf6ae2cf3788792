"""Mixed traffic at half of what the stack can do, for minutes: nothing fails and nothing grows.

`make soak` runs it for ten minutes, `make soak MINUTES=3` for three. How fast the stack can be is
measured first, which also fills what is filled once: pools of threads and connections, remembered
tokens, SQLite's pages. At the end of no later minute may a service hold more descriptors than that
took, a twentieth more memory than at the end of the first minute at half of it, or more threads
than that took and its pool may have: when a pool is full depends on how often everybody comes at
the same moment.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import cast

import pytest

from running_stack import SERVICES, LocalStack, Stack
from soak.traffic import Seen, crowd

MINUTES = int(os.environ.get("MINUTES") or 10)
MINUTE = 60.0
CROWDS, PEOPLE = 3, 12
"""Processes that make traffic, and people in each of them."""
WARMING_SECONDS = 60.0
GROWTH = 1.05
# A connection more or less may be open at any moment; what leaks is many more after ten minutes.
SPARE = 4
POOLS = {"auth-service": 96 + 8, "web-frontend": 2 * 32 + 8}
"""Threads of the services' gunicorn.conf.py, and those beside them for hashes and the log."""
SAMPLES = 5


@dataclass(frozen=True)
class Held:
    """What a service holds when nobody asks: kilobytes, threads, descriptors."""

    memory: int
    threads: int
    descriptors: int


@dataclass(frozen=True)
class Minute:
    """What was done in a minute, and what the services held after it."""

    seen: Seen
    held: dict[str, Held]

    @property
    def per_second(self) -> float:
        return self.seen.requests / self.seen.seconds


def held(stack: LocalStack, service: str) -> Held:
    """Return the least of some looks: nginx's watcher starts short programs at any time."""
    looks = [(stack.memory(service), stack.usage(service)) for _ in range(SAMPLES)]
    return Held(
        min(memory for memory, _ in looks),
        min(usage.threads for _, usage in looks),
        min(usage.descriptors for _, usage in looks),
    )


class Traffic:
    """Crowds in processes of their own, so that it is the stack that is the slower one."""

    def __init__(self, pool: ProcessPoolExecutor, stack: LocalStack) -> None:
        self._pool, self._stack = pool, stack

    def minute(self, seconds: float, per_second: float) -> Minute:
        seen = Seen()
        url = self._stack.base_url
        crowds = [
            self._pool.submit(crowd, url, PEOPLE, seconds, per_second / CROWDS)
            for _ in range(CROWDS)
        ]
        for each in crowds:
            seen.add(each.result())
        return Minute(seen, {service: held(self._stack, service) for service in SERVICES})


@contextmanager
def traffic(stack: LocalStack) -> Iterator[Traffic]:
    with ProcessPoolExecutor(CROWDS, get_context("spawn")) as pool:
        yield Traffic(pool, stack)


def row(name: str, minute: Minute) -> str:
    """Return a line of the table."""
    parts = [
        f"{name:>7} {minute.seen.requests:>9} {minute.per_second:>7.0f} "
        f"{sum(minute.seen.failed.values()):>6}"
    ]
    for service in SERVICES:
        it = minute.held[service]
        parts.append(f"{it.memory / 1024:>16.1f} {it.threads:>4} {it.descriptors:>4}")
    return "  ".join(parts)


HEAD = f"{'minute':>7} {'requests':>9} {'per s':>7} {'failed':>6}" + "".join(
    f"  {service + ' MB':>16} {'thr.':>4} {'fd':>4}" for service in SERVICES
)


@pytest.mark.timeout((MINUTES + 2) * 120 + 300)
def test_at_half_of_the_limit_nothing_fails_and_nothing_grows(
    start_stack: Callable[..., Stack], measured: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        with capfd.disabled():
            print(line, flush=True)

    stack = cast("LocalStack", start_stack(DOORWARD_RENEW_SECONDS=0))
    with traffic(stack) as people:
        say("\n" + HEAD)
        limit = people.minute(WARMING_SECONDS, 0)
        say(row("limit", limit))
        minutes = []
        for number in range(1, MINUTES + 1):
            minutes.append(people.minute(MINUTE, limit.per_second / 2))
            say(row(str(number), minutes[-1]))
    every = Seen()
    for minute in minutes:
        every.add(minute.seen)
    for (what, status), count in sorted(every.answers.items()):
        say(f"{count:>9} {status} {what}")
    say(f"slowest answer at half of the limit: {every.slowest * 1000:.0f} ms")
    for reason, count in Counter(
        re.findall(r'"message": "((?:busy|unavailable): .*?)"', stack.logs())
    ).items():
        say(f"{count:>9} {reason}")
    measured.extend(lines)
    # Past the limit some are sent away, but everybody is answered.
    problems = [f"at the limit: {what}" for what in limit.seen.failed if what[1] != 503]
    problems += [f"{count} times {what}" for what, count in every.failed.items()]
    problems += [f"{count} times {what}" for what, count in every.unexpected.items()]
    problems += grown(limit.held, [minute.held for minute in minutes])
    assert problems == []


def grown(limit: dict[str, Held], minutes: list[dict[str, Held]]) -> list[str]:
    """Say what a service has more of than at the limit, or than in the first minute (memory)."""
    found = []
    for service in SERVICES:
        first, *later = [minute[service] for minute in minutes]
        for name in ("threads", "descriptors"):
            before = max(getattr(limit[service], name), getattr(first, name))
            now = max(getattr(minute, name) for minute in later)
            before = max(before, POOLS.get(service, 0)) if name == "threads" else before
            if now > before + SPARE:
                found.append(f"{service}: {before} {name} became {now}")
        most = max(minute.memory for minute in later)
        if most > first.memory * GROWTH:
            found.append(f"{service}: {first.memory} kB became {most}")
    return found

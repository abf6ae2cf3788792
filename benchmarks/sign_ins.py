"""Sign-ins, compared with the hashes that the cores can make, and other requests in a flood."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from statistics import median

from benchmarks import userfiles
from benchmarks.bench import Bench
from benchmarks.figures import Row, median_ratio, milliseconds, number, percentile, rate
from benchmarks.stacks import Doorward
from benchmarks.traffic import Client, Crowd, WrongAnswer, hash_seconds, waits

CROWD = 50
PER_SECOND = 50
CONDITIONS = ("idle", "flood", "rude flood")
Watch = Callable[[int, str, str, float], list[float]]
Worst = dict[tuple[str, str], list[float]]
"""The 99th percentile of the response time for each page and condition, one value a round."""


def sign_ins(bench: Bench) -> None:
    """Compare sign-ins with the hashes the cores can make, and watch other requests in a flood."""
    hashed = userfiles.password_hash()
    userfiles.write(bench.folder / "crowd", CROWD + 1, hashed)
    names = [userfiles.name_of(number) for number in range(CROWD)]
    # A process of its own, so that the crowd's threads do not make the watcher wait.
    with bench.stack("crowd") as stack, _watcher() as watch:
        _limit(bench, stack, names)
        _flood(bench, stack, names, watch)


def _limit(bench: Bench, stack: Doorward, names: list[str]) -> None:
    plan = bench.plan
    cores = len(os.sched_getaffinity(0))
    shares: dict[int, list[float]] = {10: [], CROWD: []}
    speeds: dict[int, list[float]] = {10: [], CROWD: []}
    hashes = hash_seconds(plan.hashes)
    all_hashes = list(hashes)
    refused = 0
    for turn in range(plan.crowd_rounds):
        for connections, reached in shares.items():
            crowd = Crowd(stack.port, names[:connections])
            crowd.run(plan.crowd_seconds)
            before = hashes
            hashes = hash_seconds(plan.hashes)
            speed = rate(crowd.moments)
            speeds[connections].append(speed)
            reached.append(speed * median([*before, *hashes]) / cores)
            all_hashes += hashes
            refused += crowd.refused
            found = {
                f"{connections} connections": f"{reached[-1]:.2f} of the limit",
                "one hash": milliseconds(median(hashes)),
            }
            bench.tell("sign-ins", turn, plan.crowd_rounds, found)
    few = "sign-ins ÷ (cores ÷ hash time), 10 connections"
    many = "the same, 50 connections honouring Retry-After"
    refusals = number(refused / (plan.crowd_rounds * plan.crowd_seconds))
    bench.results.required += [
        Row(few, median(shares[10]), at_least=0.95),
        Row(many, median(shares[CROWD]), at_least=0.90),
    ]
    bench.results.more += [
        ("one bcrypt hash of cost 12", milliseconds(median(all_hashes))),
        ("sign-ins per second, 10 connections", number(median(speeds[10]))),
        ("sign-ins per second, 50 connections", number(median(speeds[CROWD]))),
        ("of those 50, sent away with Retry-After, per second", refusals),
    ]


def _flood(bench: Bench, stack: Doorward, names: list[str], watch: Watch) -> None:
    token = Client(stack.port).sign_in(userfiles.name_of(CROWD))
    paths = {"dashboard": ("/dashboard", token), "health check": ("/healthz", "")}
    seconds = bench.plan.flood_seconds
    worst: Worst = {}
    for turn in range(bench.plan.flood_rounds):
        for name, (path, shown) in paths.items():
            for condition in CONDITIONS:
                if condition != "idle":
                    crowd = Crowd(stack.port, names, condition == "flood")
                    with _flooding(crowd, seconds + 4):
                        taken = watch(stack.port, path, shown, seconds)
                else:
                    taken = watch(stack.port, path, shown, seconds)
                worst.setdefault((name, condition), []).append(percentile(taken, 0.99))
            found = {
                f"p99 of the {name}, {condition}": milliseconds(worst[name, condition][-1])
                for condition in CONDITIONS
            }
            bench.tell("flood", turn, bench.plan.flood_rounds, found)
    for name in paths:
        _report(bench, name, worst)


@contextmanager
def _flooding(crowd: Crowd, seconds: float) -> Iterator[None]:
    flooding = threading.Thread(target=crowd.run, args=(seconds,))
    flooding.start()
    time.sleep(2)
    yield
    flooding.join()
    if not crowd.moments:
        raise WrongAnswer("nobody of the flood was let in")


def _report(bench: Bench, name: str, worst: Worst) -> None:
    idle = worst[name, "idle"]
    flood = worst[name, "flood"]
    rude = median_ratio(worst[name, "rude flood"], idle)
    ratio = median_ratio(flood, idle)
    bench.results.required.append(Row(f"p99 of the {name} in that flood ÷ idle", ratio, at_most=3))
    bench.results.more += [
        (f"p99 of the {name}, idle", milliseconds(median(idle))),
        (f"p99 of the {name}, in the flood", milliseconds(median(flood))),
        (f"p99 of the {name} ÷ idle, where the flood ignores Retry-After", number(rude)),
    ]


@contextmanager
def _watcher() -> Iterator[Watch]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:

        def watch(port: int, path: str, token: str, seconds: float) -> list[float]:
            future: Future[list[float]] = pool.submit(waits, port, path, token, seconds, PER_SECOND)
            return future.result()

        yield watch

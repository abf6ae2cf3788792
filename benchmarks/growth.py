"""The cost of a registration, a sign-in, a start and memory for different numbers of users."""

from contextlib import ExitStack
from functools import partial
from statistics import median

from benchmarks import userfiles
from benchmarks.bench import Bench, seconds
from benchmarks.figures import Row, Size, median_ratio, milliseconds
from benchmarks.stacks import Doorward, NotStarted
from benchmarks.traffic import Client

LARGEST_REQUIRED = 100_000
Times = dict[int, list[float]]
"""Seconds by number of users."""


def growth(bench: Bench) -> None:
    """Register and sign in at any number of users, all stacks up at once and asked in turn."""
    files: dict[int, int] = {}
    with ExitStack() as opened:
        stacks = _started(bench, opened, files)
        written = {count: -stack.written() for count, stack in stacks.items()}
        registrations: Times = {count: [] for count in stacks}
        sign_ins: Times = {count: [] for count in stacks}
        rounds = bench.plan.growth_rounds
        for turn in range(rounds):
            _register(stacks, turn, registrations)
            if turn == rounds - 1:
                for count, stack in stacks.items():
                    written[count] += stack.written()
            _sign_in(stacks, turn, sign_ins)
            found = {
                f"{count:,}": milliseconds(times[-1]) for count, times in registrations.items()
            }
            bench.tell("growth", turn, rounds, found)
        memory = {count: stack.memory("auth-service") for count, stack in stacks.items()}
    _report(bench, registrations, memory)
    bench.results.sizes += [
        Size(
            count,
            stack.start_up,
            median(registrations[count]),
            median(sign_ins[count]),
            memory[count],
            written[count] // rounds,
            files[count],
        )
        for count, stack in stacks.items()
    ]


def _started(bench: Bench, opened: ExitStack, files: dict[int, int]) -> dict[int, Doorward]:
    """Start a stack for each number of users; note the sizes of their files."""
    hashed = userfiles.password_hash()
    stacks: dict[int, Doorward] = {}
    for count in bench.plan.sizes:
        name = f"users-{count}"
        files[count] = userfiles.write(bench.folder / name, count, hashed)
        try:
            stacks[count] = opened.enter_context(bench.stack(name))
        except NotStarted:
            # Only the largest may be too much for a machine; the others are needed.
            if count <= LARGEST_REQUIRED:
                raise
            bench.results.more.append((f"{count:,} users", "did not start within a minute"))
            continue
        start_up = stacks[count].start_up
        bench.say(f"growth: {count:,} users, first answer after {start_up:.1f} s")
    return stacks


def _register(stacks: dict[int, Doorward], turn: int, times: Times) -> None:
    for count, stack in stacks.items():
        client = Client(stack.port)
        times[count].append(seconds(partial(client.register, f"newcomer-{turn}")))


def _sign_in(stacks: dict[int, Doorward], turn: int, times: Times) -> None:
    for count, stack in stacks.items():
        client = Client(stack.port)
        times[count].append(seconds(partial(client.sign_in, userfiles.name_of(turn % count))))


def _report(bench: Bench, registrations: Times, memory: dict[int, int]) -> None:
    smallest = bench.plan.sizes[0]
    ratio = median_ratio(registrations[LARGEST_REQUIRED], registrations[smallest])
    held = memory[LARGEST_REQUIRED] - memory[smallest]
    per_user = held / (LARGEST_REQUIRED - smallest)
    bench.results.required += [
        Row("registration at 100,000 users ÷ at 10", ratio, at_most=2.0),
        Row("users.json: memory per user at 100,000", per_user, unit=" bytes"),
    ]

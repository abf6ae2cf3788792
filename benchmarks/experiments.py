"""The experiments. Each starts the compared programs, measures them in turn, and returns figures."""

import os
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks import userfiles
from benchmarks.figures import (
    Row,
    Size,
    median_ratio,
    milliseconds,
    number,
    percentile,
    rate,
    readable_bytes,
)
from benchmarks.plan import Plan
from benchmarks.stacks import ROOT, Doorward, NotStarted, bare_nginx, behind_nginx, doorward
from benchmarks.traffic import (
    PASSWORD,
    Client,
    Crowd,
    WrongAnswer,
    hash_seconds,
    renewed,
    requests_per_second,
    waits,
)
from doorward_stack.engine import SERVICES, Engine, choose
from doorward_stack.layout import Layout

CROWD = 50
LARGEST_REQUIRED = 100_000
PER_SECOND = 50
RENEWED_AFTER = 30
HELLO, PLAIN, DASHBOARD = "bare Flask hello", "plain design", "dashboard"
FIRST_VIEW = "dashboard with another token each time"
OURS, ALONE = "through our nginx", "nginx alone"
Progress = Callable[[str], None]
Speeds = defaultdict[str, list[float]]
"""Requests per second of each measured page, one value for each round."""


@dataclass
class Results:
    """What was found so far."""

    required: list[Row] = field(default_factory=list)
    more: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """One run: its folder, its plan, a function for progress messages, and its results."""

    folder: Path
    plan: Plan
    say: Progress
    results: Results

    def pages(self) -> None:
        """Compare the dashboard with a bare Flask hello and with the plain design.

        All of them are started several times: how connections and threads fall into step differs
        from start to start, and then lasts.
        """
        again, first = Speeds(list), Speeds(list)
        renewals: list[float] = []
        for start in range(self.plan.page_starts):
            self._pages(start, again, first, renewals)
        self.results.required += [
            Row(
                f"{DASHBOARD} ÷ {HELLO}",
                median_ratio(again[DASHBOARD], again[HELLO]),
                at_least=0.50,
            ),
            Row(
                f"{DASHBOARD} ÷ {PLAIN} with conditional refresh",
                median_ratio(again[DASHBOARD], again[PLAIN]),
            ),
            Row(f"{FIRST_VIEW} ÷ {HELLO}", median_ratio(first[FIRST_VIEW], first[HELLO])),
            # A token that was verified before is remembered; one that is new must not cost more
            # than in the plain design.
            Row(
                f"{FIRST_VIEW} ÷ {PLAIN}",
                median_ratio(first[FIRST_VIEW], first[PLAIN]),
                at_least=1.0,
            ),
        ]
        self.results.more += [
            (f"{name}, requests per second", number(median(again[name])))
            for name in (HELLO, PLAIN, DASHBOARD)
        ]
        self.results.more += [
            (f"{FIRST_VIEW}, requests per second", number(median(first[FIRST_VIEW]))),
            (
                "renewals per second, each a transaction, none synced by itself",
                number(median(renewals)),
            ),
        ]

    def _pages(self, start: int, again: Speeds, first: Speeds, renewals: list[float]) -> None:
        folder = self.folder / f"pages-{start}"
        key, users = secrets.token_hex(32), str(folder / "users.json")
        with (
            self._stack(f"{folder.name}/doorward") as stack,
            behind_nginx("hello", folder / "hello") as hello,
            behind_nginx(
                "plain", folder / "plain", BENCH_PLAIN_KEY=key, BENCH_PLAIN_USERS=users
            ) as plain,
        ):
            client = Client(stack.port)
            token, plain_cookie = client.register("somebody", sign_in=True), _plain_cookie(plain)
            # A browser that was there before has both cookies.
            csrf = f"csrf={secrets.token_urlsafe(18)}"
            others = {
                HELLO: self._asking(hello, {}),
                PLAIN: self._asking(plain, {"Cookie": plain_cookie}),
            }
            which = f"start {start + 1}/{self.plan.page_starts}"
            for turn in range(self.plan.page_rounds):
                token = client.renew(token)
                dashboard = self._asking(stack.port, {"Cookie": f"session={token}; {csrf}"})
                what = f"pages, {which}, {turn + 1}/{self.plan.page_rounds}"
                self._in_turn(what, turn, {**others, DASHBOARD: dashboard}, again)
            # More than can be asked with in that time, so that none comes twice.
            began = time.monotonic()
            count = int(median(again[DASHBOARD]) * self.plan.page_seconds)
            fresh = [f"session={client.renew(token)}; {csrf}\n" for _ in range(count)]
            cookies = folder / "cookies"
            cookies.write_text("".join(fresh), "ascii")
            first_view = self._asking(stack.port, {}, cookies=cookies)
            self._in_turn(f"first views, {which}", start, {**others, FIRST_VIEW: first_view}, first)
            if time.monotonic() - began > RENEWED_AFTER:
                raise WrongAnswer(
                    "the tokens of the first views were so old that they may have been renewed"
                )
            url = f"{stack.url}/api/v1/sessions/current/renew"
            bearer = {"Authorization": f"Bearer {token}"}
            renewals.append(requests_per_second(url, self.plan.page_seconds, bearer, post=True))

    def _asking(
        self,
        port: int,
        headers: Mapping[str, str],
        *,
        path: str = "/dashboard",
        cookies: Path | None = None,
    ) -> Callable[[], float]:
        url = f"http://localhost:{port}{path}"
        return partial(requests_per_second, url, self.plan.page_seconds, headers, cookies=cookies)

    def _in_turn(
        self, what: str, turn: int, asked: Mapping[str, Callable[[], float]], speeds: Speeds
    ) -> None:
        """Measure each of them once; forwards and backwards, for whatever comes last would always do so."""
        for name in asked if turn % 2 else reversed(list(asked)):
            speeds[name].append(asked[name]())
        self.say(f"{what}: " + ", ".join(f"{name} {speeds[name][-1]:.0f}/s" for name in asked))

    def static_files(self) -> None:
        """Compare a style sheet through our nginx with the same file from an nginx that does nothing else."""
        with self._stack("static") as stack, ThreadPoolExecutor(1) as beside:
            clicking = beside.submit(self._person, stack)
            _, page = Client(stack.port).ask("GET", "/login")
            found = re.search(rb'href="(/static/doorward\.[0-9a-f]+\.css)"', page)
            if found is None:
                raise WrongAnswer("the sign-in page has no style sheet")
            path = found[1].decode()
            file = self.folder / "files" / path.lstrip("/")
            file.parent.mkdir(parents=True)
            file.write_bytes(Client(stack.port).ask("GET", path)[1])
            speeds = Speeds(list)
            with bare_nginx(self.folder / "bare", self.folder / "files") as bare:
                both = {
                    OURS: self._asking(stack.port, {}, path=path),
                    ALONE: self._asking(bare, {}, path=path),
                }
                for turn in range(self.plan.static_rounds):
                    self._in_turn(
                        f"static file {turn + 1}/{self.plan.static_rounds}", turn, both, speeds
                    )
            clicking.result()
        self.results.required.append(
            Row(
                f"static file, {OURS} ÷ {ALONE}",
                median_ratio(speeds[OURS], speeds[ALONE]),
                at_least=0.9,
            )
        )
        self.results.more.append(
            (f"static file, {OURS}, requests per second", number(median(speeds[OURS])))
        )

    def sign_ins(self) -> None:
        """Compare sign-ins with the hashes that the cores can make, and measure other requests in a flood."""
        hashed = userfiles.password_hash()
        folder = self.folder / "crowd"
        userfiles.write(folder, CROWD + 1, hashed)
        names = [userfiles.name_of(number) for number in range(CROWD)]
        # A process of its own, so that the crowd's threads do not make the watcher wait.
        with doorward(folder, DOORWARD_CREDENTIAL_RATE="off") as stack, _watcher() as watch:
            self._limit(stack, names)
            self._flood(stack, names, watch)

    def _limit(self, stack: Doorward, names: list[str]) -> None:
        cores = len(os.sched_getaffinity(0))
        shares: dict[int, list[float]] = {10: [], CROWD: []}
        hashes = hash_seconds(self.plan.hashes)
        all_hashes, speeds, refused = list(hashes), dict[int, list[float]]({10: [], CROWD: []}), 0
        for turn in range(self.plan.crowd_rounds):
            for connections, reached in shares.items():
                crowd = Crowd(stack.port, names[:connections])
                crowd.run(self.plan.crowd_seconds)
                before, hashes = hashes, hash_seconds(self.plan.hashes)
                speeds[connections].append(rate(crowd.moments))
                reached.append(speeds[connections][-1] * median([*before, *hashes]) / cores)
                all_hashes += hashes
                refused += crowd.refused
                self._told(
                    "sign-ins",
                    turn,
                    self.plan.crowd_rounds,
                    {
                        f"{connections} connections": f"{reached[-1]:.2f} of the limit",
                        "one hash": milliseconds(median(hashes)),
                    },
                )
        self.results.required += [
            Row(
                "sign-ins ÷ (cores ÷ hash time), 10 connections", median(shares[10]), at_least=0.95
            ),
            Row(
                "the same, 50 connections honouring Retry-After",
                median(shares[CROWD]),
                at_least=0.90,
            ),
        ]
        self.results.more += [
            ("one bcrypt hash of cost 12", milliseconds(median(all_hashes))),
            ("sign-ins per second, 10 connections", number(median(speeds[10]))),
            ("sign-ins per second, 50 connections", number(median(speeds[CROWD]))),
            (
                "of those 50, sent away with Retry-After, per second",
                number(refused / (self.plan.crowd_rounds * self.plan.crowd_seconds)),
            ),
        ]

    def _flood(self, stack: Doorward, names: list[str], watch: "Watch") -> None:
        token = Client(stack.port).sign_in(userfiles.name_of(CROWD))
        paths = {"dashboard": ("/dashboard", token), "health check": ("/healthz", "")}
        seconds = self.plan.flood_seconds
        worst: dict[tuple[str, str], list[float]] = {}
        for turn in range(self.plan.flood_rounds):
            for name, (path, shown) in paths.items():
                for condition, patient in (("idle", True), ("flood", True), ("rude flood", False)):
                    if condition == "idle":
                        taken = watch(stack.port, path, shown, seconds)
                    else:
                        crowd = Crowd(stack.port, names, patient)
                        flooding = threading.Thread(target=crowd.run, args=(seconds + 4,))
                        flooding.start()
                        time.sleep(2)
                        taken = watch(stack.port, path, shown, seconds)
                        flooding.join()
                        if not crowd.moments:
                            raise WrongAnswer("nobody of the flood was let in")
                    worst.setdefault((name, condition), []).append(percentile(taken, 0.99))
                self._told(
                    "flood",
                    turn,
                    self.plan.flood_rounds,
                    {
                        f"p99 of the {name}, {c}": milliseconds(worst[name, c][-1])
                        for c in ("idle", "flood", "rude flood")
                    },
                )
        for name in paths:
            ratio = median_ratio(worst[name, "flood"], worst[name, "idle"])
            self.results.required.append(
                Row(f"p99 of the {name} in that flood ÷ idle", ratio, at_most=3)
            )
        for name in paths:
            rude = median_ratio(worst[name, "rude flood"], worst[name, "idle"])
            self.results.more += [
                (f"p99 of the {name}, idle", milliseconds(median(worst[name, "idle"]))),
                (f"p99 of the {name}, in the flood", milliseconds(median(worst[name, "flood"]))),
                (f"p99 of the {name} ÷ idle, where the flood ignores Retry-After", number(rude)),
            ]

    def growth(self) -> None:
        """Register and sign in at any number of users, all stacks up at once and asked in turn."""
        hashed, files = userfiles.password_hash(), dict[int, int]()
        with ExitStack() as opened:
            stacks: dict[int, Doorward] = {}
            for count in self.plan.sizes:
                folder = self.folder / f"users-{count}"
                files[count] = userfiles.write(folder, count, hashed)
                try:
                    stacks[count] = opened.enter_context(
                        doorward(folder, DOORWARD_CREDENTIAL_RATE="off")
                    )
                except NotStarted:
                    # Only the largest may be too much for a machine; the others are needed.
                    if count <= LARGEST_REQUIRED:
                        raise
                    self.results.more.append((f"{count:,} users", "did not start within a minute"))
                    continue
                self.say(
                    f"growth: {count:,} users, first answer after {stacks[count].start_up:.1f} s"
                )
            written = {count: -stack.written() for count, stack in stacks.items()}
            registrations: dict[int, list[float]] = {count: [] for count in stacks}
            sign_ins: dict[int, list[float]] = {count: [] for count in stacks}
            for turn in range(self.plan.growth_rounds):
                for count, stack in stacks.items():
                    client, name = Client(stack.port), f"newcomer-{turn}"
                    registrations[count].append(_seconds(partial(client.register, name)))
                for count, stack in stacks.items():
                    written[count] += stack.written() if turn == self.plan.growth_rounds - 1 else 0
                    client, name = Client(stack.port), userfiles.name_of(turn % count)
                    sign_ins[count].append(_seconds(partial(client.sign_in, name)))
                self._told(
                    "growth",
                    turn,
                    self.plan.growth_rounds,
                    {f"{count:,}": milliseconds(all_[-1]) for count, all_ in registrations.items()},
                )
            memory = {count: stack.memory("auth-service") for count, stack in stacks.items()}
        first = self.plan.sizes[0]
        per_user = (memory[LARGEST_REQUIRED] - memory[first]) / (LARGEST_REQUIRED - first)
        self.results.required += [
            Row(
                "registration at 100,000 users ÷ at 10",
                median_ratio(registrations[LARGEST_REQUIRED], registrations[first]),
                at_most=1.3,
            ),
            Row("users.json: memory per user at 100,000", per_user, at_most=1024, unit=" bytes"),
        ]
        self.results.sizes += [
            Size(
                count,
                stacks[count].start_up,
                median(registrations[count]),
                median(sign_ins[count]),
                memory[count],
                written[count] // self.plan.growth_rounds,
                files[count],
            )
            for count in stacks
        ]

    def _person(self, stack: Doorward) -> None:
        """Count the requests between the services for a person who clicks once a second."""
        client = Client(stack.port)
        token = client.register("clicker", sign_in=True)
        cookie, renewals = f"session={token}", 0
        end = time.monotonic() + self.plan.person_seconds
        while time.monotonic() < end:
            answer, _ = client.ask("GET", "/dashboard", headers={"Cookie": cookie})
            if answer.status != 200:
                raise WrongAnswer(f"the dashboard was answered {answer.status}")
            if fresh := renewed(answer):
                cookie, renewals = fresh, renewals + 1
            time.sleep(1)
        hourly = renewals * 3600 / self.plan.person_seconds
        self.results.more.append(
            (
                "requests between services for a person who clicks every second, per hour",
                f"{hourly:.0f} ({renewals} in {self.plan.person_seconds} s)",
            )
        )

    def rest(self) -> None:
        """Tell how long a start takes, and how much memory the programs take before anybody comes."""
        with self._stack("rest") as stack:
            self.results.more.append(
                ("from the command to the first answer", f"{stack.start_up:.1f} s")
            )
            for name, pids in stack.processes().items():
                count = f"{len(pids)} process{'es' if len(pids) > 1 else ''}"
                held = f"{readable_bytes(stack.memory(name))} in {count}"
                self.results.more.append((f"memory of {name} at rest", held))

    def images(self) -> None:
        """Tell the size of the images, where an engine can build them."""
        state = self.folder / "images"
        layout = Layout(ROOT, state)
        layout.make_folders()
        engine = Engine(layout)
        choice = choose(engine, "auto")
        if choice.mode != "compose" or not choice.build:
            self.results.more.append(("image sizes", f"not measured: {choice.why}"))
            return
        self.say("images: building")
        if engine.compose("build").returncode != 0:
            self.results.more.append(("image sizes", "not measured: the images could not be built"))
            return
        project = engine.project
        names = [f"{project}-{service}" for service in SERVICES]
        for name, service in zip(names[1:], SERVICES[1:], strict=True):
            size = engine.run(["docker", "image", "inspect", "--format", "{{.Size}}", name]).stdout
            self.results.more.append((f"image of {service}", readable_bytes(int(size))))
        engine.run(["docker", "image", "rm", "--no-prune", *names])

    def _stack(self, name: str) -> AbstractContextManager[Doorward]:
        return doorward(self.folder / name, DOORWARD_CREDENTIAL_RATE="off")

    def _told(self, what: str, turn: int, of: int, found: dict[str, str]) -> None:
        self.say(
            f"{what} {turn + 1}/{of}: "
            + ", ".join(f"{name} {value}" for name, value in found.items())
        )


Watch = Callable[[int, str, str, float], list[float]]


@contextmanager
def _watcher() -> Iterator[Watch]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:

        def watch(port: int, path: str, token: str, seconds: float) -> list[float]:
            future: Future[list[float]] = pool.submit(waits, port, path, token, seconds, PER_SECOND)
            return future.result()

        yield watch


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _plain_cookie(port: int) -> str:
    """Register and sign in at the plain design; return the cookies that a browser would send."""
    client, form = Client(port), f"username=somebody&password={PASSWORD.replace(' ', '+')}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    client.ask("POST", "/register", form, headers)
    answer, _ = client.ask("POST", "/login", form, headers)
    return "; ".join(
        header.partition(";")[0] for header in answer.headers.get_all("Set-Cookie", [])
    )

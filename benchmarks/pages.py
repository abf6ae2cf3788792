"""Pages and static files, compared with simpler programs that serve the same."""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, Speeds
from benchmarks.figures import Row, median_ratio, number
from benchmarks.stacks import Doorward, bare_nginx, behind_nginx
from benchmarks.traffic import PASSWORD, Client, WrongAnswer, renewed, requests_per_second

RENEWED_AFTER = 30
HELLO = "bare Flask hello"
PLAIN = "plain design"
DASHBOARD = "dashboard"
FIRST_VIEW = "dashboard with another token each time"
OURS = "through our nginx"
ALONE = "nginx alone"
Asked = Mapping[str, Callable[[], float]]


@dataclass(frozen=True)
class Views:
    """Speeds with the same token, with another token each time, and of renewals."""

    again: Speeds = field(default_factory=lambda: Speeds(list))
    first: Speeds = field(default_factory=lambda: Speeds(list))
    renewals: list[float] = field(default_factory=list)


def pages(bench: Bench) -> None:
    """Compare the dashboard with a bare Flask hello and with the plain design.

    All of them are started several times: how connections and threads fall into step differs
    from start to start, and then lasts.
    """
    views = Views()
    for start in range(bench.plan.page_starts):
        _measure(bench, start, views)
    again = views.again
    first = views.first
    bench.results.required += [
        Row(f"{DASHBOARD} ÷ {HELLO}", median_ratio(again[DASHBOARD], again[HELLO]), at_least=0.50),
        Row(
            f"{DASHBOARD} ÷ {PLAIN} with conditional refresh",
            median_ratio(again[DASHBOARD], again[PLAIN]),
        ),
        Row(f"{FIRST_VIEW} ÷ {HELLO}", median_ratio(first[FIRST_VIEW], first[HELLO])),
        # A token that was verified before is remembered; one that is new must not cost more
        # than in the plain design.
        Row(f"{FIRST_VIEW} ÷ {PLAIN}", median_ratio(first[FIRST_VIEW], first[PLAIN]), at_least=1.0),
    ]
    for name in (HELLO, PLAIN, DASHBOARD):
        bench.results.more.append((f"{name}, requests per second", number(median(again[name]))))
    renewals = "renewals per second, each a transaction, none synced by itself"
    bench.results.more += [
        (f"{FIRST_VIEW}, requests per second", number(median(first[FIRST_VIEW]))),
        (renewals, number(median(views.renewals))),
    ]


def _measure(bench: Bench, start: int, views: Views) -> None:
    folder = bench.folder / f"pages-{start}"
    plain_settings = {
        "BENCH_PLAIN_KEY": secrets.token_hex(32),
        "BENCH_PLAIN_USERS": str(folder / "users.json"),
    }
    with (
        bench.stack(f"{folder.name}/doorward") as stack,
        behind_nginx("hello", folder / "hello") as hello,
        behind_nginx("plain", folder / "plain", **plain_settings) as plain,
    ):
        client = Client(stack.port)
        token = client.register("somebody", sign_in=True)
        plain_cookie = _plain_cookie(plain)
        others = {
            HELLO: bench.asking(hello, {}),
            PLAIN: bench.asking(plain, {"Cookie": plain_cookie}),
        }
        # A browser that was there before has both cookies.
        csrf = f"csrf={secrets.token_urlsafe(18)}"
        for turn in range(bench.plan.page_rounds):
            token = client.renew(token)
            dashboard = bench.asking(stack.port, {"Cookie": f"session={token}; {csrf}"})
            which = f"start {start + 1}/{bench.plan.page_starts}, {turn + 1}"
            what = f"pages, {which}/{bench.plan.page_rounds}"
            bench.measure_in_turn(what, turn, {**others, DASHBOARD: dashboard}, views.again)
        # For the load generator, making each request from a line of a file is work of its own, so
        # all three are asked in that way.
        others = {
            HELLO: bench.asking(hello, {}, cookies=_lines(folder / "hello-cookies", [csrf])),
            PLAIN: bench.asking(
                plain, {}, cookies=_lines(folder / "plain-cookies", [plain_cookie])
            ),
        }
        cookies = folder / "cookies"
        _measure_first_views(bench, start, stack, token, csrf, cookies, others, views)
        url = f"{stack.url}/api/v1/sessions/current/renew"
        bearer = {"Authorization": f"Bearer {token}"}
        speed = requests_per_second(url, bench.plan.page_seconds, bearer, post=True)
        views.renewals.append(speed)


def _measure_first_views(
    bench: Bench,
    start: int,
    stack: Doorward,
    token: str,
    csrf: str,
    cookies: Path,
    others: Asked,
    views: Views,
) -> None:
    began = time.monotonic()
    client = Client(stack.port)
    # More than can be asked with in that time, so that none comes twice.
    count = int(median(views.again[DASHBOARD]) * bench.plan.page_seconds)
    fresh = [f"session={client.renew(token)}; {csrf}" for _ in range(count)]
    first_view = bench.asking(stack.port, {}, cookies=_lines(cookies, fresh))
    what = f"first views, start {start + 1}/{bench.plan.page_starts}"
    bench.measure_in_turn(what, start, {**others, FIRST_VIEW: first_view}, views.first)
    if time.monotonic() - began > RENEWED_AFTER:
        raise WrongAnswer(
            "the tokens of the first views were so old that they may have been renewed"
        )


def _lines(file: Path, lines: Iterable[str]) -> Path:
    """Write lines into a file; return its path."""
    file.write_text("".join(f"{line}\n" for line in lines), "ascii")
    return file


def _plain_cookie(port: int) -> str:
    """Register and sign in at the plain design; return the cookies that a browser would send."""
    client = Client(port)
    form = f"username=somebody&password={PASSWORD.replace(' ', '+')}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    client.ask("POST", "/register", form, headers)
    answer, _ = client.ask("POST", "/login", form, headers)
    cookies = answer.headers.get_all("Set-Cookie", [])
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def static_files(bench: Bench) -> None:
    """Compare a style sheet through our nginx with the same file from an nginx serving only it."""
    speeds = Speeds(list)
    with bench.stack("static") as stack, ThreadPoolExecutor(1) as beside:
        clicking = beside.submit(_click_as_a_person, bench, stack)
        path = _style_sheet(stack)
        file = bench.folder / "files" / path.lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(Client(stack.port).ask("GET", path)[1])
        with bare_nginx(bench.folder / "bare", bench.folder / "files") as bare:
            both = {
                OURS: bench.asking(stack.port, {}, path=path),
                ALONE: bench.asking(bare, {}, path=path),
            }
            for turn in range(bench.plan.static_rounds):
                what = f"static file {turn + 1}/{bench.plan.static_rounds}"
                bench.measure_in_turn(what, turn, both, speeds)
        clicking.result()
    ratio = median_ratio(speeds[OURS], speeds[ALONE])
    bench.results.required.append(Row(f"static file, {OURS} ÷ {ALONE}", ratio, at_least=0.9))
    bench.results.more.append(
        (f"static file, {OURS}, requests per second", number(median(speeds[OURS])))
    )


def _style_sheet(stack: Doorward) -> str:
    _, page = Client(stack.port).ask("GET", "/login")
    found = re.search(rb'href="(/static/doorward\.[0-9a-f]+\.css)"', page)
    if found is None:
        raise WrongAnswer("the sign-in page has no style sheet")
    return found[1].decode()


def _click_as_a_person(bench: Bench, stack: Doorward) -> None:
    """Count the requests between the services for a person who clicks once a second."""
    client = Client(stack.port)
    cookie = f"session={client.register('clicker', sign_in=True)}"
    renewals = 0
    end = time.monotonic() + bench.plan.person_seconds
    while time.monotonic() < end:
        answer, _ = client.ask("GET", "/dashboard", headers={"Cookie": cookie})
        if answer.status != 200:
            raise WrongAnswer(f"the dashboard was answered {answer.status}")
        if fresh := renewed(answer):
            cookie = fresh
            renewals += 1
        time.sleep(1)
    hourly = renewals * 3600 / bench.plan.person_seconds
    what = "requests between services for a person who clicks every second, per hour"
    counted = f"{hourly:.0f} ({renewals} in {bench.plan.person_seconds} s)"
    bench.results.more.append((what, counted))

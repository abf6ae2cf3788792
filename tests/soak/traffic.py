"""People and programs who use everything that Doorward offers, at a pace that is set."""

import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from journeys.visitor import PASSWORD, Api, Page, Visitor, new_name

NEW_PASSWORD = "seven green kettles whistle at dawn"
BROKEN = 0
"""Stands for the status where a connection broke or no answer came."""
_VARIABLE = re.compile(r"(?<=/static/).*|(?<=/sessions/)(?!current).*")


@dataclass
class Seen:
    """What happened: how often each request got which status, and what nobody expected."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        return self.answers.total()

    @property
    def failed(self) -> dict[tuple[str, int], int]:
        """The answers of 5xx, and the requests that got none."""
        return {what: count for what, count in self.answers.items() if not 1 <= what[1] // 100 <= 4}

    def add(self, other: "Seen") -> None:
        self.answers += other.answers
        self.unexpected += other.unexpected
        self.slowest = max(self.slowest, other.slowest)
        self.seconds = max(self.seconds, other.seconds)


class Pace:
    """Lets so many requests a second begin, evenly; 0 is as many as can be."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            begin = max(self._next, now)
            self._next = begin + self._interval
        time.sleep(begin - now)


class Watched:
    """Paces and counts the requests of somebody."""

    def __init__(self, pace: Pace) -> None:
        self.seen = Seen()
        self._pace = pace

    def ask(self, method: str, path: str, send: Any) -> requests.Response:
        what = f"{method} {_VARIABLE.sub('*', path.partition('?')[0])}"
        self._pace.wait()
        began = time.monotonic()
        try:
            answer: requests.Response = send()
        except requests.RequestException:
            self.seen.answers[what, BROKEN] += 1
            raise
        self.seen.answers[what, answer.status_code] += 1
        self.seen.slowest = max(self.seen.slowest, time.monotonic() - began)
        return answer


class Person(Visitor):
    """Somebody at a browser."""

    def __init__(self, base_url: str, watched: Watched) -> None:
        super().__init__(base_url)
        self._watched = watched

    def request(self, method: str, path: str, **how: Any) -> requests.Response:
        return self._watched.ask(
            method, path, lambda: super(Person, self).request(method, path, **how)
        )


class Program(Api):
    """Something that uses the API."""

    def __init__(self, base_url: str, watched: Watched) -> None:
        super().__init__(base_url)
        self._watched = watched

    def request(self, method: str, path: str, **how: Any) -> requests.Response:
        ask = lambda: super(Program, self).request(method, path, **how)  # noqa: E731
        return self._watched.ask(method, f"/api/v1{path}", ask)


class UnexpectedAnswer(Exception):
    """An answer that this journey does not go on from."""


def expect(status: int, answer: requests.Response) -> requests.Response:
    """Return the answer if it has this status."""
    if answer.status_code != status:
        asked = f"{answer.request.method} {answer.request.path_url}"
        raise UnexpectedAnswer(
            f"{answer.status_code} for {asked}, not {status}: {answer.text[:200]}"
        )
    return answer


def fill_in(person: Person, path: str, status: int = 303, **fields: str) -> None:
    """Open a page and send its form, which is answered like this."""
    form = Page(expect(200, person.get(path))).form(path)
    expect(status, person.submit(form, **fields))


def look_around(person: Person, times: int = 5) -> None:
    """See the dashboard again and again, which renews the session now and then."""
    for _ in range(times):
        expect(200, person.get("/dashboard"))


def life(person: Person, elsewhere: Person, program: Program) -> None:
    """Do everything once, from registering to deleting the account, so that nothing piles up."""
    name = new_name()
    expect(303, person.get("/"))
    fill_in(person, "/register", username=name, password=PASSWORD)
    page = expect(200, person.get("/dashboard"))
    for address in set(re.findall(r'"(/static/[^"]+)"', page.text)):
        expect(200, person.get(address))
    look_around(person)

    fill_in(elsewhere, "/login", 401, username=name, password="not the password at all")
    fill_in(elsewhere, "/login", 401, username=new_name(), password=PASSWORD)
    fill_in(elsewhere, "/login", username=name, password=PASSWORD)
    look_around(elsewhere, 2)

    token = expect(201, program.sign_in(name)).json()["token"]
    expect(200, program.current(token))
    token = expect(200, program.renew(token)).json()["token"]
    expect(200, program.request("GET", "/sessions", token=token))
    expect(204, program.end(token))
    expect(401, program.current(token))

    fill_in(person, "/account/sessions", others="true")
    look_around(person)
    fill_in(person, "/account/password", current_password=PASSWORD, new_password=NEW_PASSWORD)
    look_around(person)
    form = Page(expect(200, person.get("/dashboard"))).form("/logout")
    expect(303, person.submit(form))
    expect(303, person.get("/dashboard"))
    fill_in(person, "/login", username=name, password=NEW_PASSWORD)
    look_around(person)
    expect(200, person.get("/healthz"))
    expect(404, person.get("/nothing"))
    fill_in(person, "/account/delete", password=NEW_PASSWORD)


def crowd(base_url: str, people: int, seconds: float, per_second: float) -> Seen:
    """Let people live one life after the other; the last one is lived to its end.

    Args:
        base_url: of the stack.
        people: so many at a time.
        seconds: after so many nobody begins a new life.
        per_second: requests of all of them together; 0 is as many as can be.
    """
    pace, began = Pace(per_second), time.monotonic()

    def lives(_number: int) -> Seen:
        watched = Watched(pace)
        while time.monotonic() - began < seconds:
            with (
                Person(base_url, watched) as person,
                Person(base_url, watched) as elsewhere,
                Program(base_url, watched) as program,
            ):
                try:
                    life(person, elsewhere, program)
                except (UnexpectedAnswer, requests.RequestException) as error:
                    watched.seen.unexpected[str(error)] += 1
        return watched.seen

    seen = Seen()
    with ThreadPoolExecutor(people) as pool:
        for one in pool.map(lives, range(people)):
            seen.add(one)
    seen.seconds = time.monotonic() - began
    return seen

"""Generates load: wrk for pages, which needs little processor time, and crowds that sign in."""

import http.client
import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path

import bcrypt

CONNECTIONS = 32
PASSWORD = "nine tin otters juggle pears"  # noqa: S105 - of accounts that live for minutes
ROUNDS = 12
ANSWER_SECONDS = 30
POST_SCRIPT = Path(__file__).with_name("post.lua")
COOKIES_SCRIPT = Path(__file__).with_name("cookies.lua")


class WrongAnswer(Exception):
    """The answers were not the expected ones, so the measurement is void."""


def requests_per_second(
    url: str,
    seconds: float,
    headers: Mapping[str, str] = {},
    *,
    post: bool = False,
    cookies: Path | None = None,
) -> float:
    """Ask for one address over and over, with the lines of `cookies` in turn, if there are any.

    Raises WrongAnswer unless every answer was a success.
    """
    arguments = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    arguments += ["-s", str(POST_SCRIPT)] if post else []
    arguments += ["-s", str(COOKIES_SCRIPT)] if cookies else []
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", *arguments, url]
    command += ["--", str(cookies)] if cookies else []
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise WrongAnswer(f"{url}:\n{done.stdout}")
    return float(found[1])


def hash_seconds(count: int) -> list[float]:
    """Return how long one password takes to hash, so many times, on one core."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(ROUNDS))
        taken.append(time.perf_counter() - began)
    return taken


class Client:
    """One kept connection to a stack on this machine."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        self._host = f"localhost:{port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return an answer, read to its end."""
        sent = {"Host": self._host, "User-Agent": "benchmark", **headers}
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        return answer, answer.read()

    def post_json(self, path: str, content: object) -> tuple[http.client.HTTPResponse, bytes]:
        """Send JSON."""
        return self.ask(
            "POST", path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )

    def register(self, username: str, *, sign_in: bool = False) -> str:
        """Make an account; return the token of a session if one is wanted."""
        content = {"username": username, "password": PASSWORD} | (
            {"sign_in": True} if sign_in else {}
        )
        answer, body = self.post_json("/api/v1/users", content)
        if answer.status != 201:
            raise WrongAnswer(f"a registration was answered {answer.status}: {body!r}")
        return str(json.loads(body)["session"]["token"]) if sign_in else ""

    def renew(self, token: str) -> str:
        """Return a fresh token for a session."""
        headers = {"Authorization": f"Bearer {token}"}
        answer, body = self.ask("POST", "/api/v1/sessions/current/renew", headers=headers)
        if answer.status != 200:
            raise WrongAnswer(f"a renewal was answered {answer.status}: {body!r}")
        return str(json.loads(body)["token"])

    def sign_in(self, username: str) -> str:
        """Open a session; return its token."""
        answer, body = self.post_json(
            "/api/v1/sessions", {"username": username, "password": PASSWORD}
        )
        if answer.status != 201:
            raise WrongAnswer(f"a sign-in was answered {answer.status}: {body!r}")
        return str(json.loads(body)["token"])


@dataclass
class Crowd:
    """Connections that sign in over and over, each to an account of its own."""

    port: int
    names: Sequence[str]
    patient: bool = True
    """Whether they honour Retry-After."""
    moments: list[float] = field(default_factory=list)
    """When sign-ins succeeded, on the monotonic clock."""
    refused: int = 0

    def run(self, seconds: float) -> None:
        """Sign in for so long. Raises WrongAnswer for anything but 201 and 503."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(len(self.names)) as pool:
            for done in [pool.submit(self._member, name, end) for name in self.names]:
                done.result()
        self.moments.sort()

    def _member(self, name: str, end: float) -> None:
        client = Client(self.port)
        while (now := time.monotonic()) < end:
            answer, body = client.post_json(
                "/api/v1/sessions", {"username": name, "password": PASSWORD}
            )
            if answer.status == 201:
                self.moments.append(time.monotonic())
            elif answer.status == 503:
                self.refused += 1
                wait = int(answer.headers["Retry-After"]) if self.patient else 0
                time.sleep(max(0.0, min(wait, end - now)))
            else:
                raise WrongAnswer(f"a sign-in was answered {answer.status}: {body!r}")


def waits(port: int, path: str, token: str, seconds: float, per_second: float) -> list[float]:
    """Return how long answers took, asked for at a steady pace as a browser would, cookies and all.

    For a process of its own: whatever else this one does would count as waiting.
    """
    client = Client(port)
    cookie = f"session={token}" if token else ""
    taken: list[float] = []
    began = time.monotonic()
    for number in range(int(seconds * per_second)):
        due = began + number / per_second
        time.sleep(max(0.0, due - time.monotonic()))
        asked = time.perf_counter()
        answer, _ = client.ask("GET", path, headers={"Cookie": cookie} if cookie else {})
        taken.append(time.perf_counter() - asked)
        if answer.status != 200:
            raise WrongAnswer(f"{path} was answered {answer.status}")
        cookie = renewed(answer) or cookie
    return taken


def renewed(answer: http.client.HTTPResponse) -> str:
    """Return the session cookie that an answer sets, or ""."""
    for header in answer.headers.get_all("Set-Cookie", []):
        cookies = SimpleCookie(header)
        if "session" in cookies:
            return f"session={cookies['session'].value}"
    return ""

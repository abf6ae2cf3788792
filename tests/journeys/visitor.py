"""People and programs that use Doorward, as far as HTTP goes."""

import base64
import http.client
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import requests

import trust

PASSWORD = "nine tin otters juggle pears"
ANSWER_SECONDS = 30
_BLOCKS = {"p", "li", "h1", "h2", "dt", "dd", "title", "button", "div", "label"}
Result = TypeVar("Result")


@dataclass
class Form:
    """A form as it stands in a page, with what is filled in already."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page says and which forms it has."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        assert response.headers["Content-Type"].startswith("text/html"), response.text[:200]
        self.title = ""
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self.feed(response.text)
        self.close()

    @property
    def text(self) -> str:
        """The words of the page, in order, with single spaces."""
        return " ".join(" ".join(self._words).split())

    def form(self, action: str) -> Form:
        """Return the form that is sent to an address."""
        return next(form for form in self.forms if form.action == action)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, fields and links."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        elif tag == "input" and self.forms and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "title":
            self._open.append(tag)
        if tag in _BLOCKS:
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Keep words of neighbouring blocks apart."""
        if tag == "title":
            self._open.clear()
        if tag in _BLOCKS:
            self._words.append(" ")

    def handle_data(self, data: str) -> None:
        """Note the words."""
        if self._open:
            self.title += data
        self._words.append(data)


class Visitor:
    """A person with a browser: keeps cookies, fills in forms, and follows no redirect unasked."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.http = requests.Session()
        # Nothing from the environment: the tests talk to this machine only.
        self.http.trust_env = False
        self.http.verify = trust.authority_file()
        self.http.headers["User-Agent"] = "journey"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, path: str, **how: Any) -> requests.Response:
        """Go to an address."""
        return self.request("GET", path, **how)

    def request(self, method: str, path: str, **how: Any) -> requests.Response:
        """Send any request."""
        how = {"allow_redirects": False, "timeout": ANSWER_SECONDS, **how}
        return self.http.request(method, self.base_url + path, **how)

    def page(self, path: str) -> Page:
        """Go to an address that answers with a page."""
        return Page(self.get(path))

    def submit(
        self, form: Form, headers: dict[str, str | None] | None = None, **fields: str
    ) -> requests.Response:
        """Send a form as a browser does, with some fields filled in."""
        of_a_browser: dict[str, str | None] = {
            "Origin": self.base_url,
            "Sec-Fetch-Site": "same-origin",
        }
        return self.request(
            form.method.upper(),
            form.action,
            data=form.fields | fields,
            headers=of_a_browser | (headers or {}),
        )

    def register(self, username: str, password: str = PASSWORD) -> requests.Response:
        """Fill in the registration form."""
        form = self.page("/register").form("/register")
        return self.submit(form, username=username, password=password)

    def sign_in(
        self, username: str, password: str = PASSWORD, at: str = "/login"
    ) -> requests.Response:
        """Fill in the sign-in form."""
        form = self.page(at).form("/login")
        return self.submit(form, username=username, password=password)

    def sign_out(self) -> requests.Response:
        """Press the button on the dashboard."""
        return self.submit(self.page("/dashboard").form("/logout"))

    def is_signed_in(self) -> bool:
        """Whether the dashboard is shown."""
        return self.get("/dashboard").status_code == 200

    @property
    def token(self) -> str:
        """The session cookie's value, empty where there is none."""
        return self.cookie("session")

    @token.setter
    def token(self, value: str) -> None:
        self.plant("session", value)

    @property
    def session_cookie(self) -> str:
        """The session cookie as a browser sends it."""
        return f"{self.cookie_name('session')}={self.token}"

    def cookie_name(self, name: str) -> str:
        """Return a cookie's full name: under https all have the prefix."""
        return f"__Host-{name}" if self.base_url.startswith("https:") else name

    def cookie(self, name: str) -> str:
        """Return a cookie's value, empty where there is none."""
        return self.http.cookies.get(self.cookie_name(name)) or ""

    def plant(self, name: str, value: str) -> None:
        """Give the browser a cookie, in the place of the one that it has."""
        self.http.cookies.set(self.cookie_name(name), value, domain="localhost.local", path="/")


class Api:
    """A program that uses the API."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = trust.authority_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def request(self, method: str, path: str, **how: Any) -> requests.Response:
        """Send any request; `token` is the bearer token."""
        token = how.pop("token", None)
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        how = {"allow_redirects": False, "timeout": ANSWER_SECONDS, **how}
        return self.http.request(method, f"{self.base_url}/api/v1{path}", headers=headers, **how)

    def register(
        self, username: object, password: object = PASSWORD, **more: object
    ) -> requests.Response:
        """Make an account."""
        return self.request(
            "POST", "/users", json={"username": username, "password": password, **more}
        )

    def sign_in(self, username: object, password: object = PASSWORD) -> requests.Response:
        """Open a session."""
        return self.request("POST", "/sessions", json={"username": username, "password": password})

    def token(self, username: str, password: str = PASSWORD) -> str:
        """Open a session and return its token."""
        answer = self.sign_in(username, password)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["token"]
        return token

    def current(self, token: str) -> requests.Response:
        """Ask whose session a token is of."""
        return self.request("GET", "/sessions/current", token=token)

    def renew(self, token: str) -> requests.Response:
        """Prolong a session."""
        return self.request("POST", "/sessions/current/renew", token=token)

    def end(self, token: str) -> requests.Response:
        """End a session."""
        return self.request("DELETE", "/sessions/current", token=token)


def new_name() -> str:
    """Return a user name that nobody has."""
    return f"user-{secrets.token_hex(6)}"


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, without verifying anything."""
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return decoded


def all_at_once(jobs: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do all jobs at the same time, each in a thread of its own; return the results in order."""
    barrier = threading.Barrier(len(jobs))

    def do(job: Callable[[], Result]) -> Result:
        barrier.wait(timeout=60)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(do, jobs))


def patiently(ask: Callable[[], requests.Response]) -> requests.Response:
    """Ask again while the stack is too busy, as Retry-After bids; return the last answer."""
    for _ in range(60):
        answer = ask()
        if answer.status_code != 503:
            break
        time.sleep(min(int(answer.headers["Retry-After"]), 2))
    return answer


@dataclass(frozen=True)
class RawAnswer:
    """An answer to bytes that no client library would send."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@contextmanager
def connected(base_url: str, seconds: float = 15) -> Iterator[socket.socket]:
    """Open a connection to a stack, with TLS if it has it; a broken one is a ConnectionError."""
    address = urlsplit(base_url)
    with socket.create_connection(("127.0.0.1", address.port or 80), timeout=seconds) as plain:
        if address.scheme != "https":
            yield plain
            return
        try:
            with trust.context().wrap_socket(plain, server_hostname="localhost") as connection:
                yield connection
        except ssl.SSLError as error:
            raise ConnectionError(str(error)) from error


def send_raw(base_url: str, request: bytes, seconds: float = 15) -> RawAnswer | None:
    """Send bytes as they are; return the answer, or None where the connection was just closed."""
    with connected(base_url, seconds) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
        except (http.client.BadStatusLine, ConnectionError, ssl.SSLError):
            return None
        with answer:
            return RawAnswer(answer.status, answer.headers, answer.read())


def raw_request(first_line: str, *headers: str, body: str = "") -> bytes:
    """Return a request just as it is written, after which the connection is closed."""
    return "\r\n".join([first_line, *headers, "Connection: close", "", body]).encode("latin-1")


def answer_to(base_url: str, first_line: str, *headers: str, body: str = "") -> RawAnswer:
    """Send a request just as it is written; return the answer, which has to come."""
    answer = send_raw(base_url, raw_request(first_line, *headers, body=body))
    assert answer is not None, first_line
    return answer

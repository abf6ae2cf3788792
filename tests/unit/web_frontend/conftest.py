"""A whole web-frontend before a fake auth-service, with a clock set by hand and a small browser.

The browser looks at every answer for what must hold on each of them: no password and no key in
it, cookies with the right names and attributes, and nothing that a cache may keep.
"""

import base64
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from flask import Flask
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from werkzeug.test import TestResponse

from doorward_settings.fields import LANGUAGES
from doorward_settings.web_frontend import read_settings
from session_contract.callers import Caller
from web_frontend.app import create_app
from web_frontend.auth_service.answers import Issued, LiveSession, PersonalData, Refused

NOW = 1_800_000_000
IDLE, LIMIT = 1800, 43_200
PASSWORD = "violet harbour 7 sings <&\"'> æ"
SECRETS = {
    "EDGE_CREDENTIAL": "ocsQD1fpccrPJp58JuRjCiWo6dS9014y3xqAtmuJYlQ",
    "SERVICE_CREDENTIAL": "nfawJqjGwm48Os0jcKFuk__9wAFf9b2Hkhh4gCXbAoA",
    "CSRF_KEY": "fOErqHgqMvdDV877ge24wg6k11URXstAYzSLjMnUHzQ",
}
LEADS_TO = (
    "/dashboard",
    "/login",
    "/account",
    "/account/sessions",
    "/account/password",
    "/account/delete",
)


def refused(status: int, code: str = "a-code", wait: int = 5, **errors: list[str]) -> Refused:
    """Return a refusal of auth-service."""
    return Refused(status, code, errors, wait)


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


class Mint:
    """Makes tokens as auth-service would, and wrong ones: this is what a forger can do as well."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self.keys: dict[str, bytes] = {}
        self._serial = itertools.count(1)
        self.made: list[str] = []
        self.use("first")

    def use(self, *kids: str, retires_at: int | None = None) -> None:
        """Write a key set of these keys; the first signs, and the last may retire."""
        self.keys = {kid: hashlib.sha256(kid.encode()).digest() for kid in kids}
        members = [
            {"kty": "oct", "kid": kid, "k": base64.urlsafe_b64encode(key).rstrip(b"=").decode()}
            for kid, key in self.keys.items()
        ]
        if retires_at is not None:
            members[-1]["retires_at"] = retires_at  # type: ignore[assignment]
        self.path.write_text(json.dumps({"keys": members}))

    def token(
        self,
        age: float = 0,
        *,
        kid: str | None = None,
        key: bytes | None = None,
        typ: str = "",
        **changes: Any,
    ) -> str:
        """Return a token issued `age` seconds ago; `changes` are to its claims (None drops one)."""
        kid = kid or next(iter(self.keys))
        issued = int(self.clock.now - age)
        claims = {
            "iss": "doorward-auth-service",
            "aud": "doorward",
            "sub": "user-1",
            "preferred_username": "Alice",
            "sid": "session-1",
            "jti": f"token-{next(self._serial)}",
            "iat": issued,
            "auth_time": issued,
            "exp": issued + IDLE,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": kid, "typ": typ or "doorward-session+jwt"}
        made = jwt.encode(claims, key or self.keys[kid], "HS256", headers)
        self.made.append(made)
        return made

    def issued(self, token: str) -> Issued:
        """Return an answer of auth-service with this token."""
        return Issued(token=token, token_type="Bearer", expires_in=IDLE, session_id="session-1")


class FakeAuth:
    """Stands for auth-service; remembers calls; `answers` by call: error, result or function."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._sessions = itertools.count(1)
        self.calls: list[tuple[Any, ...]] = []
        self.callers: list[Caller] = []
        self.devices: list[str] = []
        self.display_names: list[str] = []
        self.answers: dict[str, Any] = {
            "register": self._new_session,
            "sign_in": self._new_session,
            "renew": self._renewed,
            "end": None,
            "sessions": [],
            "end_session": None,
            "end_other_sessions": None,
            "reauthenticate": None,
            "change_password": self._changed,
            "change_display_name": self._renewed,
            "change_username": self._renamed,
            "personal_data": None,
            "delete_account": None,
            "check_ready": None,
        }

    @property
    def asked(self) -> list[str]:
        """The names of the calls, in order."""
        return [call[0] for call in self.calls]

    def register(
        self, username: str, password: str, display_name: str, devices: str, caller: Caller
    ) -> Issued:
        self.devices.append(devices)
        self.display_names.append(display_name)
        return self._answer(caller, "register", username, password)

    def change_display_name(self, token: str, name: str, caller: Caller) -> Issued:
        return self._answer(caller, "change_display_name", token, name)

    def sign_in(self, username: str, password: str, devices: str, caller: Caller) -> Issued:
        self.devices.append(devices)
        return self._answer(caller, "sign_in", username, password)

    def renew(self, token: str, caller: Caller) -> Issued:
        return self._answer(caller, "renew", token)

    def end(self, token: str, caller: Caller) -> None:
        self._answer(caller, "end", token)

    def sessions(self, token: str, caller: Caller) -> list[LiveSession]:
        return list(self._answer(caller, "sessions", token))

    def end_session(self, token: str, session_id: str, caller: Caller) -> None:
        self._answer(caller, "end_session", token, session_id)

    def end_other_sessions(self, token: str, caller: Caller) -> None:
        self._answer(caller, "end_other_sessions", token)

    def reauthenticate(self, token: str, password: str, caller: Caller) -> None:
        self._answer(caller, "reauthenticate", token, password)

    def change_password(self, token: str, current: str | None, new: str, caller: Caller) -> Issued:
        return self._answer(caller, "change_password", token, current, new)

    def change_username(self, token: str, username: str, password: str, caller: Caller) -> Issued:
        return self._answer(caller, "change_username", token, username, password)

    def personal_data(self, token: str, caller: Caller) -> PersonalData:
        return self._answer(caller, "personal_data", token)

    def delete_account(self, token: str, password: str, caller: Caller) -> None:
        self._answer(caller, "delete_account", token, password)

    def check_ready(self, caller: Caller) -> None:
        self._answer(caller, "check_ready")

    def _answer(self, caller: Caller, name: str, *given: str | None) -> Any:
        self.calls.append((name, *given))
        self.callers.append(caller)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(*given) if callable(answer) else answer

    def _new_session(self, username: str, password: str) -> Issued:
        sid = f"fresh-{next(self._sessions)}"
        issued = self._mint.issued(self._mint.token(sid=sid, preferred_username=username))
        return issued.model_copy(update={"device_token": f"device-of-{sid}".ljust(43, "-")})

    def _changed(self, token: str, current: str, new: str) -> Issued:
        return self._new_session("Alice", new)

    def _renamed(self, token: str, username: str, password: str) -> Issued:
        return self._new_session(username, password)

    def _renewed(self, token: str, *_sent: str) -> Issued:
        claims = jwt.decode(token, options={"verify_signature": False})
        kept = {name: claims[name] for name in ("sub", "sid", "preferred_username", "auth_time")}
        return self._mint.issued(self._mint.token(**kept))


class _Html(HTMLParser):
    """The parts of a page that tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.links: list[str | None] = []
        self.forms: list[str | None] = []
        self.ids: set[str | None] = set()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids.add(found.get("id"))
        if tag == "input":
            assert found["name"] not in self.inputs or found["name"] in (
                "csrf_token",
                "username",
            ), "two inputs of one name"
            self.inputs[str(found["name"])] = found
        elif tag == "a":
            self.links.append(found.get("href"))
        elif tag == "form":
            self.forms.append(found.get("action"))

    def handle_data(self, data: str) -> None:
        self.words += data


@dataclass
class Answer:
    """An answer, taken apart."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Any:
        return self.response.headers

    @property
    def text(self) -> str:
        return self.response.get_data(as_text=True)

    @cached_property
    def page(self) -> _Html:
        return _Html(self.text)

    @property
    def words(self) -> str:
        return " ".join(self.page.words.split())

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @property
    def notice(self) -> str | None:
        """The notice that the next page is to show."""
        names = [name for name in self.cookies if name.endswith("notice")]
        return self.cookies[names[0]][0] or None if names else None

    @property
    def everything(self) -> str:
        """All that a browser gets to see."""
        return f"{self.headers}\n{self.text}"

    @property
    def shown(self) -> str:
        """All that may echo a request, without what is random, which may hold any short text."""
        shown = self.text + "".join(
            f"\n{name}: {value}" for name, value in self.headers if name != "Set-Cookie"
        )
        return re.sub(r'(<input[^>]* name="csrf_token"[^>]*) value="[^"]*"', r"\1", shown)

    @cached_property
    def cookies(self) -> dict[str, tuple[str, dict[str, str]]]:
        """The cookies that are set: name to value and attributes, in lower case."""
        found = {}
        for line in self.headers.getlist("Set-Cookie"):
            pair, *parts = line.split("; ")
            name, _, value = pair.partition("=")
            assert name not in found, "one cookie is set twice"
            found[name] = (
                value.strip('"'),
                {key.lower(): text for key, _, text in (part.partition("=") for part in parts)},
            )
        return found

    def cleared(self, name: str) -> bool:
        value, attributes = self.cookies.get(name, ("", {}))
        return value == "" and attributes.get("max-age") == "0"


@dataclass
class Browser:
    """Keeps cookies, and checks in every answer what must hold in all of them."""

    site: "Site"
    jar: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client = self.site.app.test_client(use_cookies=False)

    def open(
        self, method: str, path: str, headers: dict[str, str] | None = None, **given: Any
    ) -> Answer:
        """Ask for a page; `path` goes into the request as it stands, a query aside."""
        sent = {"Host": self.site.host, **(headers or {})}
        if self.jar and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        raw, _, query = path.partition("?")
        environ = {"PATH_INFO": raw, **given.pop("environ", {})}
        response = self._client.open(
            "/", method=method, headers=sent, query_string=query, environ_overrides=environ, **given
        )
        answer = Answer(response)
        self._check(answer)
        for name, (value, attributes) in answer.cookies.items():
            if attributes.get("max-age") == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.open("GET", path, headers)

    def post(
        self, path: str, data: Any = None, headers: dict[str, str] | None = None, **given: Any
    ) -> Answer:
        return self.open("POST", path, headers, data=data, **given)

    def csrf(self) -> str:
        """Return the token of a form as this browser gets it now."""
        for path in ("/dashboard", "/login"):
            answer = self.get(path)
            if "csrf_token" in answer.page.inputs:
                return str(answer.page.inputs["csrf_token"]["value"])
        raise AssertionError("no page with a form")

    def send(self, path: str, token: str | None = None, **fields: Any) -> Answer:
        """Fetch a form and send it, with no other page in between."""
        return self.post(path, {"csrf_token": self.csrf() if token is None else token, **fields})

    def sign_in(self, **fields: Any) -> Answer:
        return self.send("/login", **{"username": "Alice", "password": PASSWORD, **fields})

    def register(self, **fields: Any) -> Answer:
        return self.send("/register", **{"username": "Alice", "password": PASSWORD, **fields})

    def _check(self, answer: Answer) -> None:
        shown = answer.everything
        for spelling in (PASSWORD, "violet harbour", *SECRETS.values()):
            assert spelling not in shown, "a secret is in an answer"
        for token in self.site.mint.made:
            assert token not in answer.text, "a session token is in a page"
        for name, (_, attributes) in answer.cookies.items():
            prefix = "__Host-" if self.site.https else ""
            assert name in {
                prefix + kind for kind in ("session", "csrf", "ended", "device", "notice")
            }, name
            assert attributes.get("path") == "/"
            assert attributes.get("samesite") == "Lax"
            assert "httponly" in attributes
            assert "domain" not in attributes
            assert ("secure" in attributes) is self.site.https
        assert answer.status == 303 or not 300 <= answer.status < 400
        assert (answer.location or "/dashboard").partition("?")[0] in LEADS_TO
        assert answer.headers.get("Clear-Site-Data", '"storage"') == '"storage"'
        if answer.headers["Content-Type"].startswith("text/html"):
            assert answer.headers.get("Cache-Control") == "no-store"
            assert "Cookie" in answer.headers.get("Vary", "")


@dataclass
class Site:
    """web-frontend and all that stands around it."""

    app: Flask
    mint: Mint
    clock: Clock
    auth: FakeAuth
    https: bool
    host: str

    @property
    def session_cookie(self) -> str:
        return "__Host-session" if self.https else "session"

    def browser(self, token: str | None = None, **jar: str) -> Browser:
        """Return a browser, with a session cookie if a token is given."""
        held = {self.session_cookie: token} if token else {}
        return Browser(self, {**held, **jar})

    def signed_in(self, age: float = 0, **claims: Any) -> Browser:
        """Return a browser with a session whose token was issued `age` seconds ago."""
        return self.browser(self.mint.token(age, **claims))


MakeSite = Callable[..., Site]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set what web-frontend needs and nothing of a developer's own; return the patcher."""
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    for name, value in {"KEY_SET_FILE": str(tmp_path / "keys.json"), **SECRETS}.items():
        monkeypatch.setenv(f"DOORWARD_{name}", value)
    return monkeypatch


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BytecodeCache]:
    """Every test has an application of its own; the templates are compiled once for all."""
    return {
        tag: FileSystemBytecodeCache(str(tmp_path_factory.mktemp(f"templates-{tag}")))
        for tag in LANGUAGES
    }


@pytest.fixture
def make_site(
    environment: pytest.MonkeyPatch, tmp_path: Path, compiled_templates: dict[str, BytecodeCache]
) -> MakeSite:
    """Return a function that builds web-frontend with settings, as `registration="closed"`."""

    def make(**changes: object) -> Site:
        for name, value in changes.items():
            environment.setenv(f"DOORWARD_{name.upper()}", str(value))
        clock = Clock()
        mint = Mint(tmp_path / "keys.json", clock)
        auth = FakeAuth(mint)
        settings = read_settings()
        app = create_app(settings, clock, auth)  # type: ignore[arg-type]
        for tag, templates in app.extensions["web_frontend"].templates.items():
            templates.bytecode_cache = compiled_templates[tag]
        return Site(app, mint, clock, auth, settings.https, urlsplit(settings.url).netloc)

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """Return web-frontend with its default settings."""
    return make_site()


@pytest.fixture
def https_site(make_site: MakeSite) -> Site:
    """Return web-frontend for https://portal.example."""
    return make_site(public_url="https://portal.example", trusted_proxies="192.0.2.1")


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    for record in caplog.get_records("call"):
        shown = record.getMessage() + str(record.exc_text or "")
        for secret in (PASSWORD, *SECRETS.values()):
            assert secret not in shown
        assert "eyJ" not in shown, "a token is in the log"

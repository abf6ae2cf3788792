"""What the three programs log: one form, one request id, every event, and no secret."""

import re
import secrets
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import requests
from flask import Blueprint, Flask

import auth_service.app
import web_frontend.app
from auth_service.api.operations import OPERATIONS
from journeys.attack_lists import unusual
from journeys.visitor import PASSWORD, Api, Visitor, new_name, send_raw
from running_stack import Stack, eventually
from secrets_in_logs import CANARY, leaks, lines, secrets_of

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}Z|\+00:00|Z)")
FIELDS = (
    "username", "password", "current_password", "new_password", "csrf_token", "device_token",
    "next",
)  # fmt: skip
HEADERS = (
    "Authorization",
    "Proxy-Authorization",
    "X-Edge-Credential",
    "X-Service-Credential",
    "X-CSRF-Token",
)
COOKIES = ("session", "__Host-session", "csrf", "__Host-csrf", "device", "__Host-device", "ended")
Route = tuple[str, str]


@pytest.fixture(scope="module")
def logged(stacks: Any) -> Iterator[Stack]:
    """A stack of this file's own."""
    own = stacks.start({})
    yield own
    stacks.remove(own)


def find(stack: Stack, found: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """Return the first such line as soon as it is there."""
    matching: list[dict[str, Any]] = []

    def look() -> bool:
        matching[:] = [line for line in lines(stack.logs()) if found(line)]
        return bool(matching)

    eventually(look, f"no log line {what}", 15)
    return matching[0]


def by(service: str, request_id: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a line is of a service, and of a request; nginx's lines name none."""
    return lambda line: (
        (line.get("service", "nginx"), line.get("request_id")) == (service, request_id)
    )


@pytest.mark.proves("V16.2.1", "V16.2.4", "V16.3.1")
def test_one_request_has_the_same_id_in_the_logs_of_all_three(logged: Stack) -> None:
    with Visitor(logged.base_url) as visitor, Api(logged.base_url) as api:
        name = new_name()
        token = api.register(name, sign_in=True).json()["session"]["token"]
        form = visitor.page("/login").form("/login")
        visitor.token = f"{token[:-4]}AAAA"
        refused = visitor.submit(form, username=name, password="not the password")
        assert refused.status_code == 401
    request_id = refused.headers["X-Request-ID"]
    edge, page, guess = (
        find(logged, by(service, request_id), f"of {service} with {request_id}")
        for service in ("nginx", "web-frontend", "auth-service")
    )
    assert (edge["method"], edge["path"], edge["status"]) == ("POST", "/login", 401)
    assert page["event"] == "malicious_extraneous"
    assert guess["event"] == "authn_login_fail"
    assert edge["client"] == page["client_address"] == guess["client_address"]
    assert page["user_agent"] == guess["user_agent"] == "journey"


@pytest.mark.proves("V16.2.2", "V16.2.4")
def test_every_line_of_every_program_is_json_with_a_time_in_utc(logged: Stack) -> None:
    api = Api(logged.base_url)
    assert api.sign_in("x\r\n\u2028\x1b[31m", '"}\n{"event":"user_deleted"').status_code == 401
    text = logged.logs()
    for line in lines(text):
        assert TIME.fullmatch(line["time"]), line
        assert line.get("service", "nginx") == "nginx" or {"level", "logger"} <= line.keys(), line
    services = [line for line in text.splitlines() if '"service"' in line]
    assert len(services) == len([line for line in lines(text) if "service" in line]) > 0
    assert not [line for line in lines(text) if line.get("event") == "user_deleted"]


@pytest.mark.proves("V16.3.3")
def test_starts_stops_and_commands_stand_in_the_services_own_log(logged: Stack) -> None:
    for service in ("auth-service", "web-frontend"):
        find(
            logged,
            lambda line, name=service: (
                (line.get("service"), line.get("event")) == (name, "sys_startup")
            ),  # type: ignore[misc]
            f"that {service} was started",
        )
    with Api(logged.base_url) as api:
        user_id = api.register("Operated").json()["id"]
    done = logged.exec(
        "auth-service", "flask", "--app", "auth_service", "users", "disable", "operated"
    )
    assert (done.stdout, done.stderr) == ("Operated was disabled.\n", "")
    line = find(logged, lambda line: line.get("event") == "user_updated", "of the command")
    assert (line["user_id"], line["act"]) == (user_id, "disable")
    assert isinstance(line["operator_uid"], int)


# --- no secret


def routes(module: Any) -> list[Route]:
    """Return every method and path of a service, from its own blueprints."""
    app = Flask(__name__)
    for blueprint in {
        id(found): found for found in vars(module).values() if isinstance(found, Blueprint)
    }.values():
        app.register_blueprint(blueprint)
    own = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    return sorted(
        {(method, rule.rule) for rule in own for method in rule.methods or ()} - {("OPTIONS", "")}
    )


PAGES, CALLS = routes(web_frontend.app), routes(auth_service.app)


class Canaries:
    """Sends secrets that are found nowhere else, and remembers them all."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._visitor = Visitor(base_url)
        self.sent = 0
        self.real: dict[str, str] = {}

    def new(self, kind: str) -> str:
        self.sent += 1
        return f"{CANARY}-{kind}-{self.sent}"

    def send(self, method: str, path: str, **how: Any) -> requests.Response:
        path = path.replace("<session_id>", "somebody-elses").replace("<path:name>", "none")
        self._visitor.http.cookies.clear()
        return self._visitor.request(method, path, **how)

    def fields(self, *names: str) -> dict[str, str]:
        return {name: self.new(name) for name in names}

    def headers(self, **more: str) -> dict[str, str]:
        headers = {name: self.new(name) for name in HEADERS}
        headers["Authorization"] = f"Bearer {headers['Authorization']}"
        cookies = "; ".join(f"{name}={self.new(name)}" for name in COOKIES)
        return (
            headers
            | {"Cookie": cookies, "Referer": f"{self.base_url}/?x={self.new('referer')}"}
            | more
        )

    def drive(
        self, method: str, path: str, subsets: list[tuple[str, ...]], **headers: str
    ) -> list[int]:
        """Send a route secrets in all fields and in the right ones: as form, JSON, and broken."""
        query = {"next": self.new("query"), "token": self.new("query")}
        statuses = []
        for subset in [FIELDS, *subsets]:
            for how in (
                {"data": self.fields(*subset)},
                {"json": self.fields(*subset)},
                {"json": {"password": [self.new("list")], "username": {"x": self.new("member")}}},
                {"json": self.fields(self.new("name of a field"))},
                {"data": "{" + self.new("broken"), "headers": {"Content-Type": "application/json"}},
                {"data": self.new("large") * 1000},
            ):
                sent = self.headers(**headers) | how.pop("headers", {})  # type: ignore[operator]
                statuses.append(
                    self.send(method, path, params=query, headers=sent, **how).status_code
                )
        return statuses


def bodies() -> list[tuple[str, ...]]:
    """Return the text fields of each body of the API."""
    models = {operation.body for operation in OPERATIONS.values() if operation.body}
    return sorted(
        tuple(name for name, field in model.model_fields.items() if field.annotation is str)
        for model in models
    )


@pytest.fixture(scope="module")
def driven(logged: Stack) -> Canaries:
    """Every route of the stack, driven with canaries; and people whose real secrets were used."""
    canaries = Canaries(logged.base_url)
    assert {("POST", "/login"), ("POST", "/account/delete"), ("GET", "/dashboard")} <= set(PAGES)
    assert {("POST", "/api/v1/sessions"), ("PUT", "/api/v1/users/me/password")} <= set(CALLS)
    statuses: set[int] = set()
    for method, path in product(
        ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"), {p for _, p in PAGES + CALLS}
    ):
        statuses.add(canaries.send(method, path, headers=canaries.headers()).status_code)
    for method, path in PAGES + CALLS:
        statuses.update(canaries.drive(method, path, bodies()))
    for path in {path for _, path in PAGES + CALLS}:
        # Programs do not encode what people type.
        line = f"GET {path}?password={canaries.new('query')}-ü HTTP/1.1"
        answer = send_raw(logged.base_url, unusual(line, "{host}", "", "localhost"))
        assert answer
        assert answer.status in (400, 404), path
    with Visitor(logged.base_url) as visitor, Api(logged.base_url) as api:
        password = canaries.real["password"] = f"{secrets.token_hex(9)} long enough"
        name = new_name()
        assert visitor.register(name, password).status_code == 303
        canaries.real["session cookie"] = visitor.token
        canaries.real["signature"] = visitor.token.rpartition(".")[2]
        for cookie in visitor.http.cookies:
            canaries.real[f"cookie {cookie.name}"] = cookie.value or ""
        canaries.real["form token"] = (
            visitor.page("/account/password").form("/account/password").fields["csrf_token"]
        )
        made = api.sign_in(name, password).json()
        for member in ("token", "device_token"):
            if member in made:
                canaries.real[f"{member} of the API"] = made[member]
        signed_in = {"Authorization": f"Bearer {made['token']}"}
        for method, path in CALLS:
            if (method, path) != ("DELETE", "/api/v1/sessions/current"):
                statuses.update(canaries.drive(method, path, bodies(), **signed_in))
        form = visitor.page("/account/password").form("/account/password")
        fresh = canaries.real["password, the new one"] = f"{secrets.token_hex(9)} long enough"
        # Signing out comes last: it makes every form stale.
        for path in sorted(
            {path for method, path in PAGES if method == "POST"}, key=lambda p: p == "/logout"
        ):
            wrong = form.fields | canaries.fields(
                "password", "current_password", "username", "next"
            )
            statuses.add(
                visitor.request(
                    "POST", path, data=wrong, headers={"Origin": visitor.base_url}
                ).status_code
            )
        visitor.http.cookies.clear()
        visitor.sign_in(name, password)
        assert visitor.submit(
            visitor.page("/account/password").form("/account/password"),
            current_password=password,
            new_password=fresh,
        ).status_code in (303, 429)
    assert {200, 303, 400, 401, 405, 415, 422} <= statuses
    assert not {status for status in statuses if status >= 500} - {501, 503}
    return canaries


@pytest.mark.proves("V16.2.5")
def test_no_secret_that_was_sent_stands_in_any_log(logged: Stack, driven: Canaries) -> None:
    planted = f"planted-{secrets.token_hex(9)}"
    headers = {"User-Agent": planted}
    last = Api(logged.base_url).request("POST", "/sessions", headers=headers, data="{")
    find(logged, by("auth-service", last.headers["X-Request-ID"]), "of the last request")
    known = driven.real | secrets_of(logged) | {"the usual password": PASSWORD, "a canary": CANARY}
    for kind in ("k ", "credential", "password_hash", "password", "session cookie", "form token"):
        assert any(name.startswith(kind) for name in known), kind
    assert driven.sent > 5000
    # A user agent is logged: if it is not found, nothing would be.
    assert leaks(logged.logs(), known | {"planted": planted}) == ["planted"]

"""What the audit log records, and what it never holds."""

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_service.api.request_context import in_log_lines
from auth_service.audit import AuditLog
from auth_service.models import User
from doorward_settings.auth_service import Settings
from session_contract.audit_events import audit_log, record_event
from session_contract.callers import Caller
from session_contract.credentials import Credential
from session_contract.log_lines import JsonLine
from unit.made_users import make_user

GOOD, OTHER = "a quiet harbour at dawn", "another fine evening"
USERS, SESSIONS, CURRENT = "/api/v1/users", "/api/v1/sessions", "/api/v1/sessions/current"
ME, PASSWORD, CONFIRM = f"{USERS}/me", f"{USERS}/me/password", f"{CURRENT}/reauthentication"
ROOT = Path(__file__).resolve().parents[3]
# Texts of the product that only look like events.
NO_EVENTS = {"user_id", "user_agent", "session_id"}
PRODUCT = ("auth-service", "web-frontend", "session_contract")
Events = list[dict[str, Any]]


class _Collect(logging.Handler):
    """Keeps the lines that would be written."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self.setFormatter(JsonLine("auth-service", in_log_lines))
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        self._events.append(json.loads(self.format(record)))


@pytest.fixture
def events() -> Iterator[Events]:
    """Return a list that grows with every event."""
    recorded: Events = []
    handler = _Collect(recorded)
    audit_log.addHandler(handler)
    yield recorded
    audit_log.removeHandler(handler)


def names(events: Events) -> list[str]:
    return [event["event"] for event in events]


class Person:
    """Somebody with an account and a session."""

    def __init__(self, client: FlaskClient, name: str = "Alice") -> None:
        self.client, self.name = client, name
        body = {"username": name, "password": GOOD, "sign_in": True}
        made = client.post(USERS, json=body).get_json()
        self.id: str = made["id"]
        self.token: str = made["session"]["token"]
        self.session: str = made["session"]["session_id"][:8]

    def ask(self, method: str, path: str, **body: Any) -> int:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.open(path, method=method, headers=headers, json=body or None).status_code

    def sign_in(self, password: str = GOOD, name: str | None = None) -> int:
        body = {"username": name or self.name, "password": password}
        return self.client.post(SESSIONS, json=body).status_code


@pytest.fixture
def alice(client: FlaskClient, events: Events) -> Person:
    made = Person(client)
    assert names(events) == ["user_created", "session_created"]
    assert {event["user_id"] for event in events} == {made.id}
    events.clear()
    return made


def only(events: Events) -> dict[str, Any]:
    (event,) = events
    return event


def test_a_registration_sent_twice_is_recorded_as_the_sign_in_that_it_is(
    client: FlaskClient, alice: Person, events: Events
) -> None:
    body = {"username": "alice", "sign_in": True}
    assert client.post(USERS, json={**body, "password": GOOD}).status_code == 201
    assert client.post(USERS, json={**body, "password": OTHER}).status_code == 409
    assert names(events) == ["authn_login_success", "authn_login_fail"]
    assert {event["user_id"] for event in events} == {alice.id}


# --- who, when, where, what


@pytest.mark.proves("V16.2.1", "V16.3.1")
def test_an_event_says_when_where_who_and_what(
    client: FlaskClient, alice: Person, events: Events
) -> None:
    body = {"username": "alice", "password": GOOD}
    answer = client.post(SESSIONS, json=body, headers={"User-Agent": "u" * 5000})
    assert answer.status_code == 201
    event = only(events)
    assert event == {
        "time": event["time"],
        "level": "INFO",
        "service": "auth-service",
        "logger": "audit",
        "event": "authn_login_success",
        "request_id": event["request_id"],
        "client_address": "127.0.0.1",
        "user_id": alice.id,
        "session": event["session"],
        "device": event["device"],
        "user_agent": "u" * 256,
    }
    assert event["time"].endswith("Z")
    assert len(event["request_id"]) == 32


# --- authentication


@pytest.mark.proves("V16.3.1", "V16.2.5")
def test_an_unknown_name_is_a_pseudonym_since_people_type_passwords_there(
    alice: Person, events: Events
) -> None:
    for name in (GOOD, GOOD.upper(), OTHER):
        assert alice.sign_in("x", name) == 401
    first, again, other = (event["unknown_name"] for event in events)
    assert first == again != other
    assert len(first) == 16
    assert hashlib.sha256(GOOD.encode()).hexdigest()[:16] != first, (
        "without a key anybody could guess"
    )
    assert not {"user_id"} & {name for event in events for name in event}
    assert GOOD not in str(events).lower()
    assert alice.sign_in("x", "\ud800") == 401
    assert events[-1]["event"] == "authn_login_fail", "though no encoding takes that name"


@pytest.mark.proves("V16.3.1", "V16.3.2", "V16.3.3")
def test_every_step_of_an_account_is_recorded(alice: Person, events: Events, clock: Any) -> None:
    def change(current: str) -> int:
        return alice.ask("PUT", PASSWORD, current_password=current, new_password=OTHER)

    def confirm(password: str) -> int:
        return alice.ask("POST", CONFIRM, password=password)

    def end_others() -> int:
        return alice.ask("DELETE", f"{SESSIONS}?others=true")

    def after(seconds: int, act: Callable[[], int]) -> int:
        clock.now += seconds
        return act()

    def get() -> int:
        return alice.ask("GET", CURRENT)

    steps: list[tuple[Callable[[], int], int, list[str]]] = [
        (alice.sign_in, 201, ["authn_login_success"]),
        (lambda: alice.sign_in("x", "ALICE"), 401, ["authn_login_fail"]),
        (lambda: after(301, end_others), 403, ["authz_fail"]),
        (lambda: confirm(GOOD), 204, ["authn_login_success"]),
        (lambda: confirm("x"), 403, ["authn_login_fail"]),
        (end_others, 204, ["authn_token_revoked"]),
        (lambda: change("x"), 403, ["authn_password_change_fail"]),
        (lambda: change(GOOD), 200, ["authn_password_change", "session_created"]),
        (get, 401, ["session_use_after_expire"]),
        (lambda: alice.ask("DELETE", CURRENT), 204, ["authn_token_revoked"]),
        (lambda: after(1801, get), 401, ["session_use_after_expire"]),
    ]
    for step, status, recorded in steps:
        events.clear()
        assert step() == status
        assert names(events) == recorded
        assert {event["user_id"] for event in events} == {alice.id}


@pytest.mark.proves("V16.3.1", "V16.3.3")
def test_the_fifth_wrong_confirmation_is_recorded_as_a_lock_and_a_deletion_too(
    client: FlaskClient, alice: Person, events: Events
) -> None:
    assert [alice.ask("POST", CONFIRM, password="x") for _ in range(5)] == [403] * 4 + [401]
    assert names(events) == ["authn_login_fail"] * 4 + ["authn_login_lock"]
    bob = Person(client, "Bob")
    events.clear()
    assert bob.ask("DELETE", ME, password=GOOD) == 204
    event = only(events)
    assert (event["event"], event["user_id"]) == ("user_deleted", bob.id)


@pytest.mark.proves("V16.2.5")
def test_a_device_is_the_same_short_hash_at_every_sign_in_and_never_its_token(
    client: FlaskClient, alice: Person, events: Events
) -> None:
    body = {"username": "Alice", "password": GOOD}
    token: str = client.post(SESSIONS, json=body).get_json()["device_token"]
    client.post(SESSIONS, json={**body, "device_token": token})
    client.post(SESSIONS, json=body)
    first, again, other = (event["device"] for event in events)
    assert first == again == hashlib.sha256(token.encode()).hexdigest()[:8] != other
    assert token not in str(events)


@pytest.mark.proves("V16.3.1", "V16.3.3")
@pytest.mark.parametrize("name", ["Alice", "nobody"])
def test_a_delay_is_recorded_for_known_and_unknown_names(
    alice: Person, events: Events, name: str
) -> None:
    assert [alice.sign_in("x", name) for _ in range(6)] == [401] * 5 + [429]
    assert names(events) == ["authn_login_fail"] * 5 + ["authn_login_lock"]
    last = events[-1]
    assert ("user_id" in last, "unknown_name" in last) == (name == "Alice", name != "Alice")
    assert last["reason"] == "TooManyAttempts"


def test_ending_a_session_says_which(alice: Person, events: Events, client: FlaskClient) -> None:
    body = {"username": "Alice", "password": GOOD}
    ended = client.post(SESSIONS, json=body).get_json()["session_id"]
    events.clear()
    assert alice.ask("DELETE", f"{SESSIONS}/{ended}") == 204
    event = only(events)
    assert event["event"] == "authn_token_revoked"
    assert (event["session"], event["ended"]) == (alice.session, ended[:8])


# --- refusals and attacks


@pytest.mark.proves("V16.3.2")
def test_what_is_not_allowed_is_recorded(
    make_app: Callable[..., Flask], alice: Person, events: Events
) -> None:
    assert alice.client.get(CURRENT).status_code == 401
    assert alice.ask("DELETE", f"{SESSIONS}/somebody-elses") == 404
    closed = make_app(registration="closed").test_client()
    assert closed.post(USERS, json={"username": "Bob", "password": GOOD}).status_code == 403
    assert [(event["event"], event["reason"]) for event in events] == [
        ("authz_fail", "Unauthenticated"),
        ("authz_fail", "UnknownSession"),
        ("authz_fail", "RegistrationClosed"),
    ]


@pytest.mark.proves("V16.3.3")
def test_a_forged_token_is_recorded_as_an_attack(alice: Person, events: Events) -> None:
    alice.token = alice.token[:-4] + "AAAA"
    assert alice.ask("GET", CURRENT) == 401
    event = only(events)
    assert (event["event"], event["reason"]) == ("malicious_extraneous", "TokenInvalid")
    assert "user_id" not in event, "nobody can say that"


@pytest.mark.proves("V16.3.3")
@pytest.mark.parametrize("header", ["X-Edge-Credential", "X-Service-Credential"])
def test_a_wrong_credential_of_a_service_is_recorded(
    client: FlaskClient, settings: Settings, events: Events, header: str
) -> None:
    client.get("/livez", headers={header: secrets.token_urlsafe(32)})
    assert names(events) == ["malicious_extraneous"]
    client.get("/livez", headers={"X-Edge-Credential": settings.edge_credential})
    assert len(events) == 1


@pytest.mark.proves("V16.3.3")
def test_what_no_program_of_ours_sends_is_recorded(client: FlaskClient, events: Events) -> None:
    for content, kind in (
        (b"{", "application/json"),
        (b"x", "text/plain"),
        (b"x" * 20_000, "application/json"),
        (b'{"username": "a", "password": "b", "admin": true}', "application/json"),
    ):
        events.clear()
        client.post(SESSIONS, data=content, content_type=kind)
        event = only(events)
        assert (event["event"], event["act"]) == ("input_validation_fail", "api.sign_in")


@pytest.mark.proves("V16.3.4", "V16.5.1")
def test_an_unexpected_error_is_recorded_beside_its_traceback(app: Flask, events: Events) -> None:
    def fail() -> str:
        raise ZeroDivisionError("internal detail")

    app.add_url_rule("/fail", view_func=fail)
    answer = app.test_client().get("/fail")
    event = only(events)
    assert (event["event"], event["level"]) == ("sys_crash", "WARNING")
    assert event["request_id"] == answer.get_json()["request_id"]
    assert "internal detail" not in answer.text + str(event)


@pytest.mark.proves("V16.2.5", "V16.3.4")
def test_a_bug_leaves_its_traceback_in_the_log_and_no_secret_that_was_sent(app: Flask) -> None:
    def fail() -> None:
        raise ZeroDivisionError("what went wrong")

    app.before_request(fail)
    lines: Events = []
    handler = _Collect(lines)
    logging.getLogger().addHandler(handler)
    secret = "a secret that is found nowhere else"
    headers = {"Authorization": f"Bearer {secret}", "Cookie": f"session={secret}"}
    body = {"username": secret, "password": secret, "device_token": secret}
    try:
        answer = app.test_client().post(f"{SESSIONS}?x={secret}", json=body, headers=headers)
    finally:
        logging.getLogger().removeHandler(handler)
    assert answer.status_code == 500
    (trace,) = (line["exception"] for line in lines if "exception" in line)
    assert trace.endswith("ZeroDivisionError: what went wrong")
    assert len({line["request_id"] for line in lines}) == 1
    assert secret not in json.dumps(lines) + answer.text


def test_what_everybody_does_all_day_is_no_event(alice: Person, events: Events) -> None:
    assert alice.ask("GET", CURRENT) == 200
    assert alice.ask("POST", f"{CURRENT}/renew") == 200
    assert alice.ask("GET", SESSIONS) == 200
    assert alice.client.get("/api/v1/nothing").status_code == 404
    assert alice.client.get("/readyz").status_code == 200
    assert events == []


# --- commands


@pytest.mark.proves("V16.3.1", "V16.3.3")
def test_what_operators_do_is_recorded_with_their_uid(
    app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    run = app.test_cli_runner().invoke
    assert run(args=["users", "add", "Bob"], input=f"{GOOD}\n").exit_code == 0
    user_id = app.test_client().post(USERS, json={"username": "Bob", "password": GOOD}).status_code
    assert user_id == 409
    for command in (["disable", "Bob"], ["enable", "bob"], ["remove", "BOB"]):
        assert run(args=["users", *command]).exit_code == 0
    assert run(args=["users", "remove", "Bob"]).exit_code == 1
    assert run(args=["sessions", "end", "Bob"]).exit_code == 1
    assert run(args=["keys", "rotate"]).exit_code == 0
    lines = [json.loads(line) for line in (tmp_path / "commands.log").read_text().splitlines()]
    assert [(line["event"], line["act"]) for line in lines] == [
        ("user_created", "add"),
        ("user_updated", "disable"),
        ("user_updated", "enable"),
        ("user_deleted", "remove"),
        ("sensitive_update", "rotate"),
    ]
    assert {line["operator_uid"] for line in lines} == {1234}
    assert len({line["user_id"] for line in lines[:4]}) == 1
    assert settings.command_log_file == tmp_path / "commands.log"


def test_a_log_that_commands_cannot_write_to_is_replaced_by_stderr(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(command_log_file="/nowhere/log")
    result = app.test_cli_runner().invoke(args=["keys", "rotate"])
    assert result.exit_code == 0
    assert json.loads(result.stderr)["event"] == "sensitive_update"


@pytest.mark.proves("V16.3.3")
def test_a_service_records_that_it_has_noticed_new_keys_once(
    app: Flask, alice: Person, events: Events, tmp_path: Path
) -> None:
    app.test_cli_runner().invoke(args=["keys", "rotate"])
    commanded = json.loads((tmp_path / "commands.log").read_text())
    events.clear()
    for _ in range(3):
        alice.ask("GET", CURRENT)
    noticed = only([event for event in events if event["event"] == "sensitive_update"])
    assert (noticed["object"], noticed["key"]) == ("signing keys", commanded["key"])
    assert noticed["request_id"]


@pytest.mark.proves("V16.3.3", "V16.2.5")
def test_a_service_records_that_it_has_noticed_a_new_credential_and_not_which(
    tmp_path: Path, events: Events
) -> None:
    file, values = tmp_path / "credential", [secrets.token_urlsafe(32) for _ in range(2)]
    file.write_text(values[0])
    credential = Credential(values[0], file)
    assert credential.current() == values[0]
    assert events == []
    file.unlink()
    file.write_text(f"{values[1]}\n")
    assert [credential.current() for _ in range(3)] == [values[1]] * 3
    assert (only(events)["event"], only(events)["object"]) == ("sensitive_update", str(file))
    assert values[1] not in str(events)


# --- the form


def test_details_that_are_not_known_are_left_out(events: Events) -> None:
    record_event("sys_startup", None, user_id=None, reason="x")
    assert set(only(events)) == {"time", "level", "service", "logger", "event", "reason"}


def test_known_and_unknown_names_cost_the_same_steps() -> None:
    calls: list[str] = []
    known = make_user("alice")

    class Names:
        def find(self, name: str) -> User | None:
            calls.append("find")
            return known if name == "alice" else None

        def pseudonym(self, _name: str) -> str:
            calls.append("pseudonym")
            return "0" * 16

    audit = AuditLog(Names(), Names())
    for name in ("Alice", "nobody"):
        audit.record("authn_login_fail", Caller("192.0.2.1", "", "x"), username=name)
    assert calls == ["find", "pseudonym"] * 2


@pytest.mark.proves("V16.3.3")
def test_every_event_that_the_product_records_stands_in_the_inventory_and_no_other() -> None:
    name = r"(?:authn|authz|input|malicious|sensitive|session|sys|user)_[a-z_]+"
    files = [file for folder in PRODUCT for file in ROOT.glob(f"{folder}/**/*.py")]
    recorded = {text for file in files for text in re.findall(rf'"({name})"', file.read_text())}
    inventory = (ROOT / "docs" / "operations.md").read_text()
    assert recorded - NO_EVENTS == set(re.findall(rf"^\| `({name})` \|", inventory, re.M))

"""The JSON API: what is taken, what is refused and how, and what nobody is told."""

import gzip
import json
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from io import RawIOBase
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.wrappers import Response

from auth_service.app import create_app
from doorward_settings.auth_service import Settings
from session_contract.keyset import Key, KeySet, KeySetFile
from session_contract.tokens import TokenVerifier

GOOD = "a quiet harbour at dawn"
USERS, SESSIONS, CURRENT = "/api/v1/users", "/api/v1/sessions", "/api/v1/sessions/current"
RENEW = f"{CURRENT}/renew"
MakeApp = Callable[..., Flask]
MakeKey = Callable[..., Key]


def register(
    client: FlaskClient, username: str = "Alice", password: str = GOOD, **more: Any
) -> TestResponse:
    return client.post(USERS, json={"username": username, "password": password, **more})


def sign_in(client: FlaskClient, username: str = "Alice", password: str = GOOD) -> TestResponse:
    return client.post(SESSIONS, json={"username": username, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def token(client: FlaskClient) -> str:
    """Return a token of Alice's."""
    text: str = register(client, sign_in=True).get_json()["session"]["token"]
    return text


def problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is that problem in the form that the contract promises; return it."""
    body: dict[str, Any] = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), body
    assert (body["type"], body["status"]) == (f"urn:doorward:problem:{code}", status)
    assert body["title"]
    assert body["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert answer.headers.get("WWW-Authenticate", "Bearer").startswith("Bearer")
    assert ("Retry-After" in answer.headers) == (status in (429, 503))
    assert int(answer.headers.get("Retry-After", 1)) > 0
    assert ("errors" in body) == (status == 422)
    assert "Set-Cookie" not in answer.headers
    return body


# --- what works


@pytest.mark.proves("V8.2.3", "V15.3.1")
def test_registering_answers_with_the_account_and_nothing_secret(client: FlaskClient) -> None:
    answer = register(client)
    body = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (201, "application/json")
    assert body == {
        "id": body["id"],
        "username": "Alice",
        "display_name": "",
        "created_at": "2027-01-15T08:00:00Z",
    }
    assert "$2b$" not in answer.text


def test_registering_with_sign_in_answers_with_a_session_too(client: FlaskClient) -> None:
    body = register(client, sign_in=True).get_json()
    session = body.pop("session")
    assert set(body) == {"id", "username", "display_name", "created_at"}
    assert set(session) == {"token", "token_type", "expires_in", "session_id", "device_token"}
    assert (
        client.get(CURRENT, headers=bearer(session["token"])).get_json()["user"]["id"] == body["id"]
    )
    assert "session" not in register(client, "Bob", sign_in=False).get_json()
    problem(register(client, "ALICE"), 409, "username-taken")


@pytest.mark.proves("V6.2.10", "NIST-3.1.1.2-rotation")
def test_a_password_of_twenty_years_ago_is_as_good_as_on_its_first_day(
    client: FlaskClient, clock: Any
) -> None:
    register(client)
    clock.now += 20 * 365 * 86_400
    assert sign_in(client).status_code == 201


def test_a_session_from_sign_in_to_sign_out(client: FlaskClient, clock: Any) -> None:
    user_id = register(client).get_json()["id"]
    answer = sign_in(client, "aLICE")
    session = answer.get_json()
    assert answer.status_code == 201
    assert session == {
        "token": session["token"],
        "token_type": "Bearer",
        "expires_in": 1800,
        "session_id": session["session_id"],
        "device_token": session["device_token"],
    }
    current = client.get(CURRENT, headers={**bearer(session["token"]), "User-Agent": "Browser/1.0"})
    assert current.status_code == 200
    body = current.get_json()
    assert body["user"] == {"id": user_id, "username": "Alice"}
    assert body["session"]["id"] == session["session_id"]
    assert body["session"]["ends_at"] == "2027-01-15T20:00:00Z"

    clock.now += 60
    renewed = client.post(RENEW, headers=bearer(session["token"]))
    assert renewed.status_code == 200
    assert renewed.get_json()["session_id"] == session["session_id"]
    assert renewed.get_json()["token"] != session["token"]

    for token in (session["token"], renewed.get_json()["token"]):
        assert client.delete(CURRENT, headers=bearer(token)).status_code == 204
        problem(client.get(CURRENT, headers=bearer(token)), 401, "session-ended")
        problem(client.post(RENEW, headers=bearer(token)), 401, "session-ended")


@pytest.mark.proves("V9.2.4")
def test_the_token_is_one_that_the_shared_verifier_believes(
    client: FlaskClient, token: str, key_file: Path, clock: Any
) -> None:
    claims = TokenVerifier(KeySetFile(key_file), clock).verify(token)
    assert (claims.username, claims.issued_at, claims.expires_at) == (
        "Alice",
        clock.now,
        clock.now + 1800,
    )


@pytest.mark.proves("V9.2.1")
def test_an_expired_token_opens_and_renews_nothing_but_still_signs_out(
    client: FlaskClient, token: str, clock: Any
) -> None:
    clock.now += 1800
    problem(client.get(CURRENT, headers=bearer(token)), 401, "invalid-token")
    problem(client.post(RENEW, headers=bearer(token)), 401, "invalid-token")
    assert client.delete(CURRENT, headers=bearer(token)).status_code == 204


def test_the_absolute_limit_is_told_apart(make_app: MakeApp, clock: Any) -> None:
    client = make_app(idle_seconds=100, absolute_seconds=100).test_client()
    register(client)
    token = sign_in(client).get_json()["token"]
    clock.now += 99
    assert client.post(RENEW, headers=bearer(token)).get_json()["expires_in"] == 1


def test_where_registration_is_closed_it_is_refused_and_signing_in_goes_on(
    make_app: MakeApp,
) -> None:
    register(make_app().test_client())
    client = make_app(registration="closed").test_client()
    problem(register(client, "Bob"), 403, "registration-closed")
    assert sign_in(client).status_code == 201


def test_what_is_wrong_in_sign_in_is_not_told(client: FlaskClient, app: Flask) -> None:
    register(client)
    register(client, "Disabled")
    assert app.test_cli_runner().invoke(args=["users", "disable", "Disabled"]).exit_code == 0
    bodies = []
    for name, password in (("Alice", "wrong"), ("Nobody", GOOD), ("Disabled", GOOD), ("", "")):
        answer = sign_in(client, name, password)
        body = problem(answer, 401, "invalid-credentials")
        body.pop("request_id")
        bodies.append((body, answer.content_length, sorted(answer.headers.keys())))
    assert all(body == bodies[0] for body in bodies)


# --- wrong values

NAUGHTY = [
    *("", " ", "\0", "\r\nSet-Cookie: a=b", "\x1b[2J", "\x85", "\u2028", "\ufeff", "\u202ealice"),
    *("\ud800", "\udfff\ud800", "\U0010ffff", "\ufdfa" * 100, "Z\u0338\u0322\u0360a" * 9),
    *("\u212a", "\u0130", "null", "1e999", "__proto__", "{}", "\\", '"', "' OR 1=1 --"),
    *("$2b$12$", "{{7*7}}", "%s%n", "../../../etc/passwd", "<script>alert(1)</script>"),
    *("$(reboot)", "a" * 65, "a" * 5000, "é" * 1200),
]


@pytest.mark.parametrize("text", NAUGHTY, ids=lambda text: ascii(text[:16]))
def test_a_naughty_string_is_a_wrong_credential_and_no_user_name(
    client: FlaskClient, text: str
) -> None:
    register(client)
    problem(sign_in(client, username=text), 401, "invalid-credentials")
    problem(sign_in(client, password=text), 401, "invalid-credentials")
    problem(sign_in(client, username=text, password=text), 401, "invalid-credentials")
    if not re.fullmatch("[A-Za-z0-9._@+-]{3,64}", text):
        body = problem(register(client, username=text), 422, "invalid-fields")
        assert list(body["errors"]) == ["username"]
    for path in (USERS, SESSIONS):
        answer = client.post(path, json={"username": "Carol", "password": GOOD, text: 1})
        assert len(problem(answer, 422, "invalid-fields")["errors"]) == 1, "nor is it a field"


def test_a_naughty_string_is_a_password_by_the_rules_or_refused_and_never_echoed(
    client: FlaskClient,
) -> None:
    for number, text in enumerate(NAUGHTY):
        answer = register(client, f"user{number}", text)
        if answer.status_code == 201:
            assert sign_in(client, f"user{number}", text).status_code == 201
        else:
            assert list(problem(answer, 422, "invalid-fields")["errors"]) == ["password"]
            assert len(text) < 8 or text not in answer.text


@pytest.mark.proves("V15.3.5")
@pytest.mark.parametrize(
    ("path", "field"),
    [(USERS, "sign_in"), *product((USERS, SESSIONS), ("username", "password"))],
)
def test_a_value_of_another_type_is_refused_by_name(
    client: FlaskClient, path: str, field: str
) -> None:
    others = ["true", ""] if field == "sign_in" else [True, False]
    for value in [None, 0, -1, 1.5, 10**300, [], ["Carol"], {}, {"$ne": ""}, *others]:
        body = {"username": "Carol", "password": GOOD, field: value}
        errors = problem(client.post(path, json=body), 422, "invalid-fields")["errors"]
        assert list(errors) == [field], value
        assert all(isinstance(message, str) and message for message in errors[field])
    assert register(client, "Carol").status_code == 201, "nothing was made"


@pytest.mark.proves("V8.2.3", "V15.3.3")
@pytest.mark.parametrize("path", [USERS, SESSIONS])
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "password"}),
        ({"username": "Carol"}, {"password"}),
        ({"password": GOOD}, {"username"}),
        ({"username": "Carol", "password": GOOD, "email": "x"}, {"email"}),
        ({"username": "Carol", "password": GOOD, "Username": "x"}, {"Username"}),
        ({"usernames": "Carol", "password": 1}, {"username", "usernames", "password"}),
        ([{"username": "Carol", "password": GOOD}], {"body"}),
        (None, {"body"}),
        ("Carol", {"body"}),
        (5, {"body"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_a_missing_or_unknown_field_is_refused_by_name(
    client: FlaskClient, path: str, body: Any, fields: set[str]
) -> None:
    answer = client.post(path, data=json.dumps(body), content_type="application/json")
    assert set(problem(answer, 422, "invalid-fields")["errors"]) == fields


def test_sign_in_knows_no_field_of_registration(client: FlaskClient) -> None:
    body = {"username": "Alice", "password": GOOD, "sign_in": True}
    errors = problem(client.post(SESSIONS, json=body), 422, "invalid-fields")["errors"]
    assert list(errors) == ["sign_in"]


# --- bodies

PLAIN = json.dumps({"username": "Carol", "password": GOOD}).encode()
# Each with a part of what is said about it.
MALFORMED = [
    (b"", "not JSON"),
    (b"  \n", "not JSON"),
    (PLAIN[:-1], "not JSON"),
    (PLAIN + b"x", "not JSON"),
    (PLAIN + PLAIN, "not JSON"),
    (PLAIN.replace(b'"', b"'"), "not JSON"),
    (PLAIN[:-1] + b",}", "not JSON"),
    (b"/**/" + PLAIN, "not JSON"),
    (b"username=Carol&password=x", "not JSON"),
    (b'{"username": NaN, "password": "x"}', ""),
    (b'{"username": "x", "password": -Infinity}', ""),
    (b'{"username": "a\nb", "password": "x"}', "not JSON"),
    (b'{"username": "\\ud8", "password": "x"}', "not JSON"),
    (b"[" * 16_000, ""),
    (b'{"a":' * 3000, ""),
    (b'{"password": "x", "username": ' + b"9" * 5000 + b"}", ""),
    (PLAIN[:-1] + b', "username": "Mallory"}', "twice"),
    (PLAIN[:-1] + b', "username": "Carol"}', "twice"),
    (PLAIN[:-1] + b', "usern\\u0061me": "Mallory"}', "twice"),
    (b'{"username": {"a": 1, "a": 2}, "password": "x"}', "twice"),
    (PLAIN.replace(b"Carol", b"Car\xffol"), "UTF-8"),
    (b"\xef\xbb\xbf" + PLAIN, "byte-order mark"),
    (PLAIN.decode().encode("utf-16"), "UTF-16"),
    (PLAIN.decode().encode("utf-16-le"), "UTF-16"),
    (PLAIN.decode().encode("utf-16-be"), "UTF-16"),
    (PLAIN.decode().encode("utf-32"), "UTF-32"),
    (gzip.compress(PLAIN, mtime=0), "gzip"),
]


@pytest.mark.parametrize("path", [USERS, SESSIONS])
def test_a_malformed_body_is_told_as_what_it_is(client: FlaskClient, path: str) -> None:
    for data, said in MALFORMED:
        answer = client.post(path, data=data, content_type="application/json")
        assert said in problem(answer, 400, "malformed-json")["detail"], data[:60]
    assert sign_in(client, "Carol").status_code == 401, "nothing was made"


@pytest.mark.parametrize(
    "around", [b"%s", b'{"password": "x", "username": %s}', b'{"x": %s, "x": 1}']
)
def test_a_body_of_great_depth_is_refused_whether_or_not_it_can_be_read(
    client: FlaskClient, around: bytes
) -> None:
    for depth in (100, 1000, 3000, 8000):
        data = around % (b"[" * depth + b"]" * depth)
        answer = client.post(SESSIONS, data=data, content_type="application/json")
        code = "malformed-json" if answer.status_code == 400 else "invalid-fields"
        assert answer.status_code in (400, 422)
        problem(answer, answer.status_code, code)


def test_16_kb_are_taken_and_a_byte_more_is_not(client: FlaskClient) -> None:
    whole = PLAIN + b" " * (16 * 1024 - len(PLAIN))
    answer = client.post(SESSIONS, data=whole, content_type="application/json")
    problem(answer, 401, "invalid-credentials")
    for data in (whole + b" ", whole + b"x" * 1_000_000, b"[" * 100_000):
        for path in (USERS, SESSIONS):
            answer = client.post(path, data=data, content_type="application/json")
            problem(answer, 413, "content-too-large")


def test_a_long_body_of_unannounced_length_is_refused_and_not_read_to_its_end(app: Flask) -> None:
    class Endless(RawIOBase):
        given = 0

        def readinto(self, buffer: Any) -> int:
            buffer[:] = PLAIN.ljust(len(buffer)) if self.given == 0 else b" " * len(buffer)
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    builder = EnvironBuilder(path=SESSIONS, method="POST", content_type="application/json")
    environ = builder.get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": endless, "wsgi.input_terminated": True}
    problem(Response.from_app(app, environ), 413, "content-too-large")
    assert endless.given < 200_000


@pytest.mark.parametrize("path", [USERS, SESSIONS])
def test_another_content_type_is_refused(client: FlaskClient, path: str) -> None:
    for content_type in (
        *(None, "", "text/plain", "text/json", "application/x-www-form-urlencoded"),
        *("multipart/form-data; boundary=x", "application/problem+json", "application/jsonx"),
        *("json", "*/*", "text/plain, application/json"),
    ):
        answer = client.post(path, data=PLAIN, content_type=content_type)
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_with_what_to_send(client: FlaskClient, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    answer = client.post(SESSIONS, data=PLAIN, headers=headers, content_type="application/json")
    assert "uncompressed" in problem(answer, 415, "unsupported-media-type")["detail"]


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", '"latin1"', "UTF-8-SIG"])
def test_a_body_in_another_charset_is_refused_with_what_to_send(
    client: FlaskClient, charset: str
) -> None:
    content_type = f"application/json; charset={charset}"
    answer = client.post(SESSIONS, data=PLAIN, content_type=content_type)
    assert "UTF-8" in problem(answer, 415, "unsupported-media-type")["detail"]


def test_json_is_json_in_any_case_and_with_parameters(client: FlaskClient) -> None:
    for content_type in (
        *("application/json", "Application/JSON", "application/json; charset=utf-8"),
        *('application/json; charset="UTF-8"', "application/json; charset=utf8"),
    ):
        answer = client.post(SESSIONS, data=PLAIN, content_type=content_type)
        problem(answer, 401, "invalid-credentials")


@pytest.mark.proves("V14.2.1", "V15.3.7")
def test_credentials_in_the_address_count_for_nothing(client: FlaskClient) -> None:
    register(client)
    answer = client.post(SESSIONS, query_string={"username": "Alice", "password": GOOD}, json={})
    problem(answer, 422, "invalid-fields")


# --- methods and addresses


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (USERS, {"POST"}),
        (SESSIONS, {"GET", "HEAD", "POST", "DELETE"}),
        (f"{SESSIONS}/other", {"DELETE"}),
        (f"{CURRENT}/reauthentication", {"POST"}),
        (f"{USERS}/me", {"DELETE"}),
        (f"{USERS}/me/password", {"PUT"}),
        (CURRENT, {"GET", "HEAD", "DELETE"}),
        (RENEW, {"POST"}),
        ("/api/v1/openapi.json", {"GET", "HEAD"}),
        ("/livez", {"GET", "HEAD"}),
        ("/readyz", {"GET", "HEAD"}),
    ],
)
def test_every_other_method_is_refused_naming_the_ones_that_work(
    client: FlaskClient, path: str, allowed: set[str]
) -> None:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"}
    for method in methods - allowed:
        answer = client.open(path, method=method)
        problem(answer, 405, "method-not-allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


def test_head_is_as_get_without_a_body(client: FlaskClient, token: str) -> None:
    get = client.get(CURRENT, headers=bearer(token))
    head = client.head(CURRENT, headers=bearer(token))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers.get("Content-Length") == get.headers.get("Content-Length")
    assert client.head(CURRENT).status_code == 401


def test_nothing_is_at_any_other_address(client: FlaskClient) -> None:
    for path in (
        *("/", "/api", "/api/v1", "/api/v1/", "/api/v2/users", "/api/v1/users/", "/API/V1/USERS"),
        *("/api/v1/users/1", "/api/v1/users/me/", "/api/v1/sessions/other/renew", "/static/x"),
        *("/api/v1/users;x", "/api/v1/users%00", "/api/v1/%2e%2e/users", "/metrics", "/console"),
    ):
        problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize("path", ["/api//v1/sessions", "/api/v1//sessions"])
def test_credentials_are_sent_on_to_no_other_address(client: FlaskClient, path: str) -> None:
    body = {"username": "Alice", "password": GOOD}
    answer = client.post(path, json=body, headers={"Host": "evil.example"})
    assert (answer.status_code // 100, answer.headers.get("Location")) == (4, None)


@pytest.mark.proves("V14.2.2", "V14.3.2")
def test_every_answer_forbids_caches_to_keep_it(client: FlaskClient, token: str) -> None:
    answers = [
        client.get("/livez"),
        client.get("/readyz"),
        client.get("/api/v1/openapi.json"),
        client.get("/nothing"),
        client.get(CURRENT, headers=bearer(token)),
        sign_in(client),
        register(client, "Bob"),
        client.post(RENEW, headers=bearer(token)),
        client.delete(CURRENT, headers=bearer(token)),
    ]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert not any("Set-Cookie" in answer.headers for answer in answers)


# --- authorization


def test_a_bearer_token_is_taken_as_the_standard_writes_it(client: FlaskClient, token: str) -> None:
    for write in ("Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", "Bearer {}  "):
        headers = {"Authorization": write.format(token)}
        assert client.get(CURRENT, headers=headers).status_code == 200, write


UNAUTHENTICATED = [
    *(None, "", "{}", "Bearer", "Basic {}", "Token {}", "Digest {}", "Bearer={}", "Bearer:{}"),
]
INVALID = [
    *("Bearer {}, Bearer {}", "Bearer {} {}", "Bearer Bearer {}", "Bearer {}=", "Bearer {}x"),
    *("Bearer null", "Bearer \xe9", "Bearer " + "x" * 1_000_000),
]


@pytest.mark.parametrize(
    ("writes", "code"),
    [(UNAUTHENTICATED, "unauthenticated"), (INVALID, "invalid-token")],
    ids=["unauthenticated", "invalid"],
)
def test_any_other_authorization_opens_nothing(
    client: FlaskClient, token: str, writes: list[str | None], code: str
) -> None:
    for write in writes:
        headers = {} if write is None else {"Authorization": write.replace("{}", token)}
        for method, path in (("GET", CURRENT), ("POST", RENEW), ("DELETE", CURRENT)):
            problem(client.open(path, method=method, headers=headers), 401, code)
    assert client.get(CURRENT, headers=bearer(token)).status_code == 200


@pytest.mark.proves("V14.2.1", "V15.3.7")
def test_a_token_anywhere_else_is_ignored(client: FlaskClient, token: str) -> None:
    for name in ("session", "__Host-session", "token", "Authorization"):
        client.set_cookie(name, token)
    problem(client.get(CURRENT, query_string={"access_token": token}), 401, "unauthenticated")
    problem(
        client.get(CURRENT, headers={"X-Authorization": f"Bearer {token}"}), 401, "unauthenticated"
    )
    problem(client.post(RENEW, json={"token": token}), 401, "unauthenticated")
    client.set_cookie("session", "rubbish")
    assert client.get(CURRENT, headers=bearer(token)).status_code == 200


def test_sign_out_needs_our_signature(
    client: FlaskClient, token: str, key_file: Path, make_key: MakeKey
) -> None:
    forged = token[:-5] + ("AAAAA" if token[-5:] != "AAAAA" else "EEEEE")
    problem(client.delete(CURRENT, headers=bearer(forged)), 401, "invalid-token")
    key_file.write_text(KeySet((make_key("second"),)).to_json())
    problem(client.delete(CURRENT, headers=bearer(token)), 401, "invalid-token")


# --- who is asking


@pytest.mark.parametrize(
    ("name", "believed"), [(None, False), ("edge_credential", True), ("service_credential", True)]
)
def test_a_forwarded_address_is_believed_only_with_a_credential(
    client: FlaskClient, settings: Settings, name: str | None, believed: bool
) -> None:
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Request-ID": "request-0123456789",
        "User-Agent": "B/1.0",
    }
    if name:
        headers[f"X-{name.replace('_', '-').title()}"] = getattr(settings, name)
    register(client)
    answer = client.post(SESSIONS, json={"username": "Alice", "password": GOOD}, headers=headers)
    token = answer.get_json()["token"]
    session = client.get(CURRENT, headers=bearer(token)).get_json()["session"]
    assert session["client_address"] == ("203.0.113.9" if believed else "127.0.0.1")
    assert session["user_agent"] == "B/1.0"
    refused = problem(client.get("/nothing", headers=headers), 404, "not-found")
    assert (refused["request_id"] == "request-0123456789") is believed


@pytest.mark.proves("V8.2.1")
@pytest.mark.parametrize("name", ["X-Edge-Credential", "X-Service-Credential"])
def test_a_credential_vouches_for_nothing_else(
    client: FlaskClient, settings: Settings, name: str
) -> None:
    register(client)
    value = settings.edge_credential if "Edge" in name else settings.service_credential
    problem(client.get(CURRENT, headers={name: value}), 401, "unauthenticated")
    problem(sign_in(client, password="wrong"), 401, "invalid-credentials")


# --- faults


@pytest.fixture
def broken_sessions(token: str, tmp_path: Path) -> None:
    """Break the session store after Alice has signed in."""
    with closing(sqlite3.connect(tmp_path / "data" / "state.db")) as connection, connection:
        connection.execute("DROP TABLE sessions")


@pytest.mark.proves("V16.5.2", "V16.5.3")
@pytest.mark.usefixtures("broken_sessions")
def test_without_the_session_store_nothing_is_acknowledged(client: FlaskClient, token: str) -> None:
    problem(sign_in(client), 503, "unavailable")
    problem(client.get(CURRENT, headers=bearer(token)), 503, "unavailable")
    problem(client.post(RENEW, headers=bearer(token)), 503, "unavailable")
    problem(client.delete(CURRENT, headers=bearer(token)), 503, "unavailable")
    answer = client.get("/livez")
    assert answer.status_code == 200


@pytest.mark.usefixtures("broken_sessions")
def test_a_registration_without_a_session_store_is_acknowledged_or_has_made_nothing(
    client: FlaskClient,
) -> None:
    answer = register(client, "Bob", sign_in=True)
    if answer.status_code != 201:
        problem(answer, 503, "unavailable")
        assert register(client, "Bob").status_code == 201, (
            "what was answered with 503 must not have been done"
        )


def test_readiness_says_what_is_wrong_and_liveness_does_not_care(
    client: FlaskClient, key_file: Path, tmp_path: Path
) -> None:
    assert client.get("/readyz").get_json() == {"status": "ok"}
    key_file.unlink()
    (tmp_path / "data" / "users.json").unlink()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert set(answer.get_json()["problems"]) == {"users", "keys"}
    assert client.get("/livez").status_code == 200


@pytest.mark.proves("V16.2.5")
def test_no_password_and_no_token_is_ever_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in(client, password="wrong and secret")
        register(client, "Bob", "short secret")
        client.post(SESSIONS, data=b'{"username": "secret', content_type="application/json")
        client.get(CURRENT, headers=bearer(token))
        client.get(CURRENT, headers=bearer(token + "x"))
    assert "secret" not in caplog.text
    assert token not in caplog.text
    assert GOOD not in caplog.text


def test_two_services_on_one_folder_share_accounts_and_sessions(
    settings: Settings, clock: Any
) -> None:
    one, other = (create_app(settings, clock).test_client() for _ in range(2))
    register(one)
    token = sign_in(other).get_json()["token"]
    assert one.get(CURRENT, headers=bearer(token)).status_code == 200
    assert one.delete(CURRENT, headers=bearer(token)).status_code == 204
    problem(other.post(RENEW, headers=bearer(token)), 401, "session-ended")


@pytest.mark.proves("V11.2.2")
def test_rotated_keys_are_picked_up_without_a_restart(
    client: FlaskClient, app: Flask, clock: Any
) -> None:
    clock.now = time.time()  # which is what the command retires keys by
    token = register(client, sign_in=True).get_json()["session"]["token"]
    assert client.get(CURRENT, headers=bearer(token)).status_code == 200
    runner = app.test_cli_runner()
    assert runner.invoke(args=["keys", "rotate"]).exit_code == 0
    assert client.get("/readyz").status_code == 200
    assert client.get(CURRENT, headers=bearer(token)).status_code == 200
    newer = client.post(RENEW, headers=bearer(token)).get_json()["token"]
    assert client.get(CURRENT, headers=bearer(newer)).status_code == 200
    assert runner.invoke(args=["keys", "rotate", "--revoke"]).exit_code == 0
    assert client.get("/readyz").status_code == 200
    for revoked in (token, newer):
        problem(client.get(CURRENT, headers=bearer(revoked)), 401, "invalid-token")

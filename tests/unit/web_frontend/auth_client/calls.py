"""Every call that web-frontend makes to auth-service, with what it sends and what answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from misbehaving_server import Exchange, Script, answer, drips, sends
from session_contract.callers import Caller
from web_frontend.auth_service.client import AuthClient

CREDENTIAL = "nfawJqjGwm48Os0jcKFuk__9wAFf9b2Hkhh4gCXbAoA"
CALLER = Caller("203.0.113.9", "Lynx/2.9", "feedc0de-1234")
DEVICE = "A" * 43
PASSWORD = "päss word"
ISSUED = {"token": "a.b.c", "token_type": "Bearer", "expires_in": 1800, "session_id": "s1"}
KEPT = {"account": {}, "sign_ins": {}, "sessions": [], "devices": []}
LISTED = {
    "id": "id-1",
    "created_at": "2026-11-22T10:00:00Z",
    "renewed_at": "2026-11-22T10:05:00Z",
    "ends_at": "2026-11-22T22:00:00Z",
    "client_address": "203.0.113.9",
    "user_agent": "Lynx/2.9",
    "current": True,
}
GOOD = answer(200, ISSUED)
OPENED = answer(201, ISSUED)
REGISTERED = answer(201, {"id": "u1", "username": "Alice", "created_at": "x", "session": ISSUED})
DONE = answer(204, Content_Length="", Content_Type="")
READY = answer(200, {"status": "ok"})


@dataclass(frozen=True)
class Call:
    """A call: its method and path, the good answer, and the body if it has one.

    `deadline` names the constant of web_frontend.auth_service.client with the seconds that it may
    take.
    """

    ask: Callable[[AuthClient], Any]
    method: str
    path: str
    deadline: str
    good: bytes
    body: dict[str, Any] | None = None
    signed_in: bool = True

    @property
    def tries(self) -> int:
        """How often it may be sent: passwords once, everything else does no harm twice."""
        return 1 if self.body else 2


def register(client: AuthClient) -> Any:
    return client.register("Alice", PASSWORD, "Alice A.", DEVICE, CALLER)


def sign_in(client: AuthClient) -> Any:
    return client.sign_in("Alice", PASSWORD, DEVICE, CALLER)


def renew(client: AuthClient) -> Any:
    return client.renew("x.y.z", CALLER)


def end(client: AuthClient) -> None:
    client.end("x.y.z", CALLER)


def sessions(client: AuthClient) -> Any:
    return client.sessions("x.y.z", CALLER)


def end_session(client: AuthClient) -> None:
    client.end_session("x.y.z", "id-1", CALLER)


def end_others(client: AuthClient) -> None:
    client.end_other_sessions("x.y.z", CALLER)


def reauthenticate(client: AuthClient) -> None:
    client.reauthenticate("x.y.z", PASSWORD, CALLER)


def change_password(client: AuthClient) -> Any:
    return client.change_password("x.y.z", PASSWORD, "neẃ", CALLER)


def change_username(client: AuthClient) -> Any:
    return client.change_username("x.y.z", "Ally", PASSWORD, CALLER)


def personal_data(client: AuthClient) -> Any:
    return client.personal_data("x.y.z", CALLER)


def delete_account(client: AuthClient) -> None:
    client.delete_account("x.y.z", PASSWORD, CALLER)


def check_ready(client: AuthClient) -> None:
    client.check_ready(CALLER)


CALLS = {
    "register": Call(
        register,
        "POST",
        "/api/v1/users",
        "SIGN_IN_SECONDS",
        REGISTERED,
        {
            "username": "Alice",
            "password": PASSWORD,
            "display_name": "Alice A.",
            "device_token": DEVICE,
            "sign_in": True,
        },
        signed_in=False,
    ),
    "sign_in": Call(
        sign_in,
        "POST",
        "/api/v1/sessions",
        "SIGN_IN_SECONDS",
        OPENED,
        {"username": "Alice", "password": PASSWORD, "device_token": DEVICE},
        signed_in=False,
    ),
    "renew": Call(renew, "POST", "/api/v1/sessions/current/renew", "SESSION_SECONDS", GOOD),
    "end": Call(end, "DELETE", "/api/v1/sessions/current", "SESSION_SECONDS", DONE),
    "sessions": Call(
        sessions, "GET", "/api/v1/sessions", "SESSION_SECONDS", answer(200, {"sessions": [LISTED]})
    ),
    "end_session": Call(end_session, "DELETE", "/api/v1/sessions/id-1", "SESSION_SECONDS", DONE),
    "end_others": Call(
        end_others, "DELETE", "/api/v1/sessions?others=true", "SESSION_SECONDS", DONE
    ),
    "reauthenticate": Call(
        reauthenticate,
        "POST",
        "/api/v1/sessions/current/reauthentication",
        "SIGN_IN_SECONDS",
        DONE,
        {"password": PASSWORD},
    ),
    "change_password": Call(
        change_password,
        "PUT",
        "/api/v1/users/me/password",
        "CHANGE_SECONDS",
        GOOD,
        {"current_password": PASSWORD, "new_password": "neẃ"},
    ),
    "change_username": Call(
        change_username,
        "PUT",
        "/api/v1/users/me/username",
        "SIGN_IN_SECONDS",
        GOOD,
        {"username": "Ally", "password": PASSWORD},
    ),
    "personal_data": Call(
        personal_data,
        "GET",
        "/api/v1/users/me/data",
        "SESSION_SECONDS",
        answer(200, KEPT),
    ),
    "delete_account": Call(
        delete_account,
        "DELETE",
        "/api/v1/users/me",
        "SIGN_IN_SECONDS",
        DONE,
        {"password": PASSWORD},
    ),
    "check_ready": Call(check_ready, "GET", "/readyz", "HEALTH_SECONDS", READY, signed_in=False),
}
TWICE = {name: call for name, call in CALLS.items() if call.tries == 2}
ODD_AGENTS = ("", "\xe9", "a" * 4000, "\xa0Mozilla", "\x85", "x: y")
HTML = b"<!doctype html><title>Welcome to nginx!</title>"


# --- connections that break off


def reset(exchange: Exchange) -> None:
    exchange.reset()


def close(exchange: Exchange) -> None:
    exchange.close()


BREAKS: dict[str, Script] = {
    "reset at once": reset,
    "closed at once": close,
    "reset in mid-headers": sends(GOOD[:30], reset),
    "reset in mid-body": sends(GOOD[:-10], reset),
    "closed in mid-body": sends(GOOD[:-10], close),
}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GARBAGE: dict[str, Script] = {
    name: sends(data, close)
    for name, data in {
        "no HTTP": b"nonsense\r\n\r\n",
        "a status that is no number": b"HTTP/1.1 abc\r\n\r\n",
        "500 headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
        "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        "a chunk without a length": CHUNKED + b"xyz\r\n",
        "a cut chunk": CHUNKED + b"5\r\n{",
        "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        "a length that is too large": answer(200, ISSUED, Content_Length="100000"),
    }.items()
}


# --- answers that take for ever


def silence(exchange: Exchange) -> None:
    exchange.wait()


def dripping_headers(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: abcdefgh\r\n" * 90)


def dripping_interim_answers(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 200)


LENGTH = b"Content-Length: 2000\r\n\r\n"
SLOW: dict[str, Script] = {
    "silence": silence,
    "headers": dripping_headers,
    "interim answers": dripping_interim_answers,
    "a body": drips(b"HTTP/1.1 200 OK\r\n" + LENGTH, b" " * 2000),
    "chunks": drips(CHUNKED, b"1\r\n \r\n" * 300),
    "a body without an end": drips(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 2000),
    "a redirect": drips(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n" + LENGTH, b" " * 2000),
    "an error": drips(b"HTTP/1.1 503 Busy\r\n" + LENGTH, b" " * 2000),
}

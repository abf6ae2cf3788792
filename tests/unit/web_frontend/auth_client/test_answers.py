"""auth-service's refusals and useless answers: an answer is understood as a whole or refused."""

import gzip
import json
from typing import Any

import pytest

from misbehaving_server import answer, problem, sends
from unit.web_frontend.auth_client.calls import (
    CALLS,
    HTML,
    ISSUED,
    LISTED,
    change_password,
    delete_account,
    end,
    end_others,
    end_session,
    reauthenticate,
    register,
    renew,
    sessions,
    sign_in,
)
from unit.web_frontend.auth_client.conftest import Connect, Serve
from web_frontend.auth_service.answers import AuthServiceError, Refused, Unavailable

pytestmark = pytest.mark.enable_socket


def test_a_refusal_carries_its_code_its_errors_and_how_long_to_wait(
    serve: Serve, connect: Connect
) -> None:
    errors = {"password": ["Too short.", "Too common."]}
    server = serve(
        sends(problem(422, "invalid-fields", errors=errors)),
        sends(problem(429, "too-many-attempts", retry_after="42")),
        sends(problem(401, "session-limit-reached")),
    )
    client = connect(server.url)
    raised = []
    for ask in (register, sign_in, renew):
        with pytest.raises(Refused) as caught:
            ask(client)
        raised.append(caught.value)
    assert (raised[0].status, raised[0].code) == (422, "invalid-fields")
    assert raised[0].errors == errors
    assert (raised[1].status, raised[1].retry_after) == (429, 42)
    assert (raised[2].status, raised[2].code) == (401, "session-limit-reached")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_answer_of_5xx_is_unavailable_and_says_how_long_to_wait(
    serve: Serve, connect: Connect, status: int
) -> None:
    waits = {"17": 17, "0": 0, "": 5, "-1": 5, "1e9": 5, "99999999999": 5, "²": 5, "1, 2": 5}
    waits["Wed, 21 Oct 2026 07:28:00 GMT"] = 5
    server = serve(*[sends(answer(status, "{}", Retry_After=text)) for text in waits])
    client = connect(server.url)
    for text, seconds in waits.items():
        with pytest.raises(Unavailable) as caught:
            sign_in(client)
        assert caught.value.retry_after == seconds, text
    assert len(server.requests) == len(waits)


def test_a_503_is_an_answer_and_not_asked_for_again(serve: Serve, connect: Connect) -> None:
    server = serve(sends(answer(503)))
    client = connect(server.url)
    for call in CALLS.values():
        with pytest.raises(Unavailable):
            call.ask(client)
    assert len(server.requests) == len(CALLS)


USELESS: dict[str, bytes] = {
    "HTML": answer(200, HTML, Content_Type="text/html"),
    "nothing": answer(200),
    "an empty object": answer(200, "{}"),
    "null": answer(200, "null"),
    "a list": answer(200, "[]"),
    "cut JSON": answer(200, json.dumps(ISSUED)[:-9]),
    "JSON and more": answer(200, json.dumps(ISSUED) + "x"),
    "no token": answer(200, {**ISSUED, "token": None}),
    "another type of token": answer(200, {**ISSUED, "token_type": "Basic"}),
    "a number for a token": answer(200, {**ISSUED, "token": 5}),
    "no UTF-8": answer(200, b'{"token": "\xff\xfe"}'),
    "deep nesting": answer(200, "[" * 60_000),
    "204": answer(204, Content_Length="", Content_Type=""),
    "202": answer(202, ISSUED),
    "304": answer(304, Content_Length=""),
    "HTML and 401": answer(401, HTML, Content_Type="text/html"),
    "{} and 401": answer(401, "{}"),
    "HTML and 404": answer(404, HTML, Content_Type="text/html"),
    "a type that is no text": answer(401, {"type": 5}),
    "errors that are no lists": answer(422, {"type": "x", "errors": {"password": "short"}}),
    "just over 128 KB": answer(200, json.dumps(ISSUED) + " " * 128 * 1024),
    "a megabyte with 401": answer(401, "x" * 1_000_000),
    "a compressed megabyte": answer(200, gzip.compress(b"x" * 30_000_000), Content_Encoding="gzip"),
    "a wrong redirect": answer(302, Location="http://[bad"),
    "a redirect to another scheme": answer(302, Location="file:///etc/passwd"),
}


@pytest.mark.fault(16)
@pytest.mark.proves("V16.5.3")
@pytest.mark.parametrize("case", USELESS)
def test_an_answer_of_no_use_is_unavailable_and_never_a_success(
    serve: Serve, connect: Connect, case: str
) -> None:
    server = serve(sends(USELESS[case]))
    client = connect(server.url)
    asks = (register, sign_in, renew, sessions, change_password)
    for ask in asks:
        with pytest.raises(Unavailable):
            ask(client)
    assert len(server.requests) == len(asks)


@pytest.mark.parametrize("case", ["HTML", "an empty object", "HTML and 404", "202"])
def test_a_session_counts_as_ended_only_if_auth_service_says_so(
    serve: Serve, connect: Connect, case: str
) -> None:
    client = connect(serve(sends(USELESS[case])).url)
    for ask in (end, end_session, end_others, reauthenticate, delete_account):
        with pytest.raises(AuthServiceError):
            ask(client)


def test_a_list_of_sessions_is_understood_as_a_whole_or_not_at_all(
    serve: Serve, connect: Connect
) -> None:
    wrong: list[dict[str, Any]] = [
        {"id": None},
        {"created_at": "2026-11-22T10:00:00"},
        {"renewed_at": "yesterday"},
        {"client_address": 1},
        {"user_agent": None},
        {"current": "perhaps"},
    ]
    lists = [{"sessions": [LISTED, {**LISTED, **fields}]} for fields in wrong]
    client = connect(serve(*[sends(answer(200, sent)) for sent in lists]).url)
    for _ in lists:
        with pytest.raises(Unavailable):
            sessions(client)


def test_fifty_sessions_with_the_longest_names_are_not_too_long_an_answer(
    serve: Serve, connect: Connect
) -> None:
    longest = {"id": "i" * 64, "user_agent": "\xff" * 256, "client_address": "a" * 64}
    server = serve(sends(answer(200, {"sessions": [{**LISTED, **longest}] * 50})))
    assert len(sessions(connect(server.url))) == 50


@pytest.mark.proves("V15.3.2")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(serve: Serve, connect: Connect, status: int) -> None:
    for call in CALLS.values():
        elsewhere = serve(sends(call.good))
        server = serve(sends(answer(status, Location=f"{elsewhere.url}/api/v1/sessions")))
        with pytest.raises(Unavailable):
            call.ask(connect(server.url))
        assert not elsewhere.requests
        assert len(server.requests) == 1

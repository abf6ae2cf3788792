"""What web-frontend sends to auth-service."""

import json
from pathlib import Path

import pytest

from misbehaving_server import answer, problem, sends
from session_contract.callers import Caller
from unit.web_frontend.auth_client.calls import (
    CALLER,
    CALLS,
    CREDENTIAL,
    GOOD,
    ISSUED,
    KEPT,
    LISTED,
    ODD_AGENTS,
    OPENED,
    renew,
    sign_in,
)
from unit.web_frontend.auth_client.conftest import Connect, Serve
from web_frontend.auth_service.answers import AuthServiceError, Issued, LiveSession, PersonalData

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize("name", CALLS)
def test_a_call_says_what_it_must_and_no_more(serve: Serve, connect: Connect, name: str) -> None:
    call = CALLS[name]
    server = serve(sends(call.good))
    got = call.ask(connect(server.url + "/"))
    (request,) = server.requests
    assert (request.method, request.path) == (call.method, call.path)
    assert request.headers["x-service-credential"] == CREDENTIAL
    assert request.headers["x-forwarded-for"] == CALLER.address
    assert request.headers["x-request-id"] == CALLER.request_id
    assert request.headers["user-agent"] == CALLER.user_agent
    bearer = "Bearer x.y.z" if call.signed_in else None
    assert request.headers.get("authorization") == bearer
    assert not {"x-edge-credential", "cookie", "referer"} & request.headers.keys()
    if call.body:
        assert json.loads(request.body) == call.body
        assert request.headers["content-type"] == "application/json"
    else:
        assert request.body == b""
    assert got in (
        None,
        Issued.model_validate(ISSUED),
        [LiveSession.model_validate(LISTED)],
        PersonalData.model_validate(KEPT),
    )


def test_odd_texts_arrive_as_they_were_typed(serve: Serve, connect: Connect) -> None:
    server = serve(sends(OPENED))
    for text in ("\0", "\u2028\U0001f600", '"\\', " x ", "é\u0301", "a" * 15_000):
        connect(server.url).sign_in(text, text, text, CALLER)
        sent = json.loads(server.requests[-1].body)
        assert sent == dict.fromkeys(("username", "password", "device_token"), text)


def test_a_browser_with_an_odd_name_is_served_as_well(serve: Serve, connect: Connect) -> None:
    client = connect(serve(sends(OPENED)).url)
    for agent in ODD_AGENTS:
        caller = Caller("::1", agent, "12345678")
        assert client.sign_in("Alice", "x", "", caller).session_id == "s1"


def test_one_connection_serves_many_calls(serve: Serve, connect: Connect) -> None:
    calls = [call for call in CALLS.values() for _ in range(3)]
    server = serve(*[sends(call.good) for call in calls])
    client = connect(server.url)
    for call in calls:
        call.ask(client)
    assert [request.connection for request in server.requests] == [1] * len(calls)


def test_a_refusal_does_not_cost_the_connection(serve: Serve, connect: Connect) -> None:
    server = serve(sends(problem(401, "x")), sends(answer(503)), sends(GOOD))
    client = connect(server.url)
    for _ in range(2):
        with pytest.raises(AuthServiceError):
            renew(client)
    renew(client)
    assert {request.connection for request in server.requests} == {1}


def test_a_cookie_from_auth_service_is_not_kept_for_the_next_caller(
    serve: Serve, connect: Connect
) -> None:
    server = serve(sends(answer(200, ISSUED, Set_Cookie="session=a; Path=/")))
    client = connect(server.url)
    renew(client)
    renew(client)
    assert "cookie" not in server.requests[1].headers


def test_proxies_and_passwords_of_the_environment_are_ignored(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = serve(sends(GOOD))
    server = serve(sends(GOOD))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("no_proxy", "")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = connect(server.url)
    renew(client)
    sign_in(client)
    assert not proxy.requests
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == ["Bearer x.y.z", None]

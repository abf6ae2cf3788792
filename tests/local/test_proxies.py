"""Only proxies that are named may say who a client is; the log warns of others that try."""

from collections.abc import Callable
from typing import cast

import pytest

from journeys.visitor import Api, Visitor, new_name
from running_stack import LocalStack, Stack, eventually

CLIENT = "203.0.113.77"
WARNING = "names clients, but is not in DOORWARD_TRUSTED_PROXIES"
HSTS = "max-age=31536000; includeSubDomains"


@pytest.fixture(scope="module")
def proxied(stack_with: Callable[..., Stack]) -> LocalStack:
    """A stack behind a proxy on this machine, played by the tests, which ends TLS."""
    named = {"DOORWARD_PUBLIC_URL": "https://door.example", "DOORWARD_TRUSTED_PROXIES": "127.0.0.1"}
    return cast("LocalStack", stack_with(**named))


def warnings(stack: LocalStack, service: str) -> list[str]:
    """Return the lines in which a service warns of somebody who names clients."""
    return [
        line for line in stack.logs().splitlines() if WARNING in line and f'"{service}"' in line
    ]


def seen_address(stack: LocalStack, headers: dict[str, str]) -> str:
    """Return the address that a session is noted under."""
    with Api(stack.base_url) as api:
        api.http.headers.update(
            {"Host": "door.example"} if "DOORWARD_PUBLIC_URL" in stack.settings else {}
        )
        name = new_name()
        assert api.register(name).status_code == 201
        body = {"username": name, "password": "nine tin otters juggle pears"}
        token = api.request("POST", "/sessions", json=body, headers=headers).json()["token"]
        return str(api.current(token).json()["session"]["client_address"])


@pytest.mark.proves("V4.1.3", "V15.3.4")
def test_what_a_named_proxy_says_counts_and_nobody_is_warned(proxied: LocalStack) -> None:
    assert seen_address(proxied, {"X-Forwarded-For": CLIENT}) == CLIENT
    assert seen_address(proxied, {"X-Forwarded-For": f"198.51.100.1, {CLIENT}"}) == CLIENT, (
        "the last word"
    )
    assert warnings(proxied, "auth-service") == []


@pytest.mark.proves("V3.4.1")
def test_behind_a_proxy_that_ends_tls_hsts_is_sent(proxied: LocalStack) -> None:
    with Visitor(proxied.base_url) as visitor:
        visitor.http.headers["Host"] = "door.example"
        for path in ("/login", "/nothing", "/livez", "/api/v1/nothing"):
            assert visitor.get(path).headers["Strict-Transport-Security"] == HSTS


@pytest.mark.proves("V4.1.3", "V15.3.4")
def test_another_that_names_clients_is_ignored_and_warned_of_once(own_stack: LocalStack) -> None:
    with Visitor(own_stack.base_url) as visitor:
        visitor.get("/login", headers={"X-Untrusted-Forwarder": CLIENT})
        assert WARNING not in own_stack.logs(), "nginx empties the header"
        for _ in range(3):
            assert seen_address(own_stack, {"X-Forwarded-For": CLIENT}) == "127.0.0.1"
            visitor.get("/login", headers={"Forwarded": f"for={CLIENT}"})
    for service in ("web-frontend", "auth-service"):
        eventually(lambda name=service: warnings(own_stack, name), f"{service} does not warn")
    [line] = warnings(own_stack, "auth-service")
    assert "127.0.0.1 names" in line, "the peer, not whom it names"
    # web-frontend is two processes.
    assert len(warnings(own_stack, "web-frontend")) <= 2

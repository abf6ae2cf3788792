"""Where services are: the last known address counts while a name leads nowhere (9o)."""

import socket
from typing import Any

import pytest

from doorward_init.addresses import look_up

AUTH, WEB = "auth-service:8001", "web-frontend:8002"


class Names:
    """Stands for the name service of the containers' network."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}

    def getaddrinfo(self, host: str, *_arguments: Any, **_options: Any) -> list[Any]:
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in self.known[host]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    return made


def test_a_name_that_leads_nowhere_keeps_its_address_and_a_new_address_replaces_it(
    names: Names,
) -> None:
    assert look_up((AUTH,), {}) == {}
    names.known = {"auth-service": ["172.18.0.2"], "web-frontend": ["172.18.0.3"]}
    first = look_up((AUTH, WEB), {})
    assert first == {AUTH: "172.18.0.2:8001", WEB: "172.18.0.3:8002"}
    del names.known["auth-service"]
    assert look_up((AUTH, WEB), first) == first
    names.known["auth-service"] = ["172.18.0.9"]
    assert look_up((AUTH, WEB), first)[AUTH] == "172.18.0.9:8001"


def test_of_several_addresses_the_known_one_stays(names: Names) -> None:
    names.known = {"auth-service": ["172.18.0.2", "172.18.0.3"]}
    assert look_up((AUTH,), {AUTH: "172.18.0.3:8001"}) == {AUTH: "172.18.0.3:8001"}


@pytest.mark.parametrize("upstream", ["127.0.0.1:8001", "[::1]:8001"])
def test_an_address_is_asked_of_nobody(names: Names, upstream: str) -> None:
    assert look_up((upstream,), {}) == {upstream: upstream}

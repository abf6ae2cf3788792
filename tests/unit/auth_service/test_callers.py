"""Who is believed about who is asking."""

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from auth_service.callers import CallerReader
from auth_service.models import Caller

EDGE, SERVICE = "edge-" + "e" * 40, "service-" + "s" * 40
REQUEST_ID = "0123456789abcdef0123456789abcdef"
FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": REQUEST_ID}


def read(**headers: str) -> Caller:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = EnvironBuilder(headers=named, environ_base={"REMOTE_ADDR": "192.0.2.1"}).get_environ()
    return CallerReader(EDGE, SERVICE).read(Request(environ))  # type: ignore[arg-type]


@pytest.mark.parametrize("credential", [{"X-Edge-Credential": EDGE}, {"X-Service-Credential": SERVICE}])
def test_with_a_credential_the_forwarded_address_and_request_id_are_believed(
    credential: dict[str, str],
) -> None:
    caller = read(**FORWARDED, **credential, **{"User-Agent": "Browser/1.0"})
    assert caller == Caller("203.0.113.9", "Browser/1.0", REQUEST_ID)


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"X-Edge-Credential": ""},
        {"X-Edge-Credential": EDGE[:-1]},
        {"X-Edge-Credential": EDGE + "x"},
        {"X-Edge-Credential": EDGE.upper()},
        {"X-Edge-Credential": SERVICE},
        {"X-Service-Credential": EDGE},
        {"X-Service-Credential": ""},
        {"X-Edge-Credential": f"{EDGE},{EDGE}"},
        {"X-Edge-Credential": "\xff\xfe"},
        {"Authorization": f"Bearer {EDGE}"},
        {"X_Edge_Credential": EDGE[:-1]},
    ],
    ids=str,
)
def test_without_one_the_peer_counts_and_the_request_gets_an_id_of_its_own(
    credential: dict[str, str],
) -> None:
    caller = read(**FORWARDED, **credential)
    assert caller.address == "192.0.2.1"
    assert caller.request_id != REQUEST_ID
    assert len(caller.request_id) == 32


@pytest.mark.parametrize("name", ["Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Client-IP"])
def test_no_other_header_says_who_asks(name: str) -> None:
    assert read(**{name: "203.0.113.9", "X-Edge-Credential": EDGE}).address == "192.0.2.1"


def test_a_believed_proxy_that_passes_no_address_leaves_the_peers() -> None:
    assert read(**{"X-Edge-Credential": EDGE}).address == "192.0.2.1"


@pytest.mark.parametrize(
    "request_id", ["", "short", "x" * 65, "a b c d e f", "12345678\t", "<script>alert", "é" * 20]
)
def test_a_request_id_that_could_spoil_a_log_is_replaced(request_id: str) -> None:
    caller = read(**{"X-Edge-Credential": EDGE, "X-Request-ID": request_id})
    assert caller.request_id != request_id
    assert len(caller.request_id) == 32


def test_a_long_forwarded_address_is_kept_in_part() -> None:
    assert len(read(**{"X-Edge-Credential": EDGE, "X-Forwarded-For": "1" * 5000}).address) <= 64


def test_every_request_gets_another_id() -> None:
    assert len({read().request_id for _ in range(20)}) == 20

"""Who is believed about who is asking."""

import pytest
from werkzeug.test import EnvironBuilder

from session_contract.callers import Caller, CallerReader, WrongCredential
from session_contract.credentials import Credential

EDGE, SERVICE = "edge-" + "e" * 40, "service-" + "s" * 40
REQUEST_ID = "0123456789abcdef0123456789abcdef"
FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": REQUEST_ID}


def reader() -> CallerReader:
    return CallerReader(
        {"X-Edge-Credential": Credential(EDGE), "X-Service-Credential": Credential(SERVICE)}
    )


def read(by: CallerReader | None = None, /, **headers: str) -> Caller:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = EnvironBuilder(headers=named, environ_base={"REMOTE_ADDR": "192.0.2.1"}).get_environ()
    return (by or reader()).read(environ)


@pytest.mark.parametrize(
    "credential", [{"X-Edge-Credential": EDGE}, {"X-Service-Credential": SERVICE}]
)
def test_with_a_credential_the_forwarded_address_and_request_id_are_believed(
    credential: dict[str, str],
) -> None:
    caller = read(**FORWARDED, **credential, **{"User-Agent": "Browser/1.0"})
    assert caller == Caller("203.0.113.9", "Browser/1.0", REQUEST_ID)


@pytest.mark.proves("V13.2.1")
@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"X-Edge-Credential": ""},
        {"X-Service-Credential": ""},
        {"Authorization": f"Bearer {EDGE}"},
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


@pytest.mark.proves("V13.2.1", "V4.1.3")
@pytest.mark.parametrize(
    "credential",
    [
        {"X-Edge-Credential": EDGE[:-1]},
        {"X-Edge-Credential": EDGE + "x"},
        {"X-Edge-Credential": EDGE.upper()},
        {"X-Edge-Credential": SERVICE},
        {"X-Service-Credential": EDGE},
        {"X-Edge-Credential": EDGE, "X-Service-Credential": EDGE},
        {"X-Edge-Credential": f"{EDGE},{EDGE}"},
        {"X-Edge-Credential": "\xff\xfe"},
        {"X_Edge_Credential": EDGE[:-1]},
    ],
    ids=str,
)
def test_a_wrong_one_is_an_error_and_is_not_repeated(credential: dict[str, str]) -> None:
    with pytest.raises(
        WrongCredential, match=r"^192\.0\.2\.1 shows a wrong X-(Edge|Service)-Credential"
    ) as raised:
        read(**FORWARDED, **credential, **{"User-Agent": "Browser/1.0"})
    caller = raised.value.caller
    assert (caller.address, caller.user_agent) == ("192.0.2.1", "Browser/1.0")
    assert raised.value.header in ("X-Edge-Credential", "X-Service-Credential")
    assert caller.request_id != REQUEST_ID
    assert len(bytes.fromhex(caller.request_id)) == 16
    for value in credential.values():
        assert value not in str(raised.value)


def test_the_first_untrusted_peer_that_names_clients_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = reader()
    for peer in ("203.0.113.9", "203.0.113.10"):
        read(ours, **{"X-Edge-Credential": EDGE, "X-Untrusted-Forwarder": peer})
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "203.0.113.9 " in caplog.text
    assert "DOORWARD_TRUSTED_PROXIES" in caplog.text


@pytest.mark.parametrize(
    "headers",
    [{**FORWARDED, "X-Edge-Credential": EDGE}, {"X-Untrusted-Forwarder": "203.0.113.9"}],
    ids=["straight to nginx", "not from nginx"],
)
def test_nobody_else_causes_that_warning(
    caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    read(**headers)
    assert caplog.records == []


def test_what_a_client_does_not_say_is_empty() -> None:
    caller = reader().read({})
    assert (caller.address, caller.user_agent) == ("", "")


def test_no_other_header_says_who_asks() -> None:
    for name in ("Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Client-IP"):
        assert read(**{name: "203.0.113.9", "X-Edge-Credential": EDGE}).address == "192.0.2.1"


@pytest.mark.proves("V1.3.3", "V16.4.1")
def test_a_request_id_that_could_spoil_a_log_is_replaced() -> None:
    for request_id in (
        *("", "short", "x" * 65, "a b c d e f", "12345678\t", "<script>alert", "é" * 20),
        f"{REQUEST_ID},{REQUEST_ID}",
    ):
        caller = read(**{"X-Edge-Credential": EDGE, "X-Request-ID": request_id})
        assert caller.request_id not in (request_id, REQUEST_ID)
        assert len(caller.request_id) == 32


def test_a_long_user_agent_is_kept_in_part() -> None:
    assert read(**{"User-Agent": "x" * 5000}).user_agent == "x" * 256


def test_every_request_gets_another_id() -> None:
    assert len({read().request_id for _ in range(20)}) == 20


@pytest.mark.proves("V1.3.3", "V4.1.3")
def test_what_is_not_one_address_says_nothing() -> None:
    assert read(**{"X-Edge-Credential": EDGE}).address == "192.0.2.1"
    for address in (
        *("unknown", "1" * 64, "1" * 5000, "203.0.113.9\t", "<b>", "", " "),
        "203.0.113.9,203.0.113.10",
    ):
        headers = {"X-Edge-Credential": EDGE, "X-Forwarded-For": address}
        assert read(**headers).address == "192.0.2.1"


def test_every_form_of_address_that_nginx_writes_is_believed() -> None:
    for address in ("203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9", "unix:"):
        headers = {"X-Edge-Credential": EDGE, "X-Forwarded-For": address}
        assert read(**headers).address == address

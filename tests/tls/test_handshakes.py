"""What is spoken on the https port: versions, cipher suites, and whose certificate it is."""

import socket
import ssl
import warnings

import pytest

import trust
from running_stack import Stack

RECOMMENDED = {
    # Mozilla's "intermediate", as far as the ECDSA certificate of the tests goes.
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
OF_TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


def client(version: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    """Return a client that speaks one version only, and takes weak suites too if they are named."""
    context = ssl.create_default_context(cafile=trust.authority_file())
    with warnings.catch_warnings():
        # Versions that nobody should speak are what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    if ciphers:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


def agreed(stack: Stack, context: ssl.SSLContext, name: str = "localhost") -> tuple[str, str]:
    """Return version and suite."""
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        suite = secured.cipher()
        assert suite is not None
        return str(secured.version()), suite[0]


@pytest.mark.proves("V12.1.1")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_versions_are_refused_by_the_server(version: ssl.TLSVersion, secure: Stack) -> None:
    with pytest.raises(ssl.SSLError) as refused:
        agreed(secure, client(version, "ALL"))
    # The alert is the server's: a client that cannot speak it would not have asked.
    assert refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


@pytest.mark.proves("V12.1.1")
def test_both_current_versions_are_spoken_and_the_newest_is_preferred(secure: Stack) -> None:
    assert agreed(secure, client(ssl.TLSVersion.TLSv1_2))[0] == "TLSv1.2"
    version, suite = agreed(secure, trust.context())
    assert version == "TLSv1.3"
    assert suite in OF_TLS_1_3


@pytest.mark.proves("V12.1.2", "V11.2.3")
def test_only_recommended_suites_are_agreed_on(secure: Stack) -> None:
    known = {
        suite["name"]
        for suite in client(ssl.TLSVersion.TLSv1_2, "ALL:COMPLEMENTOFALL").get_ciphers()
        if not suite["name"].startswith("TLS_")
    }
    assert len(known) > 50, "weak ones too"
    accepted, refusals = set(), set()
    for name in sorted(known):
        try:
            accepted.add(agreed(secure, client(ssl.TLSVersion.TLSv1_2, name))[1])
        except ssl.SSLError as refused:
            refusals.add(refused.reason)
    assert accepted == RECOMMENDED
    # Some cannot even be offered, for lack of a key that both sides know.
    assert refusals == {"SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE"}


def test_session_tickets_are_off(secure: Stack) -> None:
    """Their key would outlive the connections that it protects (forward secrecy)."""
    context = client(ssl.TLSVersion.TLSv1_2)
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.session is not None
        assert not secured.session.has_ticket


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "door.example"])
def test_a_client_that_trusts_the_authority_is_content(name: str, secure: Stack) -> None:
    agreed(secure, trust.context(), name)


def test_a_client_that_does_not_is_not(secure: Stack) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        agreed(secure, ssl.create_default_context())

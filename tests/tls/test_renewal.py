"""A certificate is renewed while people go on; what cannot be used changes nothing."""

import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import cast

import pytest

import trust
from journeys.visitor import Visitor
from running_stack import LocalStack, Stack, eventually


@pytest.fixture
def own(start_stack: Callable[..., Stack]) -> Stack:
    """A stack that this test may ruin."""
    return start_stack()


def served(stack: Stack) -> str:
    """Return the fingerprint of the certificate that a client is shown."""
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=15) as plain,
        trust.context().wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    assert certificate
    return hashlib.sha256(certificate).hexdigest()


def fingerprint(certificate: bytes) -> str:
    """Return what `served` returns for a certificate in a file."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest()


def test_a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not(
    own: Stack,
) -> None:
    started = cast("LocalStack", own).pid("nginx") if own.mode == "local" else None
    first = served(own)
    with Visitor(own.base_url) as visitor:
        assert visitor.get("/login").status_code == 200

        renewed = fingerprint(trust.certify(own.certs))
        assert renewed != first
        eventually(lambda: served(own) == renewed, "the new certificate is not shown")

        (own.certs / "privkey.pem").write_bytes(trust.authority().issue(["localhost"])[1])
        eventually(lambda: "the old state stays" in own.logs(), "the broken pair is not noticed")
        assert "does not belong to" in own.logs()
        assert served(own) == renewed

        for name in ("fullchain.pem", "privkey.pem"):
            (own.certs / name).unlink()
        eventually(
            lambda: "fullchain.pem is not there" in own.logs(), "the missing one is not noticed"
        )
        assert served(own) == renewed
        with Visitor(own.plain_url) as plain:
            assert plain.get("/login").status_code == 301, "plain HTTP does not come back"

        again = fingerprint(trust.certify(own.certs))
        eventually(lambda: served(own) == again, "the mended certificate is not shown")
        assert visitor.get("/login").status_code == 200
    if started is not None:
        assert cast("LocalStack", own).pid("nginx") == started, "the very process goes on"

"""Which Host headers name this site."""

import pytest

from web_frontend.hosts import is_our_host

LOOPBACK = ("localhost", "127.0.0.1")


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080"])
def test_our_names_count_on_any_port_and_in_any_case(host: str) -> None:
    assert is_our_host(host, LOOPBACK)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "localhost:8080@evil.example",
        "evil.example@localhost",
        "evil.example#localhost",
        "localhost, evil.example",
        "localhost/evil",
        "localhost:8080@evil",
        "localhost.",
        "localhost.:8080",
        "localhost:abc",
        "localhost:-1",
        "localhost:123456",
        "user@localhost:8080",
        "localhost,localhost",
        "localhost:",
        "localhost:x",
        "[::1]",
        "[bad",
        "127.0.0.2",
        "0",
        "",
        " ",
        "localhost\0",
        "\xff",
    ],
)
def test_no_other_text_counts(host: str) -> None:
    assert not is_our_host(host, LOOPBACK)


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert is_our_host("[::1]:8080", ("::1",))
    assert not is_our_host("::1", ("::1",))

"""The public URL in one spelling, and one rule for the hosts of this site."""

from collections.abc import Callable

import pytest

from doorward_settings.web_frontend import Settings
from session_contract.startup import StartupError

ReadSettings = Callable[..., Settings]


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://Portal.Example", "https://portal.example"),
        ("HTTPS://PORTAL.EXAMPLE:8443/", "https://portal.example:8443"),
        ("https://portal.example.", "https://portal.example"),
        ("https://portal.example.:443/", "https://portal.example"),
        ("https://portal.example:443", "https://portal.example"),
        ("https://portal.example:80", "https://portal.example:80"),
        ("http://localhost:80", "http://localhost"),
        ("http://LOCALHOST.:8080", "http://localhost:8080"),
        ("https://[2001:0db8:0:0:0:0:0:1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("http://localhost:08080", "http://localhost:8080"),
    ],
)
def test_another_spelling_of_the_public_url_is_normalised(
    read: ReadSettings, given: str, normal: str
) -> None:
    settings = read(public_url=given, trusted_proxies="192.0.2.1")
    assert settings.url == normal
    assert normal in settings.origins


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://2130706433",
        "http://[::1%25eth0]",
        "http://[:::1]",
        "https://portal..example",
        "https://portal..example/x",
        "https://user@portal.example/x",
        "https://büch er.example",
        "https://-portal.example",
        "https://portal-.example",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}example",
    ],
)
def test_a_host_that_browsers_spell_otherwise_or_never_reach_is_refused(
    read: ReadSettings, url: str
) -> None:
    with pytest.raises(StartupError) as caught:
        read(public_url=url, allow_insecure_http="1", trusted_proxies="192.0.2.1")
    [problem] = caught.value.problems
    assert problem.startswith("DOORWARD_PUBLIC_URL: use http:// or https://, a host")
    assert repr(url) in problem


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("HTTPS://BÜCHER.Example:8443/", "https://xn--bcher-kva.example:8443"),
        ("https://straße.ελ", "https://xn--strae-oqa.xn--qxam"),
        ("https://\uff50ortal.example", "https://portal.example"),
        ("https://portal.example/x", "https://portal.example"),
        ("https://portal.example:443/x/?y#z", "https://portal.example"),
        ("http://[::1]:8080?x", "http://[::1]:8080"),
    ],
)
def test_a_public_url_is_refused_with_its_right_spelling(
    read: ReadSettings, given: str, right: str
) -> None:
    with pytest.raises(StartupError) as caught:
        read(public_url=given, trusted_proxies="192.0.2.1")
    assert caught.value.problems == [f"DOORWARD_PUBLIC_URL: use {right}, not {given!r}"]


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("", "http://localhost:8080"),
        ("127.0.0.1", "http://localhost:8080"),
        ("0.0.0.0", "http://localhost:8080"),
        ("[::]", "http://localhost:8080"),
        ("[::1]", "http://[::1]:8080"),
        ("[0:0:0:0:0:0:0:1]", "http://[::1]:8080"),
        ("127.0.0.2", "http://127.0.0.2:8080"),
    ],
)
def test_the_default_url_names_the_address_that_is_listened_on(
    read: ReadSettings, bind: str, url: str
) -> None:
    assert read(bind=bind).url == url


@pytest.mark.parametrize("bind", ["::1", "localhost", "127.0.0.1:80", "[127.0.0.1]", "300.0.0.1"])
def test_only_an_address_can_be_listened_on(read: ReadSettings, bind: str) -> None:
    with pytest.raises(StartupError, match=r"DOORWARD_BIND: use an address .*\[::1\], not '"):
        read(bind=bind)


OURS = {
    "http://localhost:8080": ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "localhost:9"],
    "https://portal.example": ["portal.example", "Portal.Example:443", "portal.example:8443"],
    "https://[2001:db8::1]:8443": ["[2001:db8::1]:8443", "[2001:DB8::1]"],
}
FOREIGN = [
    "", "localhost:8080@evil", "localhost.", "localhost.:8080", "localhost:abc", "localhost:",
    "localhost:-1", "localhost:123456", "localhost:8080:8080", "localhost:٨٠",
    "localhost, localhost", "localhost\n", " localhost", "localhost/", "user@localhost",
    "evil.example", "xlocalhost", "localhostx", "127.0.0.1.evil.example", "127a0.0.1", "[::1]",
    "portalxexample", "portal.example.", "2001:db8::1", "[2001:db8::1]x",
]  # fmt: skip


@pytest.mark.parametrize(("url", "hosts"), OURS.items())
def test_only_the_hosts_of_this_site_are_ours(
    read: ReadSettings, url: str, hosts: list[str]
) -> None:
    settings = read(public_url=url, trusted_proxies="192.0.2.1")
    assert [host for host in hosts if not settings.is_our_host(host)] == []
    assert [host for host in FOREIGN if settings.is_our_host(host)] == []

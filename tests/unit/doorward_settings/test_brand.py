"""The name of the site, and the addresses that its pages link to."""

from collections.abc import Callable

import pytest

from doorward_settings.web_frontend import Settings
from session_contract.startup import StartupError

ReadSettings = Callable[..., Settings]


@pytest.mark.parametrize("name", ["Acme & Sons", "門番", "Ca$h <b>", "x" * 40, "☂️ Umbrella"])
def test_a_name_of_the_site_is_taken(read: ReadSettings, name: str) -> None:
    assert read(site_name=f" {name} ").site_name == name


@pytest.mark.parametrize("name", ["  ", "x" * 41, "a\nb", "a\tb", "a\x7fb", "a\u202eb", "a\u2028b"])
def test_a_name_that_is_too_long_or_not_printable_is_refused(read: ReadSettings, name: str) -> None:
    with pytest.raises(StartupError) as caught:
        read(site_name=name)
    assert caught.value.problems == [
        f"DOORWARD_SITE_NAME: use 1 to 40 characters without control characters, not {name!r}"
    ]


@pytest.mark.parametrize("setting", ["privacy_url", "terms_url"])
@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/privacy?a=b#c",
        "http://localhost:8000/",
        "HTTPS://Bücher.example/datenschutz/@team",
        "https://[2001:db8::1]/x",
    ],
)
def test_an_address_to_link_to_is_taken_as_it_is(
    read: ReadSettings, setting: str, url: str
) -> None:
    assert getattr(read(**{setting: url}), setting) == url


@pytest.mark.proves("V1.2.2")
@pytest.mark.parametrize("setting", ["privacy_url", "terms_url"])
@pytest.mark.parametrize(
    "url",
    [
        *("/privacy", "example.com/privacy", "//example.com", "ftp://example.com", "https://"),
        *("javascript:alert(1)", "javascript://example.com/%0aalert(1)", "data:text/html,x"),
        *("https:example.com", "https:///example.com", "https://exa mple.com", "mailto:a@b.c"),
        *("https://example.com/a b", 'https://example.com/"x', "https://example.com/<x>"),
        *("https://example.com\\@evil.example", "https://example.com/\\x", " https://example.com"),
        *("https://example.com/\u202ex", "https://example.com:99999/", "https://1.2.3/x"),
    ],
)
def test_what_is_not_an_absolute_web_address_is_refused(
    read: ReadSettings, setting: str, url: str
) -> None:
    with pytest.raises(StartupError) as caught:
        read(**{setting: url})
    [said] = caught.value.problems
    assert said.startswith(f"DOORWARD_{setting.upper()}: use a")


def test_an_address_with_a_password_is_refused_without_showing_it(read: ReadSettings) -> None:
    with pytest.raises(StartupError) as caught:
        read(terms_url="https://ann:hunter2@example.com/")
    [said] = caught.value.problems
    assert said == "DOORWARD_TERMS_URL: use a URL without a user name or password in it"


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("help@example.com", "mailto:help@example.com"),
        ("ann+door@desk.example.com", "mailto:ann%2Bdoor@desk.example.com"),
        ("a?subject=x&b@example.com", "mailto:a%3Fsubject%3Dx%26b@example.com"),
        ("https://example.com/help", "https://example.com/help"),
        ("Ann, room 5", ""),
        ("Ann <ann@example.com>", ""),
        ("ann@example.com or bob@example.com", ""),
        ("ann@", ""),
        ("@example.com", ""),
        ("ann@example..com", ""),
        ("ann@example.com:80", ""),
        ("javascript:alert(1)", ""),
        ("javascript:alert(1)//@example.com", ""),
        ("https://ann:pw@example.com/", ""),
        ("ann@example.com\nBcc: x@example.com", ""),
        ("", ""),
    ],
)
def test_only_a_mail_or_web_address_becomes_a_link(
    read: ReadSettings, contact: str, link: str
) -> None:
    assert read(contact=contact).contact_link == link

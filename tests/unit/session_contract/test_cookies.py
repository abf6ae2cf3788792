"""The cookies' names and attributes."""

from datetime import timedelta

import pytest

from session_contract.cookies import DEVICE_SECONDS, Cookies


@pytest.mark.proves("NIST-5.1.1", "V3.3.1", "V3.3.3")
@pytest.mark.parametrize("name", ["session", "csrf", "ended", "device"])
def test_under_https_every_cookie_has_the_prefix_and_what_the_prefix_demands(name: str) -> None:
    cookies = Cookies(https=True)
    assert getattr(cookies, name) == f"__Host-{name}"
    assert cookies.attributes["secure"] is True
    assert cookies.attributes["path"] == "/"
    assert "domain" not in cookies.attributes


@pytest.mark.parametrize("name", ["session", "csrf", "ended", "device"])
def test_without_https_no_cookie_has_the_prefix_which_a_browser_would_refuse(name: str) -> None:
    cookies = Cookies(https=False)
    assert getattr(cookies, name) == name
    assert cookies.attributes["secure"] is False


@pytest.mark.proves("NIST-5.1.1", "V3.3.2", "V3.3.4")
@pytest.mark.parametrize("https", [True, False])
def test_cookies_are_kept_from_scripts_and_foreign_forms_without_a_lifetime(https: bool) -> None:
    attributes = Cookies(https=https).attributes
    expected = {"path": "/", "secure": https, "httponly": True, "samesite": "Lax"}
    assert attributes == expected


def test_a_browser_is_known_for_a_year() -> None:
    assert timedelta(days=365).total_seconds() == DEVICE_SECONDS


def test_all_names_differ() -> None:
    both = [Cookies(https=https) for https in (True, False)]
    names = [name for each in both for name in (each.session, each.csrf, each.ended, each.device)]
    assert len(set(names)) == 8

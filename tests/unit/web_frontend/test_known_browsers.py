"""Which browsers are known by whom: the mark that a sign-in leaves for a year."""

import pytest

from tests.unit.web_frontend.conftest import Site, refused

TOKENS = [letter * 43 for letter in "ABCDE"]


@pytest.mark.parametrize("act", ["sign_in", "register"])
def test_a_browser_is_marked_for_a_year_by_whoever_signs_in_with_it(site: Site, act: str) -> None:
    answer = getattr(site.browser(), act)()
    value, attributes = answer.cookies["device"]
    assert (value, attributes["max-age"]) == ("device-of-fresh-1".ljust(43, "-"), "31536000")
    assert site.auth.devices == [""]


def test_four_people_may_share_a_browser_and_who_signed_in_last_comes_first(site: Site) -> None:
    browser = site.browser()
    browser.jar["device"] = ".".join(TOKENS)
    browser.sign_in()
    newest = "device-of-fresh-1".ljust(43, "-")
    assert site.auth.devices == [".".join(TOKENS[:4])]
    assert browser.jar["device"] == ".".join([newest, *TOKENS[:3]])
    again = site.browser()
    again.jar["device"] = ".".join([TOKENS[0], newest.replace("1", "2"), TOKENS[1]])
    again.sign_in()
    assert again.jar["device"] == ".".join([newest.replace("1", "2"), *TOKENS[:2]])


@pytest.mark.parametrize(
    "odd", ["", ".", "x", "A" * 42, "A" * 44, "A" * 42 + "!", "A" * 5000, "..." + "B" * 42]
)
def test_what_is_no_mark_of_ours_goes_no_further(site: Site, odd: str) -> None:
    browser = site.browser()
    browser.jar["device"] = f"{odd}.{TOKENS[0]}.{odd}"
    browser.sign_in()
    assert site.auth.devices == [TOKENS[0]]


def test_a_failed_sign_in_and_signing_out_leave_the_mark_as_it_is(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    marked = browser.jar["device"]
    assert "device" not in browser.get("/dashboard").cookies
    browser.send("/logout")
    site.auth.answers["sign_in"] = refused(401, "invalid-credentials")
    assert "device" not in browser.sign_in().cookies
    assert browser.jar["device"] == marked
    assert marked in site.auth.devices

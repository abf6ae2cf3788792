"""The dashboard: facts about the account, from the token alone."""

import re
from typing import Any

import pytest

from tests.unit.web_frontend.conftest import NOW, MakeSite, Site
from web_frontend.auth_service.answers import Unreachable

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
TODAY = "15 Jan 2027"
END = f"After 30 minutes without use, at {TODAY}, 20:00 UTC at the latest"
FACTS: dict[str, Any] = {
    "prev_at": NOW - 86_400,
    "prev_ua": FIREFOX,
    "wrong": 3,
    "live": 2,
    "pwd_at": NOW - 9 * 86_400,
}


def rows(site: Site, **claims: Any) -> dict[str, str]:
    """Return the rows of the dashboard that somebody with these claims gets."""
    text = site.signed_in(**claims).get("/dashboard").text
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text)
    return {re.sub("<[^>]*>", "", term): re.sub("<[^>]*>", "", said) for term, said in found}


def test_the_dashboard_tells_of_the_sign_in_before_and_wrong_passwords_since(site: Site) -> None:
    answer = site.signed_in(**FACTS).get("/dashboard")
    for time in ("2027-01-14T08:00:00Z", "2027-01-06T08:00:00Z"):
        assert f'<time datetime="{time}">' in answer.text
    assert rows(site, **FACTS) == {
        "Previous sign-in": "14 Jan 2027, 08:00 UTC, Firefox on Linux",
        "Wrong passwords since then": "3 · Change your password",
        "Signed-in devices": "2",
        "Password set": "6 Jan 2027, 08:00 UTC",
        "Ends": END,
    }
    assert not site.auth.calls


def test_facts_lead_to_where_something_can_be_done(site: Site) -> None:
    def links(**claims: Any) -> list[str | None]:
        return site.signed_in(**claims).get("/dashboard").page.links

    assert "/account/password" in links(**FACTS)
    assert "/account/password" not in links()
    # The navigation has a link to the sessions already.
    assert (links(**FACTS).count("/account/sessions"), links().count("/account/sessions")) == (2, 1)


@pytest.mark.parametrize(
    ("claims", "term", "said"),
    [
        ({"live": 1}, "Signed-in devices", "1"),
        ({"prev_at": NOW, "wrong": 1}, "Wrong passwords since then", "1 · Change your password"),
        ({"prev_at": NOW}, "Previous sign-in", f"{TODAY}, 08:00 UTC, Unknown browser"),
    ],
)
def test_a_single_fact_is_told_and_an_unknown_browser_as_unknown(
    site: Site, claims: dict[str, Any], term: str, said: str
) -> None:
    assert rows(site, **claims)[term] == said


@pytest.mark.parametrize(
    ("missing", "term"),
    [
        ("prev_at", "Previous sign-in"),
        ("wrong", "Wrong passwords since then"),
        ("live", "Signed-in devices"),
        ("pwd_at", "Password set"),
    ],
)
def test_without_a_fact_the_rest_is_shown(site: Site, missing: str, term: str) -> None:
    whole = rows(site, **FACTS)
    del whole[term]
    assert rows(site, **{**FACTS, missing: None}) == whole


def test_a_token_without_facts_shows_name_and_end(site: Site) -> None:
    assert "Hello, Alice A." in site.signed_in(name="Alice A.").get("/dashboard").words
    assert rows(site) == {"Ends": END}


def test_the_dashboard_says_when_the_session_ends(make_site: MakeSite) -> None:
    end = rows(make_site(), iat=NOW - 20, auth_time=NOW - 3600)["Ends"]
    assert end == f"After 30 minutes without use, at {TODAY}, 19:00 UTC at the latest"
    for idle, said in {61: "61 seconds", 60: "1 minute", 120: "2 minutes"}.items():
        end = rows(make_site(idle_seconds=idle, absolute_seconds=3600))["Ends"]
        assert end == f"After {said} without use, at {TODAY}, 09:00 UTC at the latest"


def test_facts_are_told_in_the_visitors_language(site: Site) -> None:
    german = {"Accept-Language": "de"}
    said = site.signed_in(**FACTS).get("/dashboard", german).words
    assert "14. Jan. 2027, 08:00 UTC, Firefox unter Linux" in said
    assert "Falsche Passwörter seitdem3 · Passwort ändern" in said
    assert "Angemeldete Geräte2" in said
    assert "Nach 30 Minuten ohne Nutzung, spätestens am 15. Jan. 2027, 20:00 UTC" in said


@pytest.mark.proves("V1.1.2", "V1.2.1")
def test_a_user_agent_is_named_and_never_shown_itself(site: Site) -> None:
    hostile = "<script>alert(1)</script>\"'& Firefox/150.0"
    answer = site.signed_in(**{**FACTS, "prev_ua": hostile}).get("/dashboard")
    assert "alert(1)" not in answer.text
    assert "Firefox" in answer.words


def test_facts_come_with_the_renewal_and_cost_no_further_call(site: Site) -> None:
    fresh = site.mint.issued(site.mint.token(**{**FACTS, "live": 5}))
    site.auth.answers["renew"] = fresh
    answer = site.signed_in(31, **FACTS).get("/dashboard")
    assert "Signed-in devices5" in answer.words
    assert site.auth.asked == ["renew"]


def test_without_auth_service_the_facts_of_the_token_are_shown(site: Site) -> None:
    site.auth.answers["renew"] = Unreachable("no connection")
    answer = site.signed_in(31, **FACTS).get("/dashboard")
    assert answer.status == 200
    assert "could not be renewed" in answer.words
    assert "Signed-in devices2" in answer.words

"""The page for a new password."""

import pytest

from tests.unit.web_frontend.account_pages import ACTS, ASK_AGAIN, CHANGE, INCORRECT, NEW_PASSWORD
from tests.unit.web_frontend.conftest import PASSWORD, MakeSite, Site
from web_frontend.auth_service.answers import Refused


@pytest.mark.proves("V6.2.6", "V6.2.7")
def test_the_form_is_one_that_password_managers_understand(site: Site) -> None:
    page = site.signed_in(preferred_username="Zoe.1").get(CHANGE).page
    assert CHANGE in page.forms
    assert (
        page.inputs["username"] | {"autocomplete": "username", "value": "Zoe.1"}
        == page.inputs["username"]
    )
    for name, kind in {
        "current_password": "current-password",
        "new_password": "new-password",
    }.items():
        assert page.inputs[name]["type"] == "password"
        assert page.inputs[name]["autocomplete"] == kind
        assert "value" not in page.inputs[name]
    assert "onpaste" not in str(page.inputs)
    assert "minlength: 15" in str(page.inputs["new_password"]["passwordrules"])


def test_the_rules_are_told_in_the_words_of_the_registration(make_site: MakeSite) -> None:
    site = make_site(password_min_length=20)
    rule = "At least 20 characters. A few words make a good password."
    assert rule in site.browser().get("/register").words
    assert rule in site.signed_in().get(CHANGE).words


@pytest.mark.proves("V6.2.2", "V6.2.3", "V7.2.4")
def test_a_changed_password_opens_a_new_session_here_and_says_that_all_others_ended(
    site: Site,
) -> None:
    browser = site.signed_in()
    before = dict(browser.jar)
    token = browser.csrf()
    csrf = browser.jar["csrf"]
    answer = browser.send(CHANGE, token, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert (answer.status, answer.location, answer.text) == (303, "/dashboard", "")
    assert site.auth.calls == [("change_password", before["session"], PASSWORD, NEW_PASSWORD)]
    assert answer.cookies["session"][0] == site.mint.made[-1] != before["session"]
    assert browser.jar["csrf"] != csrf
    assert "session-1" in answer.cookies["ended"][0].split(".")
    assert "all your other devices were signed out" in browser.get(str(answer.location)).words
    assert "all your other devices" not in browser.get("/dashboard").words
    browser.jar["session"] = before["session"]
    assert browser.get("/dashboard").notice == "ended", (
        "this browser does not go back to the session before"
    )


def test_a_changed_password_marks_this_browser_anew_as_the_mark_before_has_ended(
    site: Site,
) -> None:
    browser = site.signed_in()
    browser.jar["device"] = "A" * 43
    value, attributes = browser.send(CHANGE, **ACTS["password"][1]).cookies["device"]
    assert value == ".".join(["device-of-fresh-1".ljust(43, "-"), "A" * 43])
    assert attributes["max-age"] == "31536000"


@pytest.mark.parametrize("act", ["end one", "end others", "delete"])
def test_no_other_act_touches_the_mark_which_others_may_share(site: Site, act: str) -> None:
    browser = site.signed_in()
    browser.jar["device"] = "A" * 43
    path, fields, _ = ACTS[act]
    assert "device" not in browser.send(path, **fields).cookies


@pytest.mark.parametrize(
    ("error", "field", "said"),
    [
        (INCORRECT, "current_password", "Incorrect password."),
        (
            Refused(422, "x", {"new_password": ["Too <common>."]}, 5),
            "new_password",
            "Too <common>.",
        ),
    ],
    ids=["wrong", "unacceptable"],
)
def test_what_is_wrong_with_a_new_password_stands_beside_its_field(
    site: Site, error: Refused, field: str, said: str
) -> None:
    site.auth.answers["change_password"] = error
    browser = site.signed_in()
    before = browser.jar["session"]
    answer = browser.send(CHANGE, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert answer.status == 422
    assert answer.words.count(said) == 1, "beside the field, which has the focus"
    assert answer.page.inputs[field]["aria-invalid"] == "true"
    assert "autofocus" in answer.page.inputs[field]
    for name in {"current_password", "new_password"} & answer.page.inputs.keys():
        assert "value" not in answer.page.inputs[name]
    assert NEW_PASSWORD not in answer.text
    assert "<title>Error: " in answer.text
    assert browser.jar["session"] == before
    site.auth.answers["change_password"] = site.auth._changed
    again = str(answer.page.inputs["csrf_token"]["value"])
    assert browser.send(CHANGE, again, current_password=PASSWORD, new_password="x").status == 303


def test_an_empty_current_password_is_named_and_auth_service_is_not_asked(site: Site) -> None:
    for new in ("", NEW_PASSWORD):
        answer = site.signed_in().send(CHANGE, current_password="", new_password=new)
        assert answer.status == 422
        for name, is_empty in {"current_password": True, "new_password": not new}.items():
            assert (answer.page.inputs[name].get("aria-invalid") == "true") is is_empty
    assert not site.auth.calls


def test_with_an_empty_new_password_the_current_one_is_judged_all_the_same(site: Site) -> None:
    short = {"new_password": ["The password is too short."]}
    site.auth.answers["change_password"] = Refused(422, "x", short, 5)
    answer = site.signed_in().send(CHANGE, current_password=PASSWORD, new_password="")
    assert "Your current password was right." in answer.words
    assert "Enter a password." in answer.words


def test_the_well_known_address_leads_to_the_page_whoever_asks(site: Site) -> None:
    for browser in (site.browser(), site.signed_in()):
        answer = browser.get("/.well-known/change-password")
        assert (answer.status, answer.location) == (303, CHANGE)


def test_a_current_password_that_was_right_is_not_asked_for_again(site: Site) -> None:
    site.auth.answers["change_password"] = Refused(422, "x", {"new_password": ["Too common."]}, 5)
    browser = site.signed_in()
    answer = browser.send(CHANGE, current_password=PASSWORD, new_password="short")
    assert "current_password" not in answer.page.inputs
    assert "Your current password was right." in answer.words
    site.auth.answers["change_password"] = site.auth._changed
    assert browser.send(CHANGE, new_password=NEW_PASSWORD).status == 303
    assert site.auth.calls[-1][2:] == (None, NEW_PASSWORD)


def test_a_current_password_entered_too_long_ago_is_asked_for_again(site: Site) -> None:
    site.auth.answers["change_password"] = ASK_AGAIN
    answer = site.signed_in().send(CHANGE, new_password=NEW_PASSWORD)
    assert answer.status == 422
    assert "Enter your current password once more." in answer.words
    assert "current_password" in answer.page.inputs


def test_both_passwords_are_judged_in_one_answer(site: Site) -> None:
    wrong = {"new_password": ["Too common."], "current_password": ["Incorrect password."]}
    site.auth.answers["change_password"] = Refused(422, "x", wrong, 5)
    page = site.signed_in().send(CHANGE, current_password="x", new_password="y").page
    for name in ("current_password", "new_password"):
        assert page.inputs[name]["aria-invalid"] == "true"

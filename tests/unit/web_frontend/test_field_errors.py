"""Messages beside fields: what is wrong with this very input."""

import pytest

from auth_service.accounts.passwords import PasswordPolicy
from auth_service.display_names import display_name_problems
from auth_service.usecases.password_change import THE_CURRENT_ONE
from tests.unit.web_frontend.conftest import MakeSite, Site, refused
from web_frontend.field_errors import FROM_AUTH_SERVICE, TOO_SHORT

RULE = ["The username must have 3 to 64 characters: letters a to z, digits and . _ @ + -"]


@pytest.mark.parametrize(
    ("username", "said"),
    [
        ("", "Enter a username."),
        ("Zoe Doe", "Remove the space."),
        ("Zoe Doe's", "Remove the space and the apostrophe."),
        ('Zo\u2019e, "x', "Remove the apostrophe, the comma, the space, and other characters."),
        ("Zoë", "Remove “ë”."),
        ("a\u200bb\u200cc", "Remove invisible characters."),
        ("al", "Use at least 3 characters."),
        ("a" * 65, "Use at most 64 characters."),
    ],
)
def test_a_wrong_user_name_is_told_what_to_change(site: Site, username: str, said: str) -> None:
    site.auth.answers["register"] = refused(422, "invalid-fields", username=RULE)
    answer = site.browser().register(username=username)
    assert answer.status == 422
    assert answer.words.count(said) == 1
    assert "autofocus" in answer.page.inputs["username"]
    assert "username-hint" not in answer.page.ids, "the error stands in the place of the hint"


def test_a_rule_that_the_page_does_not_know_is_told_as_it_came(site: Site) -> None:
    site.auth.answers["register"] = refused(422, "invalid-fields", username=["A newer rule."])
    assert "A newer rule." in site.browser().register(username="Zoe").words


@pytest.mark.parametrize(
    ("password", "said"),
    [("", "Enter a password."), ("short", "Use at least 20 characters.")],
)
def test_a_short_password_is_told_the_length_that_was_set(
    make_site: MakeSite, password: str, said: str
) -> None:
    site = make_site(password_min_length=20)
    message = "The password is too short. Use at least 20 characters; a few words make a good one."
    site.auth.answers["register"] = refused(422, "invalid-fields", password=[message])
    assert said in site.browser().register(password=password).words


def test_several_errors_are_listed_above_the_form_and_the_list_has_the_focus(site: Site) -> None:
    site.auth.answers["register"] = refused(
        422,
        "invalid-fields",
        username=RULE,
        password=["This password is too common. Choose another."],
    )
    page = site.browser().register(username="a b").page
    assert {"#username", "#password"} <= set(page.links)
    assert "error-summary" in page.ids
    assert not any("autofocus" in field for field in page.inputs.values())


@pytest.mark.parametrize(("path", "focused"), [("/login", "username"), ("/register", "username")])
def test_a_form_that_was_asked_for_has_the_focus_on_its_first_field(
    site: Site, path: str, focused: str
) -> None:
    page = site.browser().get(path).page
    assert [name for name, field in page.inputs.items() if "autofocus" in field] == [focused]


def test_every_message_of_auth_service_has_a_translation() -> None:
    policy = PasswordPolicy(15, b"\npassword of everybody\n")
    passwords = ("\0" * 20, "x" * 2000, "alicealicealice", "password of everybody")
    said = [THE_CURRENT_ONE]
    said += [message for text in passwords for message in policy.problems(text, "alice")]
    said += [
        message for text in (" ", "x" * 65, "\u200b") for message in display_name_problems(text)
    ]
    assert len(said) >= 8
    assert set(said) <= set(FROM_AUTH_SERVICE)
    assert policy.problems("short", "alice")[0].startswith(TOO_SHORT)

"""Registering: what is wrong stands beside its field, and a closed one has no form."""

from tests.unit.web_frontend.conftest import PASSWORD, MakeSite, Site, refused


def test_registering_signs_the_new_user_in(site: Site) -> None:
    browser = site.browser()
    answer = browser.register(username=" Zoe ")
    assert (answer.status, answer.location, answer.text) == (303, "/dashboard", "")
    assert site.auth.calls == [("register", "Zoe", PASSWORD)]
    assert answer.cookies["session"][0] == site.mint.made[-1]
    assert "Hello, Zoe" in browser.get("/dashboard").words


def test_what_is_wrong_with_a_registration_stands_beside_its_field(site: Site) -> None:
    site.auth.answers["register"] = refused(
        422, "x", username=["It breaks the rule."], password=["Too <common>."]
    )
    answer = site.browser().register(username="Zoe Doe's")
    assert answer.status == 422
    assert "<title>Error: " in answer.text
    for said in ("Remove the space and the apostrophe.", "Too <common>."):
        assert answer.words.count(said) == 2, "in the summary and beside the field"
    assert {"#username", "#password"} <= set(answer.page.links)
    for name in ("username", "password"):
        described = str(answer.page.inputs[name]["aria-describedby"]).split()
        assert f"{name}-error" in described
        assert set(described) <= answer.page.ids
    assert answer.page.inputs["username"]["value"] == "Zoe Doe's"
    assert "value" not in answer.page.inputs["password"]
    assert "session" not in answer.cookies


def test_a_taken_name_is_answered_409_and_says_so_beside_the_name(site: Site) -> None:
    site.auth.answers["register"] = refused(409, "username-taken")
    answer = site.browser().register(username="Zoe")
    assert answer.status == 409
    assert answer.words.count("taken") == 1
    assert "autofocus" in answer.page.inputs["username"]
    assert answer.page.inputs["username"]["aria-invalid"] == "true"
    assert answer.page.inputs["username"]["value"] == "Zoe"
    assert "session" not in answer.cookies


def test_a_registration_refused_without_a_reason_claims_no_taken_name(site: Site) -> None:
    site.auth.answers["register"] = refused(422, "invalid-fields")
    answer = site.browser().register()
    assert answer.status >= 400
    assert "taken" not in answer.words
    assert "session" not in answer.cookies


def test_a_closed_registration_has_no_form_and_no_link(make_site: MakeSite) -> None:
    assert "/register" in make_site().browser().get("/login").page.links
    closed = make_site(registration="closed")
    answer = closed.browser().get("/register")
    assert answer.status == 403
    assert not answer.page.forms
    assert "/register" not in answer.page.links
    assert "/login" in answer.page.links
    assert "/register" not in closed.browser().get("/login").page.links
    assert closed.browser().register().status == 403
    assert closed.signed_in().register().status == 403
    stale = closed.browser().post("/register", {"username": "Zoe", "password": PASSWORD})
    assert stale.status in (400, 403)
    assert not stale.page.forms
    assert not closed.auth.calls
    assert closed.browser().sign_in().status == 303


def test_a_registration_that_auth_service_has_closed_is_answered_403(site: Site) -> None:
    site.auth.answers["register"] = refused(403, "registration-closed")
    assert site.browser().register().status == 403


def test_the_contact_is_shown_as_text(make_site: MakeSite) -> None:
    shown = make_site(contact="<Ann> & Bob").browser().get("/login")
    assert "Forgot your password? Ask <Ann> & Bob" in shown.words
    assert "<Ann>" not in shown.text

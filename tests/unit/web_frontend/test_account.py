"""The pages for sessions, password and account: what they show, what they ask, what they undo."""

import re
from datetime import UTC, datetime

import pytest

from tests.unit.web_frontend.conftest import IDLE, NOW, PASSWORD, Answer, MakeSite, Site
from web_frontend.auth_service.answers import LiveSession, Refused, Unavailable, Unreachable

SESSIONS, CHANGE, DELETE = PAGES = ("/account/sessions", "/account/password", "/account/delete")
NEW_PASSWORD = "violet harbour sings again at 8"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
UNREACHABLE = Unreachable("no answer")
INCORRECT = Refused(403, "incorrect-password", {}, 5)
ASK_AGAIN = Refused(403, "reauthentication-required", {}, 5)
ENDED = Refused(401, "session-ended", {}, 5)
GONE = Refused(404, "not-found", {}, 5)


def live(
    number: int, *, user_agent: str = CHROME, address: str = "", current: bool = False
) -> LiveSession:
    """Return a session as auth-service describes it; `number` is in its id, its address and its times."""
    return LiveSession(
        id=f"id-{number}",
        created_at=datetime.fromtimestamp(NOW - 7000 - 60 * number, UTC),
        renewed_at=datetime.fromtimestamp(NOW - 60 * number, UTC),
        client_address=address or f"192.0.2.{number}",
        user_agent=user_agent,
        current=current,
    )


# What each act sends, and the call that does it.
ACTS: dict[str, tuple[str, dict[str, str], str]] = {
    "end one": (SESSIONS, {"end": "id-2"}, "end_session"),
    "end others": (SESSIONS, {"others": "true"}, "end_other_sessions"),
    "password": (
        CHANGE,
        {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        "change_password",
    ),
    "delete": (DELETE, {"password": PASSWORD}, "delete_account"),
}
each_act = pytest.mark.parametrize("act", ACTS)
each_page = pytest.mark.parametrize("path", PAGES)


def send(site: Site, act: str, **more: str) -> Answer:
    path, fields, _ = ACTS[act]
    return site.signed_in().send(path, **{**fields, **more})


# --- who gets to see them


@each_page
def test_who_is_signed_out_is_led_to_signing_in_and_back(site: Site, path: str) -> None:
    answer = site.browser().get(path)
    assert (answer.status, answer.location) == (303, f"/login?next={path}")
    browser = site.browser()
    form = browser.get(str(answer.location)).page
    assert form.inputs["next"]["value"] == path
    assert browser.sign_in(next=path).location == path
    assert set(site.auth.asked) == {"sign_in"}


@each_page
@pytest.mark.parametrize(("age", "reason"), [(IDLE + 1, "idle"), (60, "ended")])
def test_who_comes_with_a_session_that_is_over_is_told_why(
    site: Site, path: str, age: int, reason: str
) -> None:
    site.auth.answers["renew"] = ENDED
    answer = site.signed_in(age).get(path)
    assert (answer.status, answer.location) == (303, f"/login?next={path}&reason={reason}")
    assert answer.cleared("session")


@each_act
def test_what_is_sent_in_a_session_that_is_over_is_not_done_and_that_is_said(
    site: Site, act: str
) -> None:
    path, fields, _ = ACTS[act]
    browser = site.signed_in()
    token = browser.csrf()
    site.clock.now += 60
    site.auth.answers["renew"] = ENDED
    answer = browser.send(path, token, **fields)
    assert (answer.status, answer.location) == (303, f"/login?next={path}&reason=ended")
    assert site.auth.asked == ["renew"]
    assert "Your session was ended" in browser.get(str(answer.location)).words


@each_act
def test_a_session_that_ends_at_that_very_moment_is_forgotten(site: Site, act: str) -> None:
    """So it is after five wrong passwords too."""
    path, fields, call = ACTS[act]
    site.auth.answers[call] = ENDED
    browser = site.signed_in()
    answer = browser.send(path, **fields)
    assert (answer.status, answer.location) == (303, "/login?reason=ended")
    assert answer.cleared("session")
    assert "session-1" in answer.cookies["ended"][0]
    assert "Your session was ended" in browser.get("/login?reason=ended").words


@pytest.mark.parametrize("path", ["/dashboard", *PAGES])
@pytest.mark.proves("V7.4.4")
def test_every_signed_in_page_leads_to_the_others_and_out(site: Site, path: str) -> None:
    site.auth.answers["sessions"] = [live(1, current=True), live(2)]
    answer = site.signed_in().get(path)
    assert answer.status == 200
    assert {"/dashboard", *PAGES} <= set(answer.page.links)
    assert "/logout" in answer.page.forms
    assert answer.text.count("aria-current") == 1
    assert f'<a href="{path}" aria-current="page">' in answer.text


@each_page
def test_the_pages_are_shut_while_auth_service_is_down(site: Site, path: str) -> None:
    """A session may be read on without it for a while, and no more."""
    site.auth.answers.update(renew=UNREACHABLE, sessions=UNREACHABLE)
    browser = site.signed_in(age=60)
    assert browser.get("/dashboard").status == 200
    answer = browser.get(path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "not possible just now" in answer.words


@each_act
def test_nothing_is_done_while_auth_service_is_down(site: Site, act: str) -> None:
    path, fields, _ = ACTS[act]
    site.auth.answers["renew"] = UNREACHABLE
    browser = site.signed_in(age=60)
    before = dict(browser.jar)
    answer = browser.send(path, **fields)
    assert answer.status == 503
    assert set(site.auth.asked) == {"renew"}
    assert browser.jar["session"] == before["session"]


@each_act
@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (UNREACHABLE, 503, "5"),
        (Unavailable("busy", 9), 503, "9"),
        (Refused(429, "x", {}, 17), 429, "17"),
    ],
    ids=["down", "busy", "too many"],
)
def test_what_is_held_up_says_how_long_to_wait_and_leaves_the_session_alone(
    site: Site, act: str, error: Exception, status: int, wait: str
) -> None:
    path, fields, call = ACTS[act]
    site.auth.answers[call] = error
    browser = site.signed_in()
    answer = browser.send(path, **fields)
    assert (answer.status, answer.headers["Retry-After"]) == (status, wait)
    assert "session" not in answer.cookies
    assert ("may have been carried out" in answer.words) is (error is UNREACHABLE)
    assert browser.get("/dashboard").status == 200


@each_act
def test_a_stale_form_does_nothing_and_leads_back_to_the_page(site: Site, act: str) -> None:
    path, fields, _ = ACTS[act]
    for browser in (site.signed_in(), site.browser()):
        browser.csrf()
        answer = browser.send(path, "stale", **fields)
        assert answer.status == 400
        assert path in answer.page.links
    assert not site.auth.calls


@each_act
def test_the_token_that_a_page_has_just_renewed_is_the_one_that_is_used(
    site: Site, act: str
) -> None:
    path, fields, call = ACTS[act]
    browser = site.signed_in()
    token = browser.csrf()
    site.clock.now += 60
    answer = browser.send(path, token, **fields)
    assert answer.status == 303
    assert site.auth.asked == ["renew", call]
    renewed = site.mint.made[1]
    assert site.auth.calls[-1][1] == renewed
    if path == SESSIONS:
        assert browser.jar["session"] == renewed
    else:
        assert browser.jar.get("session") != renewed, "a session that is over is not brought back"


# --- sessions


@pytest.mark.proves("V7.5.2")
def test_the_page_says_where_one_is_signed_in_and_offers_to_end_every_other_session(
    site: Site,
) -> None:
    site.auth.answers["sessions"] = [
        live(1, user_agent=IPHONE),
        live(2, current=True),
        live(3, user_agent=""),
    ]
    answer = site.signed_in().get(SESSIONS)
    assert answer.status == 200
    here, phone, unknown = answer.text.split('<li class="card">')[1:]
    assert ">Chrome on Linux<" in here
    assert "This device" in here
    assert "<button" not in here.partition("</li>")[0]
    for card, number, browser in (
        (phone, 1, "Mobile Safari on iOS"),
        (unknown, 3, "Unknown browser"),
    ):
        assert f">{browser}<" in card
        assert f">192.0.2.{number}<" in card
        assert "This device" not in card
        assert f'name="end" value="id-{number}"' in card
        for seconds in (7000 + 60 * number, 60 * number):
            assert datetime.fromtimestamp(NOW - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") in card
    assert "Sign out everywhere else" in answer.words
    site.auth.answers["sessions"] = [live(1, current=True)]
    answer = site.signed_in().get(SESSIONS)
    assert "everywhere else" not in answer.words
    assert 'name="end"' not in answer.text


def test_each_button_is_named_for_the_session_that_it_ends(site: Site) -> None:
    site.auth.answers["sessions"] = [live(1, current=True), live(2), live(3)]
    answer = site.signed_in().get(SESSIONS)
    names = [part.partition('"')[0].split() for part in answer.text.split('id="end-')[1:]]
    assert len(names) == 2
    described = [
        part.partition('"')[0].split() for part in answer.text.split('aria-labelledby="end-')[1:]
    ]
    assert described[0] != described[1]
    for ids in described:
        assert {f"end-{ids[0]}", *ids[1:]} <= answer.page.ids


def test_fifty_sessions_are_shown_ten_at_a_time_with_this_device_first(site: Site) -> None:
    site.auth.answers["sessions"] = [live(number, current=number == 50) for number in range(1, 51)]
    browser, shown = site.signed_in(), []
    for page in range(1, 6):
        answer = browser.get(f"{SESSIONS}?page={page}")
        shown += [int(part.partition("<")[0]) for part in answer.text.split(">192.0.2.")[1:]]
        assert (f"{SESSIONS}?page={page - 1}" in answer.page.links) is (page > 1)
        assert (f"{SESSIONS}?page={page + 1}" in answer.page.links) is (page < 5)
        assert "everywhere else" in answer.words
    assert shown == [50, *range(1, 50)]


def test_a_page_of_sessions_weighs_less_than_twenty_kilobytes_with_all_that_it_loads(
    site: Site,
) -> None:
    sessions = [
        live(number, user_agent=IPHONE, address="2001:db8:5c1a:7d00:1234:5678:9abc:def0")
        for number in range(50)
    ]
    site.auth.answers["sessions"] = sessions
    browser = site.signed_in(preferred_username="w" * 64)
    page = browser.get(f"{SESSIONS}?page=2&done=others").text
    loaded = [
        browser.get(address).text for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    ]
    assert len(loaded) == 3
    assert sum(len(text.encode()) for text in (page, *loaded)) <= 20_000


def test_a_page_that_is_none_is_the_first_and_past_the_last_is_the_last(site: Site) -> None:
    site.auth.answers["sessions"] = [live(number, current=number == 1) for number in range(1, 12)]
    for page in ("", "0", "-1", "x", "1e1", "²", "%00", "9" * 5000, "../2", "<b>"):
        answer = site.signed_in().open("GET", f"{SESSIONS}?page={page}")
        assert answer.status == 200
        assert "This device" in answer.words, page
    answer = site.signed_in().get(f"{SESSIONS}?page=99")
    assert ">192.0.2.11<" in answer.text
    assert f"{SESSIONS}?page=1" in answer.page.links
    assert f"{SESSIONS}?page=3" not in answer.page.links


HOSTILE = [
    "<script>alert(1)</script>bot/1.0",
    "Mozilla/5.0 (<img src=x onerror=alert(1)>; Windows NT 10.0) Firefox/1",
    '"><svg/onload=alert(1)>',
    "{{ 7919*7919 }} {% raw %}",
    "\xff\xfe\x00\x1b[31m",
    "Firefox/" + "9" * 240,
    "(" * 128 + ")" * 128,
]


def test_what_a_browser_calls_itself_is_text_and_never_markup(site: Site) -> None:
    others = [live(number, user_agent=name) for number, name in enumerate(HOSTILE, start=2)]
    site.auth.answers["sessions"] = [live(1, current=True), *others]
    answer = site.signed_in().get(SESSIONS)
    assert answer.status == 200
    for markup in ("<script>alert", "<img", "<svg/"):
        assert markup not in answer.text
    assert str(7919 * 7919) not in answer.text


def test_an_address_and_an_id_are_text_and_never_markup(site: Site) -> None:
    odd = live(2, address="<b>192.0.2.9</b>").model_copy(update={"id": '"><b>boohoo'})
    site.auth.answers["sessions"] = [live(1, current=True), odd]
    answer = site.signed_in().get(SESSIONS)
    assert "<b>" not in answer.text
    assert "<b>192.0.2.9</b>" in answer.words


@pytest.mark.parametrize(
    ("act", "done", "said"),
    [
        ("end one", "one", "That session was signed out"),
        ("end others", "others", "All other sessions were"),
    ],
)
def test_ending_sessions_leads_back_to_the_list_which_says_so(
    site: Site, act: str, done: str, said: str
) -> None:
    site.auth.answers["sessions"] = [live(1, current=True)]
    browser = site.signed_in()
    path, fields, call = ACTS[act]
    answer = browser.send(path, **fields)
    assert (answer.status, answer.location) == (303, f"{SESSIONS}?done={done}")
    assert site.auth.asked == [call]
    after = browser.get(str(answer.location)).words
    assert said in after
    assert "up to 30 seconds" in after
    assert browser.send(path, **fields, page="3").location == f"{SESSIONS}?page=3&done={done}"


def test_a_link_from_elsewhere_or_of_an_unknown_kind_tells_no_news(site: Site) -> None:
    browser = site.signed_in()
    for page in (f"{SESSIONS}?done=others", f"{SESSIONS}?done=one", "/dashboard?done=password"):
        for elsewhere in ("cross-site", "same-site", "none"):
            answer = browser.get(page, {"Sec-Fetch-Site": elsewhere})
            assert '<p class="notice" role' not in answer.text
        assert '<p class="notice" role' in browser.get(page).text
    for unknown in (f"{SESSIONS}?done=ONE", f"{SESSIONS}?done=<b>boohoo", "/dashboard?done="):
        answer = browser.get(unknown)
        assert '<p class="notice" role' not in answer.text
        assert "boohoo" not in answer.text


def test_a_link_from_elsewhere_does_not_say_that_an_account_was_deleted(site: Site) -> None:
    address = send(site, "delete", password=PASSWORD).location
    for elsewhere in ("cross-site", "same-site", "none"):
        answer = site.browser().get(str(address), {"Sec-Fetch-Site": elsewhere})
        assert (answer.status, 'class="notice"' in answer.text) == (200, False)
    answer = site.browser().get(str(address), {"Sec-Fetch-Site": "same-origin"})
    assert "Your account was deleted." in answer.words


def test_a_session_that_has_ended_already_is_as_good_as_ended(site: Site) -> None:
    site.auth.answers["end_session"] = GONE
    assert send(site, "end one").location == f"{SESSIONS}?done=one"


WRONG_IDS = [
    "", "current/renew", "../users/me", "id-2?others=true", "id-2#", "id 2", "id-2\n", "%2e%2e",
    "id-2\r\nX: y", "\u0130d", "a" * 65, "<b>boohoo", "id\0",
]  # fmt: skip
WRONG_WISHES: list[dict[str, str]] = [
    {},
    {"others": ""},
    {"others": "false"},
    {"end": "id-2", "others": "true"},
    *({"end": wrong} for wrong in WRONG_IDS),
]


@pytest.mark.parametrize("more", [{}, {"password": PASSWORD}], ids=["", "with the password"])
def test_a_wish_that_is_none_is_refused_and_auth_service_is_not_asked(
    site: Site, more: dict[str, str]
) -> None:
    for fields in WRONG_WISHES:
        answer = site.signed_in().send(SESSIONS, **fields, **more)
        assert answer.status == 400, fields
        assert "boohoo" not in answer.text
    assert not site.auth.calls


@pytest.mark.parametrize("own", ["current", "session-1"])
def test_the_session_that_asks_is_ended_by_signing_out_only(site: Site, own: str) -> None:
    browser = site.signed_in(sid="session-1")
    for more in ({}, {"password": PASSWORD}):
        assert browser.send(SESSIONS, end=own, **more).status == 400
    assert not site.auth.calls
    assert browser.get("/dashboard").status == 200


# --- the password again


@pytest.mark.parametrize("act", ["end one", "end others"])
@pytest.mark.proves("V7.5.2")
def test_where_the_password_is_asked_for_again_one_more_form_does_it(site: Site, act: str) -> None:
    path, fields, call = ACTS[act]
    site.auth.answers[call] = ASK_AGAIN
    browser = site.signed_in()
    asked = browser.send(path, **fields)
    assert asked.status == 403
    assert "<title>Enter your password" in asked.text
    assert asked.page.inputs["password"]["autocomplete"] == "current-password"
    assert asked.page.inputs["username"]["value"] == "Alice"
    kept = {
        name: asked.page.inputs[name]["value"]
        for name in ("end", "others")
        if name in asked.page.inputs
    }
    assert kept == fields
    site.auth.answers[call] = None
    answer = browser.send(
        path, password=PASSWORD, **{name: str(value) for name, value in kept.items()}
    )
    assert answer.status == 303
    assert site.auth.asked == [call, "reauthenticate", call]
    assert site.auth.calls[1][2] == PASSWORD


@pytest.mark.parametrize("act", ["end one", "end others"])
@pytest.mark.parametrize(
    ("password", "said"), [("not it", "Incorrect password."), ("", "Enter your password.")]
)
def test_a_wrong_password_there_ends_nothing_and_the_form_comes_again(
    site: Site, act: str, password: str, said: str
) -> None:
    site.auth.answers["reauthenticate"] = INCORRECT
    answer = send(site, act, password=password)
    assert answer.status == 422
    assert answer.words.count(said) == 2, "in the summary and beside the field"
    assert "<title>Error: " in answer.text
    assert answer.page.inputs["password"]["aria-invalid"] == "true"
    assert "value" not in answer.page.inputs["password"]
    for name, value in ACTS[act][1].items():
        assert answer.page.inputs[name]["value"] == value
    assert site.auth.asked == (["reauthenticate"] if password else [])


# --- the password


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
    rule = "At least 20 characters. You can use any characters"
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
    assert (answer.status, answer.location, answer.text) == (303, "/dashboard?done=password", "")
    assert site.auth.calls == [("change_password", before["session"], PASSWORD, NEW_PASSWORD)]
    assert answer.cookies["session"][0] == site.mint.made[-1] != before["session"]
    assert browser.jar["csrf"] != csrf
    assert "session-1" in answer.cookies["ended"][0].split(".")
    assert "all your other devices were signed out" in browser.get(str(answer.location)).words
    assert "all your other devices" not in browser.get("/dashboard").words
    browser.jar["session"] = before["session"]
    assert browser.get("/dashboard").reason == "ended", (
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
    assert answer.words.count(said) == 2, "in the summary and beside the field"
    assert f"#{field}" in answer.page.links
    for name in ("current_password", "new_password"):
        assert (answer.page.inputs[name].get("aria-invalid") == "true") is (name == field)
        assert "value" not in answer.page.inputs[name]
    assert NEW_PASSWORD not in answer.text
    assert "<title>Error: " in answer.text
    assert browser.jar["session"] == before
    site.auth.answers["change_password"] = site.auth._changed
    again = str(answer.page.inputs["csrf_token"]["value"])
    assert browser.send(CHANGE, again, current_password=PASSWORD, new_password="x").status == 303


@pytest.mark.parametrize("lacking", ["current_password", "new_password"])
def test_an_empty_password_is_named_and_auth_service_is_not_asked(site: Site, lacking: str) -> None:
    for given in ({lacking: ""}, {}):
        fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        del fields[lacking]
        answer = site.signed_in().send(CHANGE, **fields, **given)
        assert answer.status == 422
        assert f"#{lacking}" in answer.page.links
    assert not site.auth.calls


def test_the_well_known_address_leads_to_the_page_whoever_asks(site: Site) -> None:
    for browser in (site.browser(), site.signed_in()):
        answer = browser.get("/.well-known/change-password")
        assert (answer.status, answer.location) == (303, CHANGE)


# --- the account


def test_the_page_says_what_deleting_means(site: Site) -> None:
    answer = site.signed_in(preferred_username="<b>Zoe</b>").get(DELETE)
    assert "Your username is <b>Zoe</b>." in answer.words
    assert "deleted at once" in answer.words
    assert "cannot be undone" in answer.words
    assert "<b>Zoe" not in answer.text
    assert answer.page.inputs["password"]["autocomplete"] == "current-password"


@pytest.mark.proves("V14.3.1")
def test_a_deleted_account_leaves_nothing_in_the_browser(site: Site) -> None:
    browser = site.signed_in()
    token = browser.jar["session"]
    answer = browser.send(DELETE, password=PASSWORD)
    assert (answer.status, answer.location) == (303, "/login?done=deleted")
    assert site.auth.calls == [("delete_account", token, PASSWORD)]
    assert answer.cleared("session")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert "session-1" in answer.cookies["ended"][0]
    assert "csrf" in answer.cookies
    assert "Your account was deleted." in browser.get(str(answer.location)).words
    browser.jar["session"] = token
    assert browser.get("/dashboard").status == 303


@pytest.mark.parametrize("password", ["not it", ""])
def test_a_wrong_password_deletes_nothing(site: Site, password: str) -> None:
    site.auth.answers["delete_account"] = INCORRECT
    answer = send(site, "delete", password=password)
    assert answer.status == 422
    assert "#password" in answer.page.links
    assert "session" not in answer.cookies
    assert "Clear-Site-Data" not in answer.headers
    assert site.auth.asked == (["delete_account"] if password else [])

"""Forms are taken from our own pages only, and only in the session that they were made in."""

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, new_name
from running_stack import Stack

FORMS = ("/login", "/register")


def has_not_signed_in(visitor: Visitor) -> bool:
    """Whether a refused form had no effect."""
    return not visitor.token and visitor.get("/dashboard").status_code == 303


@pytest.mark.proves("V3.5.1")
@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", ["", "x", "x" * 60, "\u00e4\u00f6\u00fc", "%00", "A" * 10_000])
def test_a_form_without_a_good_token_is_refused_and_comes_back_filled_in(
    path: str, token: str, visitor: Visitor, username: str
) -> None:
    form = visitor.page(path).form(path)
    name = username if path == "/login" else new_name()
    answer = visitor.submit(form, csrf_token=token, username=name, password=PASSWORD)
    assert answer.status_code == 400
    assert has_not_signed_in(visitor)
    page = Page(answer)
    assert page.title.startswith("Error: ")
    assert "Send it again" in page.text
    again = page.form(path)
    assert again.fields["username"] == name
    assert PASSWORD not in answer.text
    assert visitor.submit(again, username=name, password=PASSWORD).status_code == 303, (
        "the next try works"
    )


def test_a_form_with_no_token_field_is_refused(visitor: Visitor, username: str) -> None:
    form = visitor.page("/login").form("/login")
    del form.fields["csrf_token"]
    assert visitor.submit(form, username=username, password=PASSWORD).status_code == 400


@pytest.mark.proves("V3.5.1")
@pytest.mark.parametrize("path", [*FORMS, "/logout"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": None},
    ],
)
def test_a_form_from_elsewhere_is_refused_even_with_a_good_token(
    path: str, headers: dict[str, str | None], visitor: Visitor, username: str
) -> None:
    if path == "/logout":
        visitor.sign_in(username)
        form = visitor.page("/dashboard").form(path)
        answer = visitor.submit(form, headers)
        assert answer.status_code == 400
        assert visitor.is_signed_in()
    else:
        name = username if path == "/login" else new_name()
        form = visitor.page(path).form(path)
        answer = visitor.submit(form, headers, username=name, password=PASSWORD)
        assert answer.status_code == 400
        assert has_not_signed_in(visitor)
    assert "came from another site" in Page(answer).text


def test_a_form_from_elsewhere_makes_no_open_form_stale(visitor: Visitor, username: str) -> None:
    """Browsers keep the cookie from such a form (Lax), and would take a new one in its place."""
    form = visitor.page("/login").form("/login")
    kept = visitor.cookie("csrf")
    foreign: dict[str, str | None] = {
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "cross-site",
        "Cookie": "",
    }
    answer = visitor.submit(form, foreign, username=username, password=PASSWORD)
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers
    assert visitor.cookie("csrf") == kept
    assert visitor.submit(form, username=username, password=PASSWORD).status_code == 303


def test_browsers_that_say_nothing_of_where_a_form_is_from_are_served(
    visitor: Visitor, username: str
) -> None:
    form = visitor.page("/login").form("/login")
    silent: dict[str, str | None] = {"Origin": None, "Sec-Fetch-Site": None}
    assert visitor.submit(form, silent, username=username, password=PASSWORD).status_code == 303


def test_both_loopback_names_are_our_origin(visitor: Visitor, username: str) -> None:
    form = visitor.page("/login").form("/login")
    other = {"Origin": visitor.base_url.replace("localhost", "127.0.0.1")}
    assert visitor.submit(form, other, username=username, password=PASSWORD).status_code == 303


@pytest.mark.parametrize("path", FORMS)
def test_where_no_cookie_comes_back_the_page_says_that_cookies_are_blocked(
    path: str, visitor: Visitor, username: str
) -> None:
    form = visitor.page(path).form(path)
    visitor.http.cookies.clear()
    answer = visitor.submit(form, username=username, password=PASSWORD)
    assert answer.status_code == 400
    assert "Allow cookies" in Page(answer).text


@pytest.mark.parametrize("silent", [False, True], ids=["modern browser", "silent browser"])
def test_a_cookie_and_token_planted_from_another_port_cannot_sign_anybody_out(
    silent: bool, new_visitor: NewVisitor, username: str
) -> None:
    # All ports of localhost share their cookies, so a neighbour may overwrite ours with its own.
    neighbour, victim = new_visitor(), new_visitor()
    neighbour.register(new_name())
    planted = neighbour.page("/dashboard").form("/logout")
    victim.sign_in(username)
    victim.plant("csrf", neighbour.cookie("csrf"))
    headers: dict[str, str | None] = (
        {"Origin": None, "Sec-Fetch-Site": None}
        if silent
        else {"Origin": "http://localhost:9", "Sec-Fetch-Site": "same-site"}
    )
    assert victim.submit(planted, headers).status_code == 400
    assert victim.is_signed_in()


def test_a_cookie_and_token_planted_before_signing_in_are_refused(
    new_visitor: NewVisitor, username: str
) -> None:
    neighbour, victim = new_visitor(), new_visitor()
    planted = neighbour.page("/login").form("/login")
    victim.plant("csrf", neighbour.cookie("csrf"))
    from_another_port: dict[str, str | None] = {
        "Origin": "http://localhost:9",
        "Sec-Fetch-Site": "same-site",
    }
    answer = victim.submit(planted, from_another_port, username=username, password=PASSWORD)
    assert answer.status_code == 400
    assert has_not_signed_in(victim)


def test_a_token_of_an_anonymous_page_is_useless_in_a_session(
    visitor: Visitor, username: str
) -> None:
    anonymous = visitor.page("/login").form("/login").fields["csrf_token"]
    cookie = visitor.cookie("csrf")
    visitor.sign_in(username)
    form = visitor.page("/dashboard").form("/logout")
    visitor.plant("csrf", cookie)
    answer = visitor.submit(form, csrf_token=anonymous)
    assert answer.status_code == 400
    assert visitor.is_signed_in()


def test_a_token_of_another_session_of_the_same_person_is_useless(
    new_visitor: NewVisitor, username: str
) -> None:
    first, second = new_visitor(), new_visitor()
    first.sign_in(username)
    second.sign_in(username)
    form = first.page("/dashboard").form("/logout")
    second.plant("csrf", first.cookie("csrf"))
    assert second.submit(form).status_code == 400
    assert second.is_signed_in()


def test_a_stale_sign_out_shows_a_button_that_works(visitor: Visitor, username: str) -> None:
    visitor.sign_in(username)
    form = visitor.page("/dashboard").form("/logout")
    answer = visitor.submit(form, csrf_token="stale")
    assert answer.status_code == 400
    assert visitor.is_signed_in()
    assert visitor.submit(Page(answer).form("/logout")).status_code == 303
    assert not visitor.is_signed_in()


def test_a_form_has_no_time_limit_of_its_own_and_may_be_sent_twice(
    visitor: Visitor, username: str
) -> None:
    form = visitor.page("/login").form("/login")
    assert visitor.submit(form, username=username, password="not the password").status_code == 401
    assert visitor.submit(form, username=username, password=PASSWORD).status_code == 303


def test_every_page_masks_its_token_anew(visitor: Visitor) -> None:
    tokens = {visitor.page("/login").form("/login").fields["csrf_token"] for _ in range(5)}
    assert len(tokens) == 5
    assert visitor.cookie("csrf")


def test_pages_and_api_answer_no_name_but_their_own(
    stack: Stack, visitor: Visitor, api: Api
) -> None:
    for host, status in (
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1", 200),
        (f"localhost:{stack.port}", 200),
        ("LOCALHOST", 200),
    ):
        assert visitor.get("/login", headers={"Host": host}).status_code == status, host
        described = api.request("GET", "/openapi.json", headers={"Host": host})
        assert described.status_code == status, host


def test_a_public_url_decides_which_names_and_origins_count(
    named: Stack, new_visitor: NewVisitor
) -> None:
    visitor = new_visitor(named)
    assert visitor.get("/login").status_code == 400, "localhost is no name of it"
    visitor.http.headers["Host"] = "door.example:8123"
    start = visitor.get("/register")
    assert start.status_code == 200
    csrf = start.headers["Set-Cookie"].partition(";")[0]
    form = Page(start).form("/register")
    for origin, status in (
        ("http://door.example", 400),
        (named.settings["DOORWARD_PUBLIC_URL"], 303),
    ):
        headers: dict[str, str | None] = {"Origin": origin, "Cookie": csrf}
        answer = visitor.submit(form, headers, username=new_name(), password=PASSWORD)
        assert answer.status_code == status

"""Forms are taken from our own pages only, and only in the session that they were made in."""

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Page, Visitor, new_name
from running_stack import Stack

FORMS = ("/login", "/register")


def has_not_signed_in(visitor: Visitor) -> bool:
    """Whether a refused form had no effect."""
    return not visitor.token and visitor.get("/dashboard").status_code == 303


@pytest.mark.proves("V3.5.1")
@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", ["", "x" * 60])
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


def test_a_public_url_decides_which_names_and_origins_count(
    named_site: Stack, new_visitor: NewVisitor
) -> None:
    visitor = new_visitor(named_site)
    assert visitor.get("/login").status_code == 400, "localhost is no name of it"
    visitor.http.headers["Host"] = "door.example:8123"
    start = visitor.get("/register")
    assert start.status_code == 200
    csrf = start.headers["Set-Cookie"].partition(";")[0]
    form = Page(start).form("/register")
    for origin, status in (
        ("http://door.example", 400),
        (named_site.settings["DOORWARD_PUBLIC_URL"], 303),
    ):
        headers: dict[str, str | None] = {"Origin": origin, "Cookie": csrf}
        answer = visitor.submit(form, headers, username=new_name(), password=PASSWORD)
        assert answer.status_code == status

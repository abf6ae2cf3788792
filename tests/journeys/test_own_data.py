"""The download of everything kept about somebody, through the whole stack."""

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, claims, new_name

DATA = "/account/data"


def test_people_download_what_is_kept_about_them_and_nothing_more(new_visitor: NewVisitor) -> None:
    name, here, stranger = new_name(), new_visitor(), new_visitor()
    here.register(name)
    stranger.register(new_name())
    with Api(here.base_url) as api:
        token = api.token(name)
        assert api.request("GET", "/users/me/data", token=token).status_code == 200
    answer = here.get(DATA)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="doorward-{name}.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    data = answer.json()
    assert data["account"]["username"] == name
    assert {session["id"] for session in data["sessions"]} == {
        claims(here.token)["sid"],
        claims(token)["sid"],
    }
    assert len(data["devices"]) == 2
    for secret in (
        PASSWORD,
        here.token,
        token,
        here.cookie("device"),
        claims(stranger.token)["sub"],
    ):
        assert secret not in answer.text


def test_the_download_leads_who_is_signed_out_to_signing_in(new_visitor: NewVisitor) -> None:
    answer = new_visitor().get(DATA)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")
    assert "Content-Disposition" not in answer.headers

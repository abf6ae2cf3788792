"""What a client says about itself through nginx is overwritten, never believed."""

import pytest

from journeys.visitor import PASSWORD, Api, Visitor, new_name
from running_stack import Stack

FORGED = "203.0.113.77"
FORGERIES = (
    {"X-Forwarded-For": f"{FORGED}, 198.51.100.1", "X-Real-IP": FORGED},
    {"Forwarded": f"for={FORGED}", "X-Client-IP": FORGED, "True-Client-IP": FORGED},
    {"X-Forwarded-For": FORGED, "X-Edge-Credential": "x" * 43, "X-Service-Credential": "x" * 43},
    {"X-Forwarded-For": FORGED, "X-Edge-Credential": "", "X-Forwarded-Prefix": "/evil"},
)


def own_address(api: Api, username: str) -> str:
    """Return the address that the stack sees this machine at."""
    address = api.current(api.token(username)).json()["session"]["client_address"]
    assert isinstance(address, str)
    assert address
    return address


@pytest.mark.proves("V4.1.3", "V15.3.4")
def test_a_program_cannot_choose_its_address(api: Api, username: str) -> None:
    expected = own_address(api, username)
    body = {"username": username, "password": PASSWORD}
    for headers in FORGERIES:
        token = api.request("POST", "/sessions", json=body, headers=headers).json()["token"]
        session = api.current(token).json()["session"]
        assert session["client_address"] == expected, headers


@pytest.mark.proves("V4.1.3", "V15.3.4")
@pytest.mark.parametrize("headers", FORGERIES)
def test_a_person_cannot_choose_their_address(
    headers: dict[str, str], visitor: Visitor, api: Api, username: str
) -> None:
    expected = own_address(api, username)
    visitor.http.headers.update(headers)
    assert visitor.sign_in(username).status_code == 303
    session = api.current(visitor.token).json()["session"]
    assert session["client_address"] == expected
    assert session["user_agent"] == "journey"


def test_a_person_and_a_program_are_seen_at_the_same_address(
    visitor: Visitor, api: Api, username: str
) -> None:
    visitor.sign_in(username)
    assert api.current(visitor.token).json()["session"]["client_address"] == own_address(
        api, username
    )


@pytest.mark.proves("V4.1.3", "V16.4.1")
def test_nobody_chooses_a_request_id(visitor: Visitor, api: Api) -> None:
    for forged in ("0" * 32, "forged-request-id-1", "x" * 5000, "'\"><script>", "äö"):
        headers = {"X-Request-ID": forged.encode()}
        page = visitor.get("/nothing", headers=headers)
        problem = api.request("GET", "/nothing", headers=headers)
        for answer in (page, problem):
            assert answer.status_code == 404
            assert answer.headers["X-Request-ID"] != forged
            assert forged not in answer.text
        assert problem.json()["request_id"] == problem.headers["X-Request-ID"]


@pytest.mark.proves("V4.1.3")
def test_the_forwarded_scheme_and_host_change_nothing(visitor: Visitor) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "444",
        "X-Original-URL": "/dashboard",
        "X-Rewrite-URL": "/dashboard",
        "X-HTTP-Method-Override": "POST",
    }
    answer = visitor.get("/dashboard", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/dashboard")
    page = visitor.get("/login", headers=headers)
    assert "evil.example" not in page.text
    assert page.headers["Set-Cookie"].startswith(f"{visitor.cookie_name('csrf')}=")


def test_the_credentials_never_come_back(stack: Stack, visitor: Visitor, api: Api) -> None:
    visitor.register(new_name())
    answers = [visitor.get(path) for path in ("/dashboard", "/login", "/nothing", "/healthz")]
    answers.append(api.request("GET", "/nothing"))
    for answer in answers:
        everything = f"{answer.headers}{answer.text}".lower()
        assert "credential" not in everything

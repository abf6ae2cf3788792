"""What a client says about itself through nginx is overwritten, never believed."""

import pytest

from journeys.visitor import Api, Visitor

FORGED = "203.0.113.77"
FORGERIES = (
    {"X-Forwarded-For": f"{FORGED}, 198.51.100.1", "X-Real-IP": FORGED},
    {"Forwarded": f"for={FORGED}", "X-Client-IP": FORGED, "True-Client-IP": FORGED},
    {"X-Forwarded-For": FORGED, "X-Edge-Credential": "x" * 43, "X-Service-Credential": "x" * 43},
    {"X-Forwarded-For": FORGED, "X-Edge-Credential": "", "X-Forwarded-Prefix": "/evil"},
)


@pytest.mark.proves("V4.1.3", "V15.3.4")
def test_a_person_cannot_choose_their_address(visitor: Visitor, api: Api, username: str) -> None:
    expected = api.current(api.token(username)).json()["session"]["client_address"]
    assert expected
    for headers in FORGERIES:
        visitor.http.headers.update(headers)
        assert visitor.sign_in(username).status_code == 303
        session = api.current(visitor.token).json()["session"]
        assert session["client_address"] == expected, headers
        assert session["user_agent"] == "journey"
        assert visitor.sign_out().status_code == 303


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

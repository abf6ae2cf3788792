"""Whoever reaches a service's own port, past nginx, cannot say who they are."""

from typing import cast

import pytest

from journeys.visitor import PASSWORD, Api, Visitor, new_name
from running_stack import LocalStack, Stack, eventually

FORGED = "203.0.113.77"
REQUEST_ID = "chosen-by-the-client-1234"
LOOKS_RIGHT = "sAme-f0rm_bUt-n0t_The-cReDenTial-oF-7his-1ne"


@pytest.fixture(scope="module")
def open_stack(stack: Stack) -> LocalStack:
    """The shared stack, whose ports these tests use."""
    return cast("LocalStack", stack)


def credential(stack: LocalStack, name: str) -> str:
    """Return a credential that the services share."""
    return (stack.data / "secrets" / name / "credential").read_text().strip()


def forged(**more: str) -> dict[str, str]:
    """Return what nginx would send, about somebody else."""
    return {"X-Forwarded-For": FORGED, "X-Real-IP": FORGED, "X-Request-ID": REQUEST_ID} | more


@pytest.fixture
def direct_api(open_stack: LocalStack) -> Api:
    """A program at auth-service's own port."""
    return Api(f"http://localhost:{open_stack.ports['auth-service']}")


@pytest.fixture
def direct_visitor(open_stack: LocalStack) -> Visitor:
    """A person at web-frontend's own port."""
    visitor = Visitor(f"http://localhost:{open_stack.ports['web-frontend']}")
    # Where the form was made is told by the browser, and is nginx's address.
    visitor.http.headers["Origin"] = open_stack.base_url
    return visitor


def address(api: Api, headers: dict[str, str]) -> str:
    """Return the address that a session made with these headers is noted under."""
    made = api.request(
        "POST",
        "/users",
        json={"username": new_name(), "password": PASSWORD, "sign_in": True},
        headers=headers,
    )
    assert made.status_code == 201
    noted = api.current(made.json()["session"]["token"]).json()["session"]["client_address"]
    assert isinstance(noted, str)
    return noted


@pytest.mark.fault(23)
@pytest.mark.proves("V13.2.1", "V4.1.3")
@pytest.mark.parametrize("name", ["X-Edge-Credential", "X-Service-Credential"])
@pytest.mark.parametrize("value", [LOOKS_RIGHT, "other"])
def test_auth_service_answers_nobody_with_a_wrong_credential(
    name: str, value: str, direct_api: Api, open_stack: LocalStack
) -> None:
    if value == "other":
        # A good credential, under a name that it is not for.
        value = credential(open_stack, "service" if name == "X-Edge-Credential" else "edge")
    headers = forged(**{name: value.encode()})  # type: ignore[arg-type]
    body = {"username": new_name(), "password": PASSWORD}
    answer = direct_api.request("POST", "/users", json=body, headers=headers)
    assert answer.status_code == 502
    problem = answer.json()
    assert problem["type"] == "urn:doorward:problem:bad-gateway-credential"
    assert problem["request_id"] != REQUEST_ID

    def logged() -> list[str]:
        return [line for line in open_stack.logs().splitlines() if problem["request_id"] in line]

    eventually(logged, "nothing was logged")
    [line] = logged()
    assert '"WARNING"' in line
    assert value not in open_stack.logs()
    assert direct_api.sign_in(body["username"]).status_code == 401, "no account was made"


@pytest.mark.proves("V13.2.1", "V15.3.4")
def test_auth_service_believes_nobody_without_a_credential(
    direct_api: Api, open_stack: LocalStack
) -> None:
    nobody = {"X-Edge-Credential": "", "X-Service-Credential": ""}
    for headers in (forged(), forged(**nobody)):
        assert address(direct_api, headers) == "127.0.0.1"
        problem = direct_api.request("GET", "/nothing", headers=headers).json()
        assert problem["request_id"] != REQUEST_ID
    for name in ("edge", "service"):
        shown = {f"X-{name.title()}-Credential": credential(open_stack, name)}
        assert address(direct_api, forged(**shown)) == FORGED
        problem = direct_api.request("GET", "/nothing", headers=forged(**shown)).json()
        assert problem["request_id"] == REQUEST_ID


@pytest.mark.fault(23)
@pytest.mark.proves("V13.2.1", "V4.1.3")
def test_web_frontend_answers_nobody_with_a_wrong_credential(
    direct_visitor: Visitor, open_stack: LocalStack
) -> None:
    for value in (LOOKS_RIGHT, credential(open_stack, "service")):
        answer = direct_visitor.get("/login", headers=forged(**{"X-Edge-Credential": value}))
        assert answer.status_code == 502
        assert "tell the operator of this site" in answer.text
        assert REQUEST_ID not in answer.text
        assert value not in open_stack.logs()


def test_web_frontend_believes_nobody_but_nginx(
    direct_visitor: Visitor, direct_api: Api, open_stack: LocalStack
) -> None:
    for edge, seen in (("", "127.0.0.1"), (credential(open_stack, "edge"), FORGED)):
        direct_visitor.http.headers.update(forged(**{"X-Edge-Credential": edge}))
        form = direct_visitor.page("/register").form("/register")
        origin: dict[str, str | None] = {"Origin": open_stack.base_url}
        made = direct_visitor.submit(form, origin, username=new_name(), password=PASSWORD)
        assert made.status_code == 303
        session = direct_api.current(direct_visitor.token).json()["session"]
        assert session["client_address"] == seen
        assert (REQUEST_ID in direct_visitor.get("/nothing").text) is (seen == FORGED)
        direct_visitor.http.cookies.clear()


def test_no_header_is_refused_before_the_services_see_the_request(
    direct_visitor: Visitor, direct_api: Api
) -> None:
    for headers in (
        {"X-Forwarded-Proto": "http", "X-Forwarded-SSL": "on"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Protocol": "http"},
        {"SCRIPT_NAME": "/elsewhere"},
        {"Cookie": "a" * 34_000},
    ):
        assert direct_visitor.get("/login", headers=headers).status_code == 200
        assert direct_api.request("GET", "/sessions/current", headers=headers).status_code == 401


def test_the_services_listen_on_this_machine_only(open_stack: LocalStack) -> None:
    for port in open_stack.ports.values():
        listening = [
            line.split()[1]
            for table in ("tcp", "tcp6")
            for line in open_file(f"/proc/net/{table}")
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        ]
        assert set(listening) == {f"0100007F:{port:04X}"}


def open_file(path: str) -> list[str]:
    """Return the lines of a table of the kernel's, without its head."""
    with open(path, encoding="ascii") as table:  # noqa: PTH123 - no file, a table
        return table.read().splitlines()[1:]


def test_checks_for_containers_are_there_and_nowhere_else(
    direct_visitor: Visitor, direct_api: Api
) -> None:
    assert direct_visitor.get("/livez").json() == {"status": "ok"}
    base = direct_api.base_url
    for path in ("/livez", "/readyz"):
        answer = direct_api.http.get(base + path, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

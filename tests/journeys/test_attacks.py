"""What is on every attacker's list: forged tokens, redirects, foreign forms, smuggled requests.

These are a few of each kind; the unit tests of tokens, forms and addresses try many more.
"""

import base64
import json
import re
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from doorward_settings.web_frontend import Settings
from journeys.attack_lists import EVIL, REDIRECTS, SHAPES
from journeys.conftest import NewVisitor
from journeys.forgeries import Forger, part
from journeys.visitor import (
    PASSWORD,
    Api,
    Page,
    RawAnswer,
    Visitor,
    claims,
    connected,
    new_name,
    raw_request,
    send_raw,
)
from running_stack import Stack
from session_contract.keyset import Key, KeySet
from web_frontend import hooks
from web_frontend.app import create_app

OWN_PAGES = re.compile(r"/[a-z]*(/[a-z]+)?(\?next=/[a-z]+(/[a-z]+)?)?")


def routes(method: str) -> list[str]:
    """Return the pages that take a method, from the frontend's URL map, which has new ones too."""
    with TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        keys.write_text(KeySet((Key("any", secrets.token_bytes(32)),)).to_json())
        # Built and never run: only its map is looked at.
        app = create_app(
            Settings(key_set_file=keys, edge_credential="e", service_credential="s", csrf_key="c")
        )
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if method in (rule.methods or ())
        and not rule.arguments
        and rule.endpoint not in hooks.PUBLIC
    )


FORMS, PAGES = routes("POST"), routes("GET")
OPEN_PAGES = {"/", "/login", "/register", "/.well-known/change-password"}
CLOSED_PAGES = sorted(set(PAGES) - OPEN_PAGES)
FIELDS: dict[str, dict[str, str]] = {
    "/login": {"password": PASSWORD, "next": ""},
    "/register": {"password": PASSWORD},
    "/account/sessions": {"others": "true", "password": PASSWORD},
    "/account/password": {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"},
    "/account/delete": {"password": PASSWORD},
    "/account/username": {"password": PASSWORD},
}
"""What makes each form count, besides its token."""


# --- forged tokens


@pytest.fixture(scope="module")
def key(stack: Stack) -> tuple[str, bytes]:
    """The stack's own signing key, with its name: what a forger would give everything for."""
    script = "import os; print(open(os.environ['DOORWARD_KEY_SET_FILE']).read())"
    member = json.loads(stack.exec("auth-service", "python", "-c", script).stdout)["keys"][0]
    return member["kid"], base64.urlsafe_b64decode(member["k"] + "=")


@pytest.mark.proves(
    "V6.8.2", "V7.2.1", "V8.3.1", "V9.1.1", "V9.1.2", "V9.1.3", "V9.2.1", "V9.2.2", "V9.2.3",
    "RFC8725-3.1", "RFC8725-3.3", "RFC8725-3.8", "RFC8725-3.9",
    "RFC8725-3.10", "RFC8725-3.11", "RFC8725-3.12",
)  # fmt: skip
def test_no_forged_token_opens_anything_though_our_own_key_signed_it(
    api: Api, visitor: Visitor, username: str, key: tuple[str, bytes]
) -> None:
    forger = Forger(api.token(username), *key)
    good = forger.good()
    assert api.current(good).status_code == 200, "the others are refused for their fault alone"
    cookie = visitor.cookie_name("session")
    opened = []
    for name, token in forger.forgeries():
        if api.current(token).status_code != 401 or api.renew(token).status_code != 401:
            opened.append(f"API: {name}")
        if visitor.get("/dashboard", headers={"Cookie": f"{cookie}={token}"}).status_code != 303:
            opened.append(f"page: {name}")
    assert opened == []
    assert api.current(good).status_code == 200, "the session goes on"


@pytest.mark.parametrize("length", [2_049, 7_000, 1_000_000])
def test_a_token_of_any_length_is_refused_and_the_stack_goes_on(
    length: int, stack: Stack, visitor: Visitor
) -> None:
    token = f"{part(b'x' * length)[:length]}.{part(b'{}')}.{'A' * 43}"
    for target, header in (
        ("/dashboard", f"Cookie: {visitor.cookie_name('session')}={token}"),
        ("/api/v1/sessions/current", f"Authorization: Bearer {token}"),
    ):
        request = raw_request(f"GET {target} HTTP/1.1", "Host: localhost", header)
        try:
            answer = send_raw(stack.base_url, request)
        except ConnectionError:
            continue  # nginx hung up before all of it had been sent
        assert answer is None or answer.status in (303, 400, 401, 431), answer.status
    assert visitor.get("/healthz").status_code == 200


# --- open redirects


@pytest.mark.proves("V1.1.1", "V1.2.2", "V3.7.2", "V2.2.1")
def test_no_form_of_next_leads_anywhere_but_home(visitor: Visitor, username: str) -> None:
    wrong = []
    for target in REDIRECTS:
        page = Page(visitor.get("/login", params={"next": target}))
        form = page.form("/login")
        if form.fields["next"] or any(EVIL in link for link in page.links):
            wrong.append(("form", target))
        refused = visitor.submit(form, username=username, password="not the password", next=target)
        if Page(refused).form("/login").fields["next"]:
            wrong.append(("form shown again", target))
        answer = visitor.submit(form, username=username, password=PASSWORD, next=target)
        if (answer.status_code, answer.headers.get("Location")) != (303, "/dashboard"):
            wrong.append(("signed in", target))
        again = visitor.get("/login", params={"next": target})
        if (again.status_code, again.headers.get("Location")) != (303, "/dashboard"):
            wrong.append(("signed in already", target))
        visitor.http.cookies.clear()
    assert wrong == []


# --- pages and forms, whatever they are


@pytest.mark.proves("V8.2.1", "V8.3.1", "V2.3.1")
@pytest.mark.parametrize("path", CLOSED_PAGES)
def test_no_page_of_a_person_opens_without_a_session(path: str, stack: Stack) -> None:
    targets = [
        path,
        f"/{path}",
        f"{path}/",
        f"{path}?x=1",
        f"{path};",
        f"{path}%00",
        f"/..%2f{path}",
        f"/x/..{path}",
        f"/static/..{path}",
        f"/api/..{path}",
    ]
    for target in targets:
        request = raw_request(f"GET {target} HTTP/1.1", "Host: localhost")
        answer = send_raw(stack.base_url, request)
        assert answer is None or answer.status in (303, 400, 404, 405), target
        if answer is not None and answer.status == 303:
            location = answer.headers["Location"]
            assert OWN_PAGES.fullmatch(location), target
            assert location.startswith(("/login", "/account/password")), target


@pytest.mark.proves("V3.5.1")
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "signed out"])
@pytest.mark.parametrize("path", FORMS)
def test_no_form_counts_that_is_not_from_a_page_of_ours(
    path: str, signed_in: bool, new_visitor: NewVisitor, stack_with: Callable[..., Stack]
) -> None:
    visitor = new_visitor(stack_with(DOORWARD_RENAME="on"))
    name = new_name()
    visitor.register(name)
    if not signed_in:
        visitor.sign_out()
    good = visitor.page("/dashboard" if signed_in else "/login").forms[0].fields["csrf_token"]
    ours, foreign = {"Origin": visitor.base_url}, {"Origin": "https://evil.example"}
    fields = FIELDS.get(path, {}) | {"username": new_name()}
    for headers, token in (
        (ours, None), (ours, ""), (ours, "x"), (ours, good[:-2]), (ours, good[::-1]),
        (foreign, good), ({"Origin": "null"}, good), ({"Sec-Fetch-Site": "cross-site"}, good),
        ({"Sec-Fetch-Site": "same-site"}, good),
    ):  # fmt: skip
        before = visitor.token
        sent = fields if token is None else fields | {"csrf_token": token}
        answer = visitor.request("POST", path, data=sent, headers=headers)
        is_led_on = answer.status_code == 303 and answer.headers["Location"].startswith("/login")
        assert answer.status_code == 400 or (is_led_on and not signed_in), (headers, token)
        assert visitor.token == before
    as_json = visitor.request("POST", path, json=fields | {"csrf_token": good}, headers=ours)
    assert as_json.status_code == 400 or (as_json.status_code == 303 and not signed_in)
    assert visitor.is_signed_in() is signed_in
    with Api(visitor.base_url) as api:
        assert api.sign_in(name).status_code == 201, "account and password are as they were"
    # The same form with a good token from the right place is not refused: it was for nothing else.
    counted = visitor.request("POST", path, data=fields | {"csrf_token": good}, headers=ours)
    assert counted.status_code in (303, 401, 409), "a new form: say in FIELDS what it sends"


# --- fixed sessions


@pytest.mark.proves("V7.2.4", "NIST-5.1")
def test_a_session_planted_before_signing_in_is_left_and_ended(
    new_visitor: NewVisitor, api: Api, username: str
) -> None:
    thief, victim = new_visitor(), new_visitor()
    thief.register(new_name())
    planted = thief.token
    # The thief plants a pair of cookies, and even the form that goes with them.
    victim.http.cookies.update(thief.http.cookies)
    form = thief.page("/dashboard").form("/logout")
    form.action = "/login"
    answer = victim.submit(form, username=username, password=PASSWORD)
    assert answer.status_code == 303
    assert claims(victim.token)["sid"] != claims(planted)["sid"]
    assert api.current(victim.token).json()["user"]["username"] == username
    assert api.current(planted).status_code == 401


@pytest.mark.proves("V7.2.2", "NIST-5.1", "V11.5.1")
def test_every_sign_in_has_a_session_and_a_token_of_its_own(api: Api, username: str) -> None:
    made = [claims(api.token(username)) for _ in range(5)]
    for name in ("sid", "jti"):
        ids = {token[name] for token in made}
        assert len(ids) == 5
    assert all(len(token["sid"]) >= 22 for token in made), "128 bits in base64url"


# --- request smuggling


def everything(base_url: str, request: bytes) -> bytes:
    """Send bytes, and return all that comes back until the connection ends."""
    with connected(base_url) as connection:
        connection.sendall(request)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionError, ssl.SSLError):
            pass
    return received


def registration(name: str) -> str:
    """Return the request that is to be smuggled in: it makes an account."""
    account = json.dumps({"username": name, "password": PASSWORD})
    return (
        "POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(account)}\r\nConnection: close\r\n\r\n{account}"
    )


@pytest.mark.proves("V4.2.1")
@pytest.mark.parametrize("path", ["/api/v1/sessions", "/login"])
def test_a_request_inside_of_another_is_never_carried_out(
    path: str, stack: Stack, api: Api, visitor: Visitor
) -> None:
    alone = new_name()
    assert b" 201 " in everything(stack.base_url, registration(alone).encode())
    assert api.sign_in(alone).status_code == 201, "it does work where it is not hidden"
    for shape, headers, rest in SHAPES:
        name = new_name()
        received = everything(stack.base_url, hiding(path, headers, rest, registration(name)))
        answers = re.findall(rb"^HTTP/1\.[01] (\d{3})", received, re.M)
        assert len([status for status in answers if status != b"100"]) <= 1, (shape, received)
        assert all(status[:1] in (b"1", b"4", b"5") for status in answers), (shape, received)
        assert api.sign_in(name).status_code == 401, f"{shape}: the inner request made no account"
    assert visitor.get("/healthz").status_code == 200


def hiding(path: str, headers: list[str], rest: str, inner: str) -> bytes:
    """Return a request of one of the shapes with another one inside."""
    body = rest.format(inner=inner, hex=f"{len(inner):x}")
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        *(line.format(length=len(body)) for line in headers),
    ]
    if not any(line.startswith("Connection") for line in headers):
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


# --- who the client is

FORGED = "203.0.113.77"
CLOSE = "Connection: close"
FORGED_LINES = (
    [f"X-Forwarded-For: {FORGED}", "X-Forwarded-For: 198.51.100.2", CLOSE],
    [f"x-forwarded-for: {FORGED}", f"X-FORWARDED-FOR: {FORGED}", CLOSE],
    [f"X_Forwarded_For: {FORGED}", f"X-Forwarded_For: {FORGED}", f"X_Real_IP: {FORGED}", CLOSE],
    [f"X-Forwarded-For: {FORGED}", "Connection: X-Forwarded-For, X-Edge-Credential, close"],
    ["Connection: X-Edge-Credential, X-Service-Credential, close", f"Forwarded: for={FORGED}"],
    [f"X-Forwarded-For: {FORGED}", "X-Edge-Credential: A", "X-Edge-Credential: B", CLOSE],
    [f"X-Forwarded-For: {FORGED}", "X_Edge_Credential: x", "X-Service_Credential: x", CLOSE],
    [f'X-Forwarded-For: "{FORGED}"', CLOSE],
    [f"X-Original-Forwarded-For: {FORGED}", f"X-Cluster-Client-IP: {FORGED}", CLOSE],
    [f"X-Request-ID: {'0' * 32}", f"X-Request-ID: {'1' * 32}", f"X_Request_ID: {'2' * 32}", CLOSE],
)


@pytest.mark.proves("V4.1.3", "V15.3.4")
def test_no_spelling_of_a_header_chooses_the_clients_address(
    stack: Stack, api: Api, username: str
) -> None:
    own = api.current(api.token(username)).json()["session"]["client_address"]
    assert own != FORGED
    body = json.dumps({"username": username, "password": PASSWORD})
    for lines in FORGED_LINES:
        head = [
            "POST /api/v1/sessions HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *lines,
        ]
        answer = send_raw(stack.base_url, ("\r\n".join(head) + f"\r\n\r\n{body}").encode())
        assert isinstance(answer, RawAnswer)
        if answer.status == 400:
            continue
        assert answer.status == 201, answer.body
        assert answer.headers["X-Request-ID"] not in ("0" * 32, "1" * 32, "2" * 32)
        token = json.loads(answer.body)["token"]
        assert api.current(token).json()["session"]["client_address"] == own, lines


# --- what an answer is


@pytest.mark.proves("V4.1.1")
def test_every_body_says_what_it_is_and_in_which_characters(visitor: Visitor, api: Api) -> None:
    visitor.register(new_name())
    page = visitor.get("/dashboard")
    static = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    pages = set(CLOSED_PAGES) - {"/account/data"}
    paths = ["/", "/login", "/register", *pages, "/nothing", "/livez", "/logout", *static]
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in paths:
        answer = visitor.get(path)
        if not answer.content:
            continue
        kind, _, charset = answer.headers["Content-Type"].partition("; charset=")
        assert kind == kinds.get(path.rpartition(".")[2], "text/html"), path
        assert charset.lower() == "utf-8", path
        answer.content.decode("utf-8")
    for method, path in (
        ("GET", "/openapi.json"),
        ("GET", "/sessions/current"),
        ("GET", "/nothing"),
    ):
        answer = api.request(method, path)
        expected = "application/json" if answer.ok else "application/problem+json"
        assert answer.headers["Content-Type"] == expected, (
            "JSON is UTF-8 by its definition (RFC 8259)"
        )
        json.loads(answer.content.decode("utf-8"))
    assert visitor.get("/account/data").headers["Content-Type"] == "application/json"


@pytest.mark.proves("V6.3.2")
def test_no_account_is_there_that_nobody_made(stack: Stack, api: Api) -> None:
    users = stack.exec("auth-service", "flask", "--app", "auth_service", "users", "list").stdout
    names = {line.split()[0].lower() for line in users.splitlines()[1:]}
    for name in ("root", "admin", "sa", "administrator", "doorward", "test", "guest", "operator"):
        assert name not in names
        assert api.sign_in(name, name).status_code == 401

"""Whatever is sent, the answer is a 4xx with its reason: never a 500, never a traceback."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from journeys.naughty import NAUGHTY
from journeys.visitor import PASSWORD, Api, Page, Visitor, new_name, patiently, send_raw
from running_stack import Stack, tracebacks

JSON = {"Content-Type": "application/json"}
CREDENTIAL_CALLS = ("/users", "/sessions")
assert len(set(NAUGHTY)) >= 100


@pytest.fixture(scope="module", autouse=True)
def no_traceback(stack: Stack) -> Iterator[None]:
    """Nothing in this file may leave a traceback or an unexpected error in any log."""
    yield
    if stack.mode != "given":
        log = stack.logs()
        assert tracebacks(log) == []
        assert "unexpected error" not in log


def padded(text: str) -> str:
    """Return a text that is long enough to be a password."""
    return text if len(text) >= 15 else f"{text} and twelve more {text}"


@pytest.mark.proves("V1.2.1", "V1.3.7", "V2.2.1")
def test_every_naughty_user_name_is_refused_or_taken_as_it_is(api: Api, visitor: Visitor) -> None:
    for text in NAUGHTY:
        by_api = api.register(text)
        assert by_api.status_code in (201, 409, 422), repr(text)
        # Several of them are one name, at which too many guesses are made in the end.
        assert api.sign_in(text).status_code in (201, 401, 429), repr(text)
        by_form = visitor.register(text)
        if by_form.status_code == 303:
            assert visitor.sign_out().status_code == 303
        else:
            assert by_form.status_code in (409, 422), repr(text)
            check_that_nothing_is_run(by_form.text)
        refused = visitor.sign_in(text, "not the password")
        assert refused.status_code in (401, 429), repr(text)
        check_that_nothing_is_run(refused.text)


def check_that_nothing_is_run(page: str) -> None:
    """See that text which came from outside is text in the page as well."""
    for markup in (
        "<script>alert",
        "<script>x",
        "<img src=x",
        "<svg/onload",
        "<!--#exec",
        "<b>",
        "8641969",
        "<?xml",
    ):
        assert markup not in page


@pytest.mark.proves("NIST-3.1.1.2-composition", "V6.2.5", "V6.2.8")
def test_every_naughty_password_works_or_is_refused_by_a_rule(stack: Stack) -> None:
    def check(text: str) -> str | None:
        name = new_name()
        with Api(stack.base_url) as api:
            made = patiently(lambda: api.register(name, padded(text)))
            if made.status_code == 422:
                return None if "password" in made.json()["errors"] else f"{text!r}: {made.text}"
            if made.status_code != 201:
                return f"{text!r}: registering gave {made.status_code}"
            signed_in = patiently(lambda: api.sign_in(name, padded(text))).status_code
            other = patiently(lambda: api.sign_in(name, padded(text) + "x")).status_code
            return None if (signed_in, other) == (201, 401) else f"{text!r}: {signed_in}, {other}"

    with ThreadPoolExecutor(8) as pool:
        assert [problem for problem in pool.map(check, NAUGHTY) if problem] == []


def test_a_password_from_a_form_and_from_a_program_are_the_same(stack: Stack) -> None:
    def check(text: str) -> str | None:
        name = new_name()
        # A form's text is sent with CRLF line ends, as browsers do; those are refused anyway.
        with Visitor(stack.base_url) as visitor, Api(stack.base_url) as api:
            by_form = patiently(lambda: visitor.register(name, padded(text))).status_code
            if by_form == 422:
                refused = api.register(name, padded(text)).status_code
                return None if refused == 422 else f"{text!r}: form 422, program {refused}"
            by_api = patiently(lambda: api.sign_in(name, padded(text))).status_code
            return None if (by_form, by_api) == (303, 201) else f"{text!r}: {by_form}, {by_api}"

    with ThreadPoolExecutor(8) as pool:
        assert [problem for problem in pool.map(check, NAUGHTY) if problem] == []


@pytest.mark.parametrize(
    ("password", "sign_in_status"),
    [
        ("", 401),
        ("x" * 1024, 401),
        ("x" * 4096, 401),
        ("\U0001f9a6" * 256, 401),
        ("\U0001f9a6" * 1000, 401),
        ("nul\0holding and long enough", 401),
        ("\0", 401),
        ("lone surrogate \ud800 and more", 401),
        ("x" * 100 * 1024, 413),
    ],
    ids=lambda value: f"{len(value)} characters" if isinstance(value, str) else None,
)
def test_any_string_is_a_candidate_at_sign_in(
    password: str, sign_in_status: int, api: Api, username: str
) -> None:
    answer = api.sign_in(username, password)
    assert answer.status_code == sign_in_status
    assert api.register(new_name(), password).status_code in (201, 413, 422)
    assert api.sign_in(username).status_code == 201


def test_a_hundred_kilobytes_in_a_form_get_a_page(visitor: Visitor) -> None:
    for path in ("/login", "/register"):
        form = visitor.page(path).form(path)
        answer = visitor.submit(form, username=new_name(), password="x" * 100 * 1024)
        assert answer.status_code == 413
        assert Page(answer).title.startswith("Error: ")


@pytest.mark.proves("V2.3.2")
def test_bodies_up_to_the_limit_are_read_and_one_byte_more_is_not(api: Api) -> None:
    frame = len('{"username":"u","password":""}')
    for size, status in ((16 * 1024, 401), (16 * 1024 + 1, 413)):
        body = f'{{"username":"u","password":"{"x" * (size - frame)}"}}'
        assert len(body) == size
        assert api.request("POST", "/sessions", data=body, headers=JSON).status_code == status


def test_a_chunked_body_has_the_same_limit(api: Api) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    answer = api.request("POST", "/sessions", data=pieces(), headers=JSON)
    assert answer.status_code == 413


@pytest.mark.proves("V1.5.2", "V2.2.1", "V2.2.2")
@pytest.mark.parametrize("path", CREDENTIAL_CALLS)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b" ", 400),
        (b"{", 400),
        (b"nope", 400),
        (b"\xff\xfe", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"{}{}", 400),
        (b"{'username': 'x'}", 400),
        (b'{"username": NaN, "password": "x"}', 400),
        (b'{"username": Infinity, "password": "x"}', 400),
        (b'{"username": "a", "username": "b", "password": "x"}', 400),
        (b'{"username": "a", "password": "x", "password": "y"}', 400),
        (b'{"username": "a", "password": "x",}', 400),
        (b'{"username": "a\n", "password": "x"}', 400),
        (b'{"username": "\\ud800", "password": "x"}', None),
        (b'{"username": 1e999, "password": "x"}', 422),
        (b'{"username": ' + b"9" * 5000 + b', "password": "x"}', None),
        (b"[" * 7000 + b"]" * 7000, None),
        (b"null", 422),
        (b"true", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"12", 422),
        (b"{}", 422),
        (b'{"username": "abc"}', 422),
        (b'{"password": "abc"}', 422),
        (b'{"Username": "abc", "Password": "abc"}', 422),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_what_is_not_the_right_json_says_so(
    path: str, body: bytes, status: int | None, api: Api
) -> None:
    answer = api.request("POST", path, data=body, headers=JSON)
    allowed = {400, 401, 422} if status is None else {status}
    assert answer.status_code in allowed, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.proves("V2.2.1", "V15.3.5")
@pytest.mark.parametrize("path", CREDENTIAL_CALLS)
@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, -1, 10**30, [], ["a"], {}, {"a": "b"}, [[[]]]], ids=repr
)
@pytest.mark.parametrize("field", ["username", "password"])
def test_a_value_of_another_type_is_named(path: str, value: object, field: str, api: Api) -> None:
    body: dict[str, object] = {"username": new_name(), "password": PASSWORD}
    answer = api.request("POST", path, json=body | {field: value})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.proves("V15.3.3")
@pytest.mark.parametrize("path", CREDENTIAL_CALLS)
def test_an_unknown_field_is_named(path: str, api: Api) -> None:
    for name in ("admin", "__proto__", "", "\0", "next", "id"):
        body = {"username": new_name(), "password": PASSWORD, name: "x"}
        answer = api.request("POST", path, json=body)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"username":['])
def test_json_nested_a_hundred_thousand_deep_is_refused(
    opening: bytes, api: Api, stack: Stack
) -> None:
    deep = opening * 100_000
    for path in CREDENTIAL_CALLS:
        assert api.request("POST", path, data=deep, headers=JSON).status_code == 413
        # As deep as the size allows:
        shallow = opening * (16_000 // len(opening))
        assert api.request("POST", path, data=shallow, headers=JSON).status_code == 400
        closed = b"[" * 8_000 + b"]" * 8_000
        assert api.request("POST", path, data=closed, headers=JSON).status_code in (400, 422)


@pytest.mark.proves("V3.5.2")
@pytest.mark.parametrize("path", CREDENTIAL_CALLS)
@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "json",
        "application/json/x",
        ";",
        "x" * 500,
    ],
)
def test_another_content_type_is_refused(path: str, kind: str, api: Api) -> None:
    body = json.dumps({"username": new_name(), "password": PASSWORD})
    answer = api.request("POST", path, data=body, headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_json_with_a_charset_is_json(api: Api) -> None:
    body = json.dumps({"username": new_name(), "password": PASSWORD})
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert api.request("POST", "/users", data=body, headers=headers).status_code == 201


@pytest.mark.parametrize("path", ["/login", "/register", "/logout"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"&&&==="),
        ("application/x-www-form-urlencoded", b"username=a&username=b&password=c&password=d"),
        ("application/x-www-form-urlencoded", b"username=%ff%fe&password=%00&csrf_token=%zz"),
        ("application/x-www-form-urlencoded", b"username[]=a&username[x]=b&password.y=c"),
        ("application/x-www-form-urlencoded", b"a=1&" * 3000),
        ("application/json", b'{"username": "a"}'),
        ("text/plain", b"username=a"),
        ("", b"username=a"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--y\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\na',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"; filename="a"\r\n\r\na\r\n--x--\r\n',
        ),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_broken_forms_are_refused_with_a_page(
    path: str, kind: str, body: bytes, visitor: Visitor
) -> None:
    visitor.get("/login")
    answer = visitor.request("POST", path, data=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 413), answer.text
    assert Page(answer).title.startswith("Error: ")


@pytest.mark.proves("V15.3.7")
def test_repeated_fields_of_a_form_are_no_way_around_anything(
    visitor: Visitor, username: str
) -> None:
    token = visitor.page("/login").form("/login").fields["csrf_token"]

    def send(pairs: list[tuple[str, str]]) -> Any:
        return visitor.request("POST", "/login", data=pairs)

    right, wrong = ("password", PASSWORD), ("password", "not the password")
    name, good, bad = ("username", username), ("csrf_token", token), ("csrf_token", "x")
    assert send([good, name, wrong, right]).status_code in (303, 401)
    assert send([bad, good, name, right]).status_code in (303, 400)
    assert send([good, name, ("username", "somebody-else"), wrong]).status_code in (400, 401)
    assert send([name, right]).status_code == 400


@pytest.mark.proves("V14.2.1", "V15.3.7")
def test_fields_in_the_address_do_not_count(visitor: Visitor, username: str) -> None:
    form = visitor.page("/login").form("/login")
    query = {"username": username, "password": PASSWORD, **form.fields}
    assert visitor.request("POST", "/login", params=query).status_code == 400
    assert visitor.get("/login", params=query).status_code == 200
    assert not visitor.token


@pytest.mark.parametrize(
    "cookie",
    [
        "session",
        "session=",
        "=x",
        "session=a.b.c; session=d.e.f",
        'session="quoted"',
        "session=\xff\xfe",
        "csrf=",
        "csrf=\xff",
        "ended=....",
        "ended=" + "x." * 900,
        "session=" + "x" * 3900,
        ";;;",
        "session=%00",
        "a=b; " * 300,
        "session=" + "e30." * 3,
        "$Version=1; session=x",
    ],
)
def test_broken_cookies_are_nobodys(cookie: str, visitor: Visitor) -> None:
    for name in ("session", "csrf", "ended"):
        cookie = cookie.replace(name, visitor.cookie_name(name))
    for path in ("/dashboard", "/login", "/"):
        answer = visitor.get(path, headers={"Cookie": cookie.encode("latin-1")})
        assert answer.status_code in (200, 303)
        assert "Sign out" not in answer.text


@pytest.mark.parametrize("text", NAUGHTY[::7])
def test_naughty_queries_and_headers_do_no_harm(text: str, visitor: Visitor, stack: Stack) -> None:
    answer = visitor.get("/login", params={"next": text, "reason": text, text: text})
    assert answer.status_code in (200, 414, 431)
    check_that_nothing_is_run(answer.text)
    clean = text.replace("\r", "").replace("\n", "").replace("\0", "").encode()
    head = b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: %s\r\nReferer: %s"
    raw = send_raw(stack.base_url, head % (clean, clean) + b"\r\n\r\n")
    assert raw is None or raw.status in (200, 400, 431)


@pytest.mark.proves("V1.3.3")
def test_any_user_agent_is_kept_short_and_does_no_harm(api: Api, username: str) -> None:
    body = {"username": username, "password": PASSWORD}
    for agent in (
        "x" * 4000,
        "<script>alert(1)</script>",
        "\u00e4\u00f6\u00fc".encode(),
        "'; --",
        "",
    ):
        answer = api.request("POST", "/sessions", json=body, headers={"User-Agent": agent})
        assert answer.status_code == 201
        assert len(api.current(answer.json()["token"]).json()["session"]["user_agent"]) <= 256


@pytest.mark.parametrize(
    "value",
    [
        "Bearer " + "x" * 7000,
        "Bearer \xff",
        "Bearer a b c",
        "Bearer\t",
        "Bearer ..",
        "Bearer a.b.c.d.e",
    ],
)
def test_broken_tokens_are_answered_401(value: str, api: Api) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    for method, path in (
        ("GET", "/sessions/current"),
        ("DELETE", "/sessions/current"),
        ("POST", "/sessions/current/renew"),
    ):
        assert api.request(method, path, headers=headers).status_code == 401

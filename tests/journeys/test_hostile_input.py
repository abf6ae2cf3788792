"""Whatever is sent, the answer is a 4xx with its reason: never a 500, never a traceback.

The unit tests of both services try many more; these are a few of each kind through the stack.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from journeys.visitor import PASSWORD, Api, Visitor, new_name, patiently
from running_stack import Stack, tracebacks

JSON = {"Content-Type": "application/json"}
NAUGHTY = (
    "",
    "\u200b",
    "nul\0inside",
    "\x1b[31mred\x1b[0m",
    "line\r\nSet-Cookie: a=b",
    "\u202emoorded\u202c",
    "\u0130stanbul",
    "e\u0301",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\uffff",
    "'; DROP TABLE users; --",
    "*)(uid=*))(|(uid=*",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{1234567*7}}",
    "../../../../etc/passwd",
    "$(id)",
    "%s%s%s%n",
    "1e309",
    "__proto__",
    '{"a":1}',
    "x" * 1025,
    "\U0001f600" * 256,
)
MARKUP = ("<script>alert", "<img src=x", "8641969")


@pytest.fixture(scope="module", autouse=True)
def no_traceback(stack: Stack) -> Iterator[None]:
    """Nothing in this file may leave a traceback or an unexpected error in any log."""
    yield
    log = stack.logs()
    assert tracebacks(log) == []
    assert "unexpected error" not in log


def check_that_nothing_is_run(page: str) -> None:
    """See that text which came from outside is text in the page as well."""
    assert [markup for markup in MARKUP if markup in page] == []


@pytest.mark.proves("V1.2.1", "V1.3.7", "V2.2.1")
def test_every_naughty_user_name_is_refused_or_taken_as_it_is(api: Api, visitor: Visitor) -> None:
    for text in NAUGHTY:
        assert api.register(text).status_code in (201, 409, 422), repr(text)
        assert api.sign_in(text).status_code in (201, 401), repr(text)
        by_form = visitor.register(text)
        if by_form.status_code == 303:
            assert visitor.sign_out().status_code == 303
        else:
            assert by_form.status_code in (409, 422), repr(text)
            check_that_nothing_is_run(by_form.text)
        refused = visitor.sign_in(text, "not the password")
        assert refused.status_code == 401, repr(text)
        check_that_nothing_is_run(refused.text)


@pytest.mark.proves("NIST-3.1.1.2-composition", "V6.2.5", "V6.2.8")
def test_every_naughty_password_works_or_is_refused_by_a_rule(stack: Stack) -> None:
    def outcome(text: str) -> tuple[int, ...]:
        """Register by a form; sign in by the API, with the password and with another one."""
        password = text if len(text) >= 15 else f"{text} and twelve more {text}"
        name = new_name()
        with Visitor(stack.base_url) as visitor, Api(stack.base_url) as api:
            made = patiently(lambda: visitor.register(name, password)).status_code
            if made == 422:
                refused = api.register(name, password)
                assert list(refused.json()["errors"]) == ["password"]
                return made, refused.status_code
            right = patiently(lambda: api.sign_in(name, password)).status_code
            wrong = patiently(lambda: api.sign_in(name, f"{password}x")).status_code
            return made, right, wrong

    with ThreadPoolExecutor(8) as pool:
        outcomes = dict(zip(NAUGHTY, pool.map(outcome, NAUGHTY), strict=True))
    expected = {(303, 201, 401), (422, 422)}
    assert {text: found for text, found in outcomes.items() if found not in expected} == {}
    assert set(outcomes.values()) == expected


@pytest.mark.proves("V2.3.2")
def test_bodies_up_to_the_limit_are_read_and_one_byte_more_is_not(api: Api) -> None:
    frame = len('{"username":"u","password":""}')
    for size, status in ((16 * 1024, 401), (16 * 1024 + 1, 413)):
        body = f'{{"username":"u","password":"{"x" * (size - frame)}"}}'
        assert len(body) == size
        assert api.request("POST", "/sessions", data=body, headers=JSON).status_code == status


@pytest.mark.proves("V1.5.2", "V2.2.1", "V2.2.2", "V3.5.2", "V15.3.3", "V15.3.5")
@pytest.mark.parametrize(
    ("kind", "body", "status", "named"),
    [
        ("application/json", b"{", 400, []),
        ("application/json", b"[" * 8_000 + b"]" * 8_000, 400, []),
        ("application/json", b'\xef\xbb\xbf{"username": "a", "password": "x"}', 400, []),
        ("application/json", b'{"username": "a", "username": "b", "password": "x"}', 400, []),
        ("application/json", b'{"username": "\\u0000", "password": "\\u0000"}', 401, []),
        ("application/x-www-form-urlencoded", b"username=a&password=b", 415, []),
        ("application/json", b'{"username": "a"}', 422, ["password"]),
        ("application/json", b'{"username": "a", "password": [[]]}', 422, ["password"]),
        ("application/json", b'{"username": "a", "password": "x", "admin": 1}', 422, ["admin"]),
    ],
    ids=[
        "cut",
        "deep",
        "a byte-order mark",
        "a key twice",
        "any text",
        "a form",
        "too few",
        "no text",
        "too many",
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    kind: str, body: bytes, status: int, named: list[str], api: Api
) -> None:
    answer = api.request("POST", "/sessions", data=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(answer.json().get("errors", {})) == named


@pytest.mark.proves("V1.3.3")
def test_any_user_agent_is_kept_short_and_does_no_harm(api: Api, username: str) -> None:
    body = {"username": username, "password": PASSWORD}
    for agent in ("x" * 4000, "<script>alert(1)</script>", "äöü".encode(), "'; --", ""):
        answer = api.request("POST", "/sessions", json=body, headers={"User-Agent": agent})
        assert answer.status_code == 201
        current = api.current(answer.json()["token"]).json()
        assert len(current["session"]["user_agent"]) <= 256

"""Forms that are repeated, huge, malformed or no form at all never cause an error of the server."""

import io
from urllib.parse import urlencode

import pytest
from werkzeug.datastructures import MultiDict

from tests.unit.web_frontend.conftest import PASSWORD, Site
from web_frontend.auth_service.answers import Refused

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PATHS = ["/login", "/register"]


@pytest.mark.proves("V15.3.7")
def test_the_first_of_repeated_fields_counts_everywhere(site: Site) -> None:
    browser = site.browser()
    token = browser.csrf()
    pairs = [
        ("csrf_token", token),
        ("csrf_token", "stale"),
        ("username", "first"),
        ("username", "second"),
        ("password", PASSWORD),
        ("password", "another"),
        ("next", "/dashboard"),
        ("next", "https://evil.example"),
    ]
    answer = browser.post("/login", MultiDict(pairs))
    assert (answer.status, answer.location) == (303, "/dashboard")
    assert site.auth.calls == [("sign_in", "first", PASSWORD)]
    answer = site.browser().post(
        "/login", MultiDict([("csrf_token", "stale"), ("csrf_token", token)])
    )
    assert answer.status == 400


@pytest.mark.proves("V14.2.1", "V15.3.7")
def test_fields_in_the_address_do_not_count(site: Site) -> None:
    browser = site.browser()
    token = browser.csrf()
    answer = browser.post(
        "/login?username=Alice&next=//evil.example", {"csrf_token": token, "password": "x"}
    )
    assert answer.status == 401
    assert answer.page.inputs["username"]["value"] == ""
    assert "evil" not in answer.shown
    assert not site.auth.calls


def test_unknown_fields_are_of_no_consequence(site: Site) -> None:
    fields = {"sign_in": "0", "id": "1", "generation": "9", "meta": "x", "csrf": "", "errors": "x"}
    browser = site.browser()
    assert browser.register(**fields).status == 303
    assert site.auth.calls == [("register", "Alice", PASSWORD)]


@pytest.mark.parametrize("path", PATHS)
def test_a_form_of_more_than_16_kb_is_refused_unread(site: Site, path: str) -> None:
    browser = site.browser()
    token, size = browser.csrf(), 17 * 1024
    for fields in (
        {"password": "a" * size},
        {"a" * size: ""},
        {"password": (io.BytesIO(b"a" * size), "password.txt")},
        {str(number): "" for number in range(size // 4)},
    ):
        answer = browser.post(path, {"csrf_token": token, "username": "Alice", **fields})
        assert answer.status == 413
        assert "too large" in answer.words
        assert "aaaa" not in answer.shown
    assert not site.auth.calls


def test_a_form_of_more_than_16_kb_is_refused_without_a_length_too(site: Site) -> None:
    browser = site.browser()
    fields = (
        urlencode({"csrf_token": browser.csrf(), "username": "Alice"}) + "&password=" + "a" * 20_000
    )
    environ = {
        "wsgi.input": io.BytesIO(fields.encode()),
        "wsgi.input_terminated": True,
        "CONTENT_TYPE": URLENCODED,
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    answer = browser.open("POST", "/login", environ=environ)
    assert answer.status == 411
    assert not site.auth.calls, "a password is cut"


def test_a_form_just_below_16_kb_is_read(site: Site) -> None:
    browser = site.browser()
    assert browser.sign_in(password="p" * 16_000).status == 303
    assert len(site.auth.calls[0][2]) == 16_000


HOSTILE_TEXTS = {
    "NUL": ("Al\0ice", "pass\0word 12345"),
    "controls": ("Al\x01\x1bice", "\x7f\x80 password \x0b"),
    "no character": ("\ufffe\uffff", "\U0010ffff"),
    "markup": ("</title><script>x</script>", "</title><script>x</script>"),
    "template": ("{{ 7919*7919 }}{% raw %}", "{{ config }}"),
    "line breaks": ("Al\r\nice", "pass\r\nword"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_any_text_is_passed_on_and_shown_as_text(site: Site, path: str, name: str) -> None:
    username, password = HOSTILE_TEXTS[name]
    site.auth.answers["sign_in"] = Refused(401, "invalid-credentials", {}, 5)
    site.auth.answers["register"] = Refused(422, "invalid-fields", {"username": ["No."]}, 5)
    answer = site.browser().send(path, username=username, password=password)
    assert answer.status in (401, 422)
    assert site.auth.calls[0][1:] == (username, password)
    assert "<script>x" not in answer.text
    assert str(7919 * 7919) not in answer.text
    assert password not in answer.text


NOT_UTF8 = [b"\xff\xfe", b"\xe9" * 16, b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f"]
FIELDS = ["username", "password", "next", "csrf_token", "current_password", "something else"]


def percent(raw: bytes) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in raw)


def part(name: str, value: bytes, more: str = "") -> bytes:
    """Return one part of a form of the kind multipart/form-data."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n{more}\r\n'
    return head.encode() + value + b"\r\n"


@pytest.mark.parametrize("path", ["/login", "/account/password"])
@pytest.mark.parametrize("raw", NOT_UTF8)
def test_a_form_that_is_not_utf8_is_refused_whatever_the_field(
    site: Site, path: str, raw: bytes
) -> None:
    """Or some other character would stand for every such byte, and two passwords be one."""
    browser = site.signed_in()
    token = browser.csrf()
    for name in FIELDS:
        for value in (raw, percent(raw)):
            fields = {"username": b"Alice", "password": b"x", "csrf_token": token.encode()}
            pairs = {**fields, name: value}
            body = b"&".join(key.encode() + b"=" + pairs[key] for key in pairs)
            answer = browser.post(path, body, {"Content-Type": URLENCODED})
            assert (answer.status, "not UTF-8" in answer.words) == (400, True), name
    assert not site.auth.calls


def test_a_name_of_a_field_that_is_not_utf8_is_refused(site: Site) -> None:
    browser = site.browser()
    token = f"csrf_token={browser.csrf()}&username=Alice&password=x&".encode()
    for raw in NOT_UTF8:
        for body in (token + raw + b"=1", token + percent(raw) + b"=1", token + percent(raw)):
            assert browser.post("/login", body, {"Content-Type": URLENCODED}).status == 400
    assert not site.auth.calls


@pytest.mark.parametrize(
    "preamble", [b"", "\ufffd".encode() * 32 + b"\r\n"], ids=["alone", "preamble"]
)
def test_a_form_sent_in_parts_is_refused(site: Site, preamble: bytes) -> None:
    """A part may name a charset of its own, and U+FFFD would stand for bytes that it lacks."""
    browser = site.browser()
    kind = "Content-Type: text/plain; charset=us-ascii\r\n"
    fields = part("csrf_token", browser.csrf().encode()) + part("username", b"Alice")
    body = preamble + fields + part("password", "é".encode() * 16, kind) + b"--x--\r\n"
    answer = browser.post("/login", body, {"Content-Type": MULTIPART})
    assert answer.status == 400
    assert "Send it as application/x-www-form-urlencoded" in answer.words
    assert not site.auth.calls


@pytest.mark.parametrize("sent", ["\ufffd" * 16, "é\U0001f600", "%ff%fe", "a+b c"])
def test_every_character_of_a_form_in_utf8_arrives(site: Site, sent: str) -> None:
    browser = site.browser()
    fields = {"csrf_token": browser.csrf(), "username": "Alice", "password": sent}
    assert browser.post("/login", fields, {"Content-Type": URLENCODED}).status == 303
    assert site.auth.calls == [("sign_in", "Alice", sent)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("raw", [b"%", b"%zz", b"%u0041", b"\x00", b"+"])
def test_odd_percent_signs_are_no_fault_of_the_server(site: Site, path: str, raw: bytes) -> None:
    site.auth.answers["sign_in"] = Refused(401, "invalid-credentials", {}, 5)
    site.auth.answers["register"] = Refused(422, "invalid-fields", {"username": ["No."]}, 5)
    browser = site.browser()
    token = urlencode({"csrf_token": browser.csrf()}).encode()
    for body in (
        token + b"&username=" + raw + b"&password=" + raw,
        token + b"&" + raw + b"=" + raw,
        raw + b"&csrf_token=" + raw,
    ):
        answer = browser.post(path, body, {"Content-Type": URLENCODED})
        assert answer.status in (400, 401, 422)


@pytest.mark.parametrize("raw", ["%ff", "/dashboard%ff", "%ed%a0%80", "\xff"])
def test_a_page_to_go_on_to_that_is_not_utf8_is_none(site: Site, raw: str) -> None:
    answer = site.browser().get(f"/login?next={raw}")
    assert answer.status == 200
    assert answer.page.inputs["next"]["value"] == ""


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", "{"),
        ("application/json", '{"username": null, "password": {}}'),
        ("application/json", "[" * 5000),
        ("text/plain", "csrf_token=x"),
        ("", "csrf_token=x"),
        ("multipart/form-data", "--x"),
        ("multipart/form-data; boundary=x", "--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", "--x\r\n" * 3000),
        (URLENCODED + "; charset=utf-7", "username=+AGE-"),
        ("\xff/\xff", "a"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_no_form_is_refused_and_no_fault_of_the_server(
    site: Site, kind: str, body: str
) -> None:
    for path in (*PATHS, "/logout"):
        for browser in (site.browser(), site.signed_in()):
            browser.csrf()
            answer = browser.post(path, body, {"Content-Type": kind})
            is_out = path == "/logout" and "session" not in browser.jar
            assert 400 <= answer.status < 500 or (is_out and answer.status == 303), path
    assert not site.auth.calls


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999", "5", ""])
def test_a_wrong_length_is_no_fault_of_the_server(site: Site, length: str) -> None:
    environ = {
        "wsgi.input": io.BytesIO(b"username=Alice"),
        "CONTENT_LENGTH": length,
        "CONTENT_TYPE": URLENCODED,
    }
    answer = site.browser().open("POST", "/login", environ=environ)
    assert 400 <= answer.status < 500

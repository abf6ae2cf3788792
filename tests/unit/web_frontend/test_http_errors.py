"""Error pages: the right status, words for people, a request id, and nothing about the inside."""

from collections.abc import Callable

import pytest

from tests.unit.web_frontend.conftest import PASSWORD, SECRETS, Answer, MakeSite, Site
from web_frontend.auth_service.answers import Refused, Unavailable, Unreachable

REQUEST_ID = "feedc0de-0123456789"
HEADERS = {"X-Edge-Credential": SECRETS["EDGE_CREDENTIAL"], "X-Request-ID": REQUEST_ID}


def failing_sign_in(error: Exception) -> Callable[[Site], Answer]:
    """Return what sends a sign-in that fails in this way."""

    def ask(site: Site) -> Answer:
        site.auth.answers["sign_in"] = error
        browser = site.browser()
        fields = {"csrf_token": browser.csrf(), "username": "Alice", "password": PASSWORD}
        return browser.post("/login", fields, HEADERS)

    return ask


def large(site: Site) -> Answer:
    return site.browser().post("/login", {"username": "a" * 20_000}, HEADERS)


PAGES: dict[str, tuple[int, Callable[[Site], Answer]]] = {
    "another host": (
        400,
        lambda site: site.browser().get("/login", {**HEADERS, "Host": "evil.example"}),
    ),
    "another host's post": (
        400,
        lambda site: site.browser().post("/login", {}, {**HEADERS, "Host": "evil"}),
    ),
    "not allowed": (403, failing_sign_in(Refused(403, "registration-closed", {}, 5))),
    "unknown address": (404, lambda site: site.browser().get("/nowhere", HEADERS)),
    "two slashes": (404, lambda site: site.browser().get("//dashboard", HEADERS)),
    "two slashes, posted": (404, lambda site: site.browser().post("//login", {}, HEADERS)),
    "wrong method": (405, lambda site: site.browser().open("PUT", "/logout", HEADERS)),
    "too large": (413, large),
    "too large for auth-service": (413, failing_sign_in(Refused(413, "content-too-large", {}, 5))),
    "too many": (429, failing_sign_in(Refused(429, "too-many-attempts", {}, 60))),
    "a bug": (500, failing_sign_in(RuntimeError("secret inside"))),
    "a key error": (500, failing_sign_in(KeyError("secret inside"))),
    "auth-service is busy": (503, failing_sign_in(Unavailable("secret inside", 60))),
    "auth-service is down": (503, failing_sign_in(Unreachable("secret inside"))),
    "refused otherwise": (400, failing_sign_in(Refused(418, "secret inside", {}, 5))),
}


@pytest.mark.parametrize("case", PAGES)
def test_an_error_page_has_its_status_a_request_id_and_words_for_people(
    site: Site, case: str
) -> None:
    status, ask = PAGES[case]
    answer = ask(site)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Cookie, Accept-Language"
    assert "<title>Error: " in answer.text
    assert REQUEST_ID in answer.words
    assert str(status) in answer.words
    assert "session" not in answer.cookies
    for inside in ("secret inside", "Traceback", "Refused", "erkzeug", "Not Found", "evil"):
        assert inside not in answer.shown
    assert ("Retry-After" in answer.headers) is (status in (429, 503))


def test_a_request_id_is_made_where_none_came(site: Site) -> None:
    pages = [site.browser().get("/nowhere") for _ in range(2)]
    ids = [page.text.partition("<code>")[2].partition("</code>")[0] for page in pages]
    assert len(set(ids)) == 2
    assert all(len(made) == 32 for made in ids)


@pytest.mark.proves("V16.3.4")
def test_a_bug_is_logged_with_its_traceback(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    failing_sign_in(RuntimeError("what went wrong"))(site)
    assert "what went wrong" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.proves("V1.2.1")
@pytest.mark.parametrize(
    "path", ["/<script>evil</script>", "/{{7*7}}", "/%3Cb%3E", "/a\r\nSet-Cookie: evil=1", "/\xff"]
)
def test_an_address_is_never_echoed(site: Site, path: str) -> None:
    answer = site.browser().get(path)
    assert answer.status == 404
    for part in ("evil", "<b>", "7*7", ">49<"):
        assert part not in answer.shown


def test_an_error_page_names_the_contact(make_site: MakeSite) -> None:
    assert "Ann & Bob" in make_site(contact="Ann & Bob").browser().get("/nowhere").words

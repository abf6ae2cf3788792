"""The limit on the routes that cost a hash: told as a page or as a problem, and only there."""

from collections.abc import Callable

import pytest

from journeys.test_headers import check
from journeys.visitor import PASSWORD, Api, Page, Visitor, new_name
from running_stack import Stack

BURST = 20


@pytest.fixture(scope="module")
def limited(stack_with: Callable[..., Stack]) -> Stack:
    """A stack with the default limit."""
    return stack_with(DOORWARD_CREDENTIAL_RATE="30r/m")


@pytest.fixture(scope="module")
def exhausted(limited: Stack) -> Stack:
    """The same after this machine has used up its share; it comes back at one in two seconds."""
    with Api(limited.base_url) as api:
        statuses = [api.sign_in(new_name()).status_code for _ in range(BURST + 10)]
    assert statuses[:BURST] == [401] * BURST, "a burst passes"
    assert 429 in statuses[BURST:]
    return limited


def spend(api: Api) -> None:
    """Use up what has come back meanwhile."""
    for _ in range(30):
        if api.sign_in(new_name()).status_code == 429:
            return
    pytest.fail("the limit never came")


@pytest.mark.proves("V2.4.1")
def test_a_program_past_the_limit_gets_a_problem_and_is_told_how_long_to_wait(
    exhausted: Stack,
) -> None:
    with Api(exhausted.base_url) as api:
        for call in (api.sign_in, api.register):
            spend(api)
            answer = call(new_name())
            assert answer.status_code == 429
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Retry-After"] == "2"
            assert answer.json()["type"] == "urn:doorward:problem:too-many-requests"
            assert answer.json()["status"] == 429
            check(answer.headers, api=True)


@pytest.mark.proves("V2.4.1")
@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_person_past_the_limit_gets_a_page(path: str, exhausted: Stack) -> None:
    with Visitor(exhausted.base_url) as visitor, Api(exhausted.base_url) as api:
        form = visitor.page(path).form(path)
        spend(api)
        answer = visitor.submit(form, username=new_name(), password=PASSWORD)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "2"
        check(answer.headers)
        page = Page(answer)
        assert page.title.startswith("Error: ")
        assert "too many" in page.text.lower()
        assert "try again" in page.text
        assert answer.headers["X-Request-ID"] in page.text


@pytest.mark.proves("V2.4.1")
def test_the_limit_counts_every_spelling_and_both_ways_together(exhausted: Stack) -> None:
    with Api(exhausted.base_url) as api, Visitor(exhausted.base_url) as visitor:
        spend(api)
        for path in (
            "/login",
            "//login",
            "/login/",
            "/api/v1/sessions",
            "/api//v1/sessions",
            "/x/../login",
        ):
            assert visitor.http.post(
                exhausted.base_url + path, timeout=30, allow_redirects=False
            ).status_code in (404, 429), path


def test_reading_is_not_limited(exhausted: Stack) -> None:
    with Visitor(exhausted.base_url) as visitor, Api(exhausted.base_url) as api:
        spend(api)
        for path in ("/login", "/register", "/healthz"):
            assert [visitor.get(path).status_code for _ in range(30)] == [200] * 30
        assert [visitor.get("/dashboard").status_code for _ in range(30)] == [303] * 30
        assert [api.current("a.b.c").status_code for _ in range(30)] == [401] * 30

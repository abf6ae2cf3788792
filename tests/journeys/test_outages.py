"""A service is down or does not answer: bounded waits, no false success, and recovery by itself."""

import time
from collections.abc import Iterator

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Page, Visitor, claims, new_name
from running_stack import Stack, eventually
from tests.conftest import DASHBOARD, PROGRAMS_SIGN_IN, SIGN_IN, Tally

RENEW_SECONDS = 1
FROZEN_SECONDS = 30


@pytest.fixture
def resident(prompt: Stack, new_visitor: NewVisitor) -> Visitor:
    """Somebody who is signed in there, whose token is due to be renewed."""
    visitor = new_visitor(prompt)
    assert visitor.register(new_name()).status_code == 303
    due = claims(visitor.token)["iat"] + RENEW_SECONDS
    eventually(lambda: time.time() > due + 0.1, "time stands still")
    return visitor


@pytest.fixture
def paused(prompt: Stack) -> Iterator[Stack]:
    """The stack with an auth-service that takes connections and never answers."""
    with prompt.paused("auth-service"):
        yield prompt
    prompt.wait_until_ready()


def check_that_reading_goes_on(resident: Visitor, tally: Tally) -> None:
    """See the dashboard with a notice, in bounded time and with the cookie as it was."""
    token = resident.token
    with tally.timing(DASHBOARD):
        answer = resident.get("/dashboard")
    assert answer.status_code == 200
    assert "could not be renewed just now" in answer.text
    assert resident.token == token


def check_that_nobody_gets_in(stack: Stack, newcomer: Visitor, tally: Tally) -> None:
    """See signing in and registering refused in bounded time, with a page and a problem."""
    for path in ("/login", "/register"):
        form = newcomer.page(path).form(path)
        with tally.timing(SIGN_IN):
            answer = newcomer.submit(form, username=new_name(), password=PASSWORD)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
        assert Page(answer).title.startswith("Error: ")
        assert answer.headers["X-Request-ID"] in answer.text
        assert not newcomer.token
    with Api(stack.base_url) as api:
        with tally.timing(PROGRAMS_SIGN_IN):
            refused = api.sign_in(new_name())
        assert refused.status_code == 503
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Retry-After"].isdigit()
    assert newcomer.get("/healthz").status_code == 503


def check_that_all_is_well_again(stack: Stack, resident: Visitor) -> None:
    """See everything work as before."""
    stack.wait_until_ready()
    answer = resident.get("/dashboard")
    assert answer.status_code == 200
    assert "could not be renewed" not in answer.text
    with Api(stack.base_url) as api:
        name = new_name()
        assert api.register(name).status_code == 201
        assert api.sign_in(name).status_code == 201


@pytest.mark.fault(11)
@pytest.mark.proves("V16.5.2", "V16.5.3")
def test_with_auth_service_frozen_nobody_gets_in_and_reading_goes_on(
    resident: Visitor, paused: Stack, new_visitor: NewVisitor, tally: Tally
) -> None:
    tally.unit, end = "requests", time.monotonic() + FROZEN_SECONDS
    check_that_nobody_gets_in(paused, new_visitor(paused), tally)
    while not tally.tried or time.monotonic() < end:
        check_that_reading_goes_on(resident, tally)
        tally.tried += 1
    tally.tried += 4
    paused.resume("auth-service")
    check_that_all_is_well_again(paused, resident)


@pytest.mark.fault(12)
@pytest.mark.proves("V16.5.2", "V16.5.3")
def test_with_auth_service_gone_nobody_gets_in_and_reading_goes_on(
    resident: Visitor, prompt: Stack, new_visitor: NewVisitor, tally: Tally
) -> None:
    tally.unit, tally.tried = "requests", 5
    with prompt.stopped("auth-service"):
        check_that_reading_goes_on(resident, tally)
        check_that_nobody_gets_in(prompt, new_visitor(prompt), tally)
        for path, status in (("/login", 200), ("/nothing", 404), ("/dashboard", 303)):
            assert new_visitor(prompt).get(path).status_code == status
    check_that_all_is_well_again(prompt, resident)


@pytest.mark.fault(12)
def test_signing_out_without_auth_service_clears_the_cookie_and_says_what_lives_on(
    resident: Visitor, prompt: Stack
) -> None:
    token = resident.token
    with prompt.stopped("auth-service"):
        form = resident.page("/dashboard").form("/logout")
        answer = resident.submit(form)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
        assert not resident.token
        assert "could not be told" in Page(answer).text
        assert resident.get("/dashboard").status_code == 303
        resident.token = token
        assert resident.get("/dashboard").status_code == 303, "this browser remembers a while"


def test_with_the_frontend_gone_nginx_answers_by_itself_and_the_api_works(
    prompt: Stack, new_visitor: NewVisitor
) -> None:
    visitor = new_visitor(prompt)
    with prompt.stopped("web-frontend"):
        answer = visitor.get("/login")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
        assert Page(answer).title.startswith("Error: ")
        assert visitor.get("/healthz").status_code == 503
        with Api(prompt.base_url) as api:
            assert api.register(new_name()).status_code == 201
    assert visitor.get("/login").status_code == 200


@pytest.mark.parametrize("service", ["auth-service", "web-frontend", "nginx"])
def test_a_service_that_is_killed_comes_back_by_itself(
    service: str, prompt: Stack, new_visitor: NewVisitor, measured: list[str]
) -> None:
    visitor, name = new_visitor(prompt), new_name()
    assert visitor.register(name).status_code == 303
    prompt.kill(service)
    began = time.monotonic()
    eventually(lambda: prompt.health() == 200, f"{service} did not come back")
    measured.append(
        f"{service} after SIGKILL ({prompt.mode}): ready in {time.monotonic() - began:.1f} s"
    )
    assert visitor.is_signed_in()
    with Api(prompt.base_url) as api:
        assert api.sign_in(name).status_code == 201

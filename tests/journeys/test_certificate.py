"""A certificate comes while Doorward runs without one: nothing changes until it is started anew."""

from collections.abc import Callable

import pytest

import trust
from journeys.visitor import Api, Visitor, new_name
from running_stack import Stack, eventually


@pytest.fixture
def plain(start_stack: Callable[..., Stack], pytestconfig: pytest.Config) -> Stack:
    """A stack of this test's own, without a certificate."""
    if pytestconfig.getoption("tls"):
        pytest.skip("with --tls every stack has a certificate from the start")
    return start_stack()


@pytest.mark.proves("V12.2.1")
def test_a_certificate_that_comes_is_told_of_and_turns_https_on_at_the_next_start(
    plain: Stack,
) -> None:
    name = new_name()
    with Api(plain.base_url) as program:
        assert program.register(name).status_code == 201
    trust.certify(plain.certs)
    eventually(
        lambda: "there is a certificate now: start Doorward again" in plain.logs(), "nobody says so"
    )
    with Visitor(plain.base_url) as visitor:
        assert visitor.sign_in(name).status_code == 303, "it goes on as before"
        assert visitor.token

    plain.up()
    with Visitor(plain.base_url) as visitor:
        answer = visitor.get("/login")
        assert (answer.status_code, answer.headers["Location"]) == (
            301,
            f"{plain.secure_url}/login",
        )
    with Visitor(plain.secure_url) as visitor:
        assert visitor.sign_in(name).status_code == 303
        assert visitor.token, "under its https name"
        assert visitor.is_signed_in()

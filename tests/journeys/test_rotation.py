"""Credentials between the programs are replaced while people go on."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from journeys.visitor import Api, Visitor, new_name
from running_stack import Stack, eventually


def reloads(stack: Stack) -> int:
    """Return how often nginx was told to read its configuration anew."""
    return stack.logs().count("the configuration is read anew")


@pytest.mark.proves("V13.2.1")
def test_rotating_credentials_fails_no_request(start_stack: Callable[..., Stack]) -> None:
    stack = start_stack(DOORWARD_RENEW_SECONDS=0)
    over = threading.Event()
    name = new_name()
    with Api(stack.base_url) as api:
        assert api.register(name).status_code == 201

    def go_on(_number: int) -> list[int]:
        """Look at the dashboard, whose token is renewed by auth-service each time, and use the API."""
        seen = []
        with Visitor(stack.base_url) as visitor, Api(stack.base_url) as program:
            seen.append(visitor.sign_in(name).status_code)
            token = program.token(name)
            while not over.is_set():
                seen += [visitor.get("/dashboard").status_code, program.current(token).status_code]
        return seen

    with ThreadPoolExecutor(4) as pool:
        people = [pool.submit(go_on, number) for number in range(4)]
        try:
            for _ in range(2):
                before = reloads(stack)
                stack.rotate_credentials()
                eventually(lambda old=before: reloads(stack) > old, "nginx goes on with the old one")
        finally:
            over.set()
        answers = [status for person in people for status in person.result()]
    assert set(answers) == {303, 200}
    assert answers.count(303) == len(people), "signing in"
    said = stack.logs()
    assert "wrong X-" not in said

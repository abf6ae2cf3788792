"""Credentials between the programs are replaced while people go on."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from journeys.visitor import Api, Visitor, new_name
from running_stack import Stack, eventually

# A server may close an idle connection at the moment that the next request is sent on it, as nginx
# does when it reads its configuration anew. Clients then send the request again, browsers too
# (RFC 9112, section 9.3.1); an answer of any kind is never asked for twice.
AS_CLIENTS_DO = HTTPAdapter(
    max_retries=Retry(total=2, connect=0, read=2, status=0, allowed_methods={"GET"})
)


def reloads(stack: Stack) -> int:
    """Return how often nginx was told to read its configuration anew."""
    return stack.logs().count("the configuration is read anew")


@pytest.mark.fault(23)
@pytest.mark.proves("V13.2.1")
def test_rotating_credentials_fails_no_request(start_stack: Callable[..., Stack]) -> None:
    stack = start_stack(DOORWARD_RENEW_SECONDS=0)
    over, signed_in = threading.Event(), threading.Barrier(5)
    name = new_name()
    with Api(stack.base_url) as api:
        assert api.register(name).status_code == 201

    def go_on(_number: int) -> list[int]:
        """Look at the dashboard, for which auth-service renews the token, and use the API."""
        seen = []
        with Visitor(stack.base_url) as visitor, Api(stack.base_url) as program:
            for http in (visitor.http, program.http):
                http.mount(stack.base_url, AS_CLIENTS_DO)
            seen.append(visitor.sign_in(name).status_code)
            token = program.token(name)
            signed_in.wait(timeout=60)
            while not over.is_set():
                seen += [visitor.get("/dashboard").status_code, program.current(token).status_code]
        return seen

    with ThreadPoolExecutor(4) as pool:
        people = [pool.submit(go_on, number) for number in range(4)]
        try:
            signed_in.wait(timeout=60)
            for _ in range(2):
                before = reloads(stack)
                stack.rotate_credentials()
                eventually(
                    lambda old=before: reloads(stack) > old, "nginx goes on with the old one"
                )
        finally:
            over.set()
        answers = [status for person in people for status in person.result()]
    assert set(answers) == {303, 200}
    assert answers.count(303) == len(people), "signing in"
    assert "malicious_extraneous" not in stack.logs(), "no credential was taken for a wrong one"

"""Services are told to end while people use them: whoever is being served is answered."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest
import requests

from journeys.visitor import PASSWORD, Api, Visitor, new_name
from running_stack import Stack, eventually
from tests.conftest import Tally

CROWD = 8
Outcome = tuple[int, bool]
OF_NGINX = re.compile(r"nginx-error|The service is not available just now")
"""What only the answers say that nginx has for when a service does not answer."""


def registered(send: Callable[[], requests.Response]) -> Outcome:
    """Send a registration; return the status, and whether nginx alone answered."""
    answer = send()
    return answer.status_code, bool(OF_NGINX.search(answer.text))


@contextmanager
def under_way(jobs: list[Callable[[], Outcome]]) -> Iterator[list[Future[Outcome]]]:
    """Do all jobs at once; begins when the first is done, while the others are being done."""
    barrier = threading.Barrier(len(jobs))

    def do(job: Callable[[], Outcome]) -> Outcome:
        barrier.wait(timeout=60)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        done = [pool.submit(do, job) for job in jobs]
        eventually(lambda: any(each.done() for each in done), "nobody was answered")
        yield done


@pytest.mark.fault(24)
@pytest.mark.parametrize("service", ["auth-service", "web-frontend", "nginx"])
def test_who_is_being_served_when_a_service_is_stopped_is_answered_by_it(
    service: str, dear: Stack, tally: Tally
) -> None:
    names = [new_name() for _ in range(CROWD)]
    with ExitStack() as clients:
        if service == "auth-service":
            programs = [clients.enter_context(Api(dear.base_url)) for _ in names]
            sends = [
                partial(program.register, name)
                for program, name in zip(programs, names, strict=True)
            ]
        else:
            people = [clients.enter_context(Visitor(dear.base_url)) for _ in names]
            forms = [person.page("/register").form("/register") for person in people]
            sends = [
                partial(person.submit, form, username=name, password=PASSWORD)
                for person, form, name in zip(people, forms, names, strict=True)
            ]
        with under_way([partial(registered, send) for send in sends]) as done:
            dear.stop(service)
        try:
            outcomes = [each.result() for each in done]
        finally:
            dear.start(service)
            dear.wait_until_ready()
    made = [name for name, (status, _) in zip(names, outcomes, strict=True) if status in (201, 303)]
    tally.unit, tally.tried, tally.acknowledged = "registrations", CROWD, len(made)
    # 503 of the service's own: too many at once. Of nginx's: it came when nobody listened any more.
    assert {status for status, _ in outcomes} <= {201, 303, 503}
    assert sum(not by_nginx for _, by_nginx in outcomes) >= CROWD // 2
    with Api(dear.base_url) as api:
        tally.lost = sum(api.sign_in(name).status_code != 201 for name in made)

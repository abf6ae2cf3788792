"""Many registrations at the same moment: one name is given once, and nobody is lost."""

import random
from functools import partial

import pytest

from journeys.visitor import Api, Visitor, all_at_once, new_name, patiently
from running_stack import Stack

ONE_NAME, DISTINCT = 200, 100


def registration(stack: Stack, name: str) -> int:
    """Register by the API; return the status."""
    with Api(stack.base_url) as api:
        return api.register(name).status_code


def in_some_case(name: str) -> str:
    """Return a name with upper and lower case thrown together."""
    return "".join(random.choice((letter.lower(), letter.upper())) for letter in name)


@pytest.mark.proves("V2.3.4")
def test_of_two_hundred_registrations_of_one_name_exactly_one_succeeds(stack: Stack, api: Api) -> None:
    name = new_name()
    spellings = [in_some_case(name) for _ in range(ONE_NAME)]
    statuses = all_at_once([partial(registration, stack, spelling) for spelling in spellings])
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 409, 503}
    assert api.register(name).status_code == 409
    assert api.sign_in(name).status_code == 201


def test_a_hundred_distinct_registrations_are_all_there(stack: Stack, api: Api) -> None:
    names = [new_name() for _ in range(DISTINCT)]

    def until_made(name: str) -> int:
        # 503 means that nothing was made, so that it may be tried again.
        with Api(stack.base_url) as own:
            return patiently(lambda: own.register(name)).status_code

    statuses = all_at_once([partial(until_made, name) for name in names])
    assert statuses == [201] * DISTINCT
    assert [api.sign_in(name).status_code for name in names] == [201] * DISTINCT
    assert [api.register(name).status_code for name in names] == [409] * DISTINCT


def test_people_registering_by_form_at_once_are_all_signed_in(stack: Stack) -> None:
    def person(name: str) -> bool:
        with Visitor(stack.base_url) as visitor:
            assert patiently(lambda: visitor.register(name)).status_code == 303
            return name in visitor.get("/dashboard").text

    assert all_at_once([partial(person, new_name()) for _ in range(20)]) == [True] * 20


def test_signing_in_and_out_at_once_ends_every_session_and_only_those(stack: Stack, username: str) -> None:
    def stay_or_leave(leave: bool) -> tuple[int, int]:
        with Api(stack.base_url) as api:
            token = patiently(lambda: api.sign_in(username)).json()["token"]
            ended = api.end(token).status_code if leave else 204
            return ended, api.current(token).status_code

    # Below 50, so that none is pushed out by the others.
    wanted = [bool(number % 2) for number in range(40)]
    results = all_at_once([partial(stay_or_leave, leave) for leave in wanted])
    assert results == [(204, 401 if leave else 200) for leave in wanted]

"""Many registrations at the same moment: one name is given once, and nobody is lost."""

import random
from functools import partial

import pytest

from journeys.visitor import Api, all_at_once, new_name, patiently
from running_stack import Stack
from tests.conftest import Tally

ONE_NAME, DISTINCT = 200, 100


def registration(stack: Stack, name: str) -> int:
    """Register by the API; return the status."""
    with Api(stack.base_url) as api:
        return api.register(name).status_code


def in_some_case(name: str) -> str:
    """Return a name with upper and lower case thrown together."""
    return "".join(random.choice((letter.lower(), letter.upper())) for letter in name)


# Forms that some comparison or other takes for the same letters: full width, the sign of kelvin,
# the dotless i, the long s, a letter with an accent of its own, a joiner that nobody sees.
UNICODE_FORMS = [
    lambda name: name.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    lambda name: name.replace("k", "\N{KELVIN SIGN}"),
    lambda name: name.replace("i", "\N{LATIN SMALL LETTER DOTLESS I}"),
    lambda name: name.replace("s", "\N{LATIN SMALL LETTER LONG S}"),
    lambda name: name.replace("e", "e\N{COMBINING ACUTE ACCENT}"),
    lambda name: name.replace("e", "e\N{ZERO WIDTH JOINER}"),
]


@pytest.mark.fault(19)
@pytest.mark.proves("V2.3.4")
def test_of_two_hundred_registrations_of_one_name_exactly_one_succeeds(
    stack: Stack, api: Api, tally: Tally
) -> None:
    name = f"kiss-{new_name()}"
    spellings = [in_some_case(name) for _ in range(ONE_NAME)]
    for number in range(0, ONE_NAME, 4):
        spellings[number] = UNICODE_FORMS[number // 4 % len(UNICODE_FORMS)](name)
    statuses = all_at_once([partial(registration, stack, spelling) for spelling in spellings])
    tally.unit, tally.tried, tally.acknowledged = (
        "registrations",
        len(statuses),
        statuses.count(201),
    )
    assert statuses.count(201) == 1
    of_unicode = {
        status
        for status, spelling in zip(statuses, spellings, strict=True)
        if not spelling.isascii()
    }
    assert of_unicode == {422}
    assert set(statuses) <= {201, 409, 422, 503}
    assert api.register(name).status_code == 409
    tally.lost = int(api.sign_in(name).status_code != 201)


@pytest.mark.fault(20)
def test_a_hundred_distinct_registrations_are_all_there(
    stack: Stack, api: Api, tally: Tally
) -> None:
    names = [new_name() for _ in range(DISTINCT)]

    def until_made(name: str) -> int:
        # 503 means that nothing was made, so that it may be tried again.
        with Api(stack.base_url) as own:
            return patiently(lambda: own.register(name)).status_code

    statuses = all_at_once([partial(until_made, name) for name in names])
    tally.unit, tally.tried, tally.acknowledged = "registrations", DISTINCT, statuses.count(201)
    assert statuses == [201] * DISTINCT
    tally.lost = sum(api.sign_in(name).status_code != 201 for name in names)
    assert [api.register(name).status_code for name in names] == [409] * DISTINCT


def test_signing_in_and_out_at_once_ends_every_session_and_only_those(
    stack: Stack, username: str
) -> None:
    def stay_or_leave(leave: bool) -> tuple[int, int]:
        with Api(stack.base_url) as api:
            token = patiently(lambda: api.sign_in(username)).json()["token"]
            ended = api.end(token).status_code if leave else 204
            return ended, api.current(token).status_code

    # Below 50, so that none is pushed out by the others.
    wanted = [bool(number % 2) for number in range(40)]
    results = all_at_once([partial(stay_or_leave, leave) for leave in wanted])
    assert results == [(204, 401 if leave else 200) for leave in wanted]

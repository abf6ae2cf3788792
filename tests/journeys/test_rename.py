"""Changing the user name through the whole stack, where DOORWARD_RENAME is on."""

from collections.abc import Callable
from functools import partial

import pytest

from journeys.conftest import NewVisitor
from journeys.visitor import PASSWORD, Api, Visitor, all_at_once, new_name
from running_stack import Stack

USERNAME = "/account/username"


@pytest.fixture(scope="module")
def renaming(stack_with: Callable[..., Stack]) -> Stack:
    """A stack where people may change their user names, which renews tokens after a second."""
    return stack_with(DOORWARD_RENAME="on", DOORWARD_RENEW_SECONDS=1)


def change(visitor: Visitor, username: str) -> int:
    form = visitor.page(USERNAME).form(USERNAME)
    answer = visitor.submit(form, username=username, password=PASSWORD)
    return answer.status_code


def test_the_old_name_opens_nothing_and_is_kept_for_its_owner(
    renaming: Stack, new_visitor: NewVisitor
) -> None:
    old, new = new_name(), new_name()
    here, stranger = new_visitor(renaming), new_visitor(renaming)
    here.register(old)
    stranger.register(new_name())
    assert change(here, new) == 303
    with Api(here.base_url) as api:
        assert api.sign_in(old).status_code == 401
        assert api.register(old.upper()).status_code == 409
        assert api.sign_in(new).status_code == 201
    assert change(stranger, old) == 409
    assert change(here, old) == 303
    with Api(here.base_url) as api:
        assert api.sign_in(old).status_code == 201
        assert api.sign_in(new).status_code == 401


def test_of_many_who_want_one_name_at_the_same_moment_one_gets_it(
    renaming: Stack, new_visitor: NewVisitor
) -> None:
    wanted = new_name()
    with Api(renaming.base_url) as api:
        tokens = []
        for _ in range(8):
            name = new_name()
            api.register(name)
            tokens.append(api.token(name))

        def take(token: str) -> int:
            body = {"username": wanted, "password": PASSWORD}
            return api.request("PUT", "/users/me/username", token=token, json=body).status_code

        assert sorted(all_at_once([partial(take, token) for token in tokens])) == [200, *[409] * 7]


def test_where_names_stay_the_page_says_whom_to_ask(visitor: Visitor) -> None:
    visitor.register(new_name())
    answer = visitor.get(USERNAME)
    assert answer.status_code == 403
    assert "Ask the operator of this site" in answer.text

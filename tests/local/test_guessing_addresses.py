"""Guessing from a thousand addresses, past nginx, with the credential that may name addresses."""

import sqlite3
from contextlib import closing
from functools import partial

import pytest

from journeys.visitor import Api, Visitor, all_at_once, new_name
from running_stack import LocalStack

ADDRESSES = 1000
FEWER = 200
CROWD = 50


def burst(stack: LocalStack, username: str, addresses: int) -> list[int]:
    """Guess wrong from so many addresses, fifty at a time; return the statuses."""
    credential = (stack.data / "secrets" / "service" / "credential").read_text().strip()
    base_url = f"http://localhost:{stack.ports['auth-service']}"

    def from_addresses(start: int) -> list[int]:
        with Api(base_url) as api:
            statuses = []
            for number in range(start, addresses, CROWD):
                forwarded = f"198.51.{number // 250}.{number % 250}"
                answer = api.request(
                    "POST",
                    "/sessions",
                    json={"username": username, "password": f"guess number {number}"},
                    headers={"X-Service-Credential": credential, "X-Forwarded-For": forwarded},
                )
                statuses.append(answer.status_code)
            return statuses

    crowds = all_at_once([partial(from_addresses, start) for start in range(CROWD)])
    return [status for statuses in crowds for status in statuses]


def set_failures(stack: LocalStack, failures: int) -> None:
    """Let the guesses of a day have been made, and all delays be over."""
    with closing(sqlite3.connect(stack.data / "throttle.db", timeout=30)) as database, database:
        statement = "UPDATE lanes SET reserved = cleared + ?, used_at = 0 WHERE lane = 'strangers'"
        assert database.execute(statement, (failures,)).rowcount == 1


@pytest.mark.proves("V6.3.1", "NIST-3.2.2")
def test_a_thousand_addresses_get_no_further_than_one_and_the_owner_gets_in(
    own_stack: LocalStack,
) -> None:
    name = new_name()
    with Visitor(own_stack.base_url) as owner:
        assert owner.register(name).status_code == 303
        assert owner.sign_out().status_code == 303
        statuses = burst(own_stack, name, ADDRESSES)
        assert set(statuses) <= {401, 429, 503}
        # Five at once, and one more for each delay that is over before all have been tried.
        assert 5 <= statuses.count(401) <= 5 + 6
        set_failures(own_stack, 78)
        own_stack.restart("auth-service")
        assert burst(own_stack, name, FEWER).count(401) == 1, "the next one has to wait"
        set_failures(own_stack, 79)
        assert burst(own_stack, name, FEWER).count(401) == 1, "it was the eightieth"
        set_failures(own_stack, 80)
        own_stack.restart("auth-service")
        assert burst(own_stack, name, FEWER).count(401) == 0
        assert owner.sign_in(name).status_code == 303
        assert owner.is_signed_in()
    with Visitor(own_stack.base_url) as stranger:
        assert stranger.sign_in(name).status_code == 429

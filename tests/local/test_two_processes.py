"""Two processes over one users.json: correctness does not depend on there being one."""

import json
import time
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from journeys.visitor import Api, all_at_once, new_name
from local.hand_started import Service
from running_stack import eventually
from tests.conftest import Tally

DISTINCT, ONE_NAME = 100, 60


def registration(base_url: str, name: str) -> int:
    """Register, again where nothing was made; return the last status."""
    status = 503
    with Api(base_url) as api:
        for _ in range(20):
            status = api.register(name).status_code
            if status != 503:
                break
            # A busy machine sends many away at once; whoever comes back at once is sent away again.
            time.sleep(0.3)
    return status


def busy(pid: int) -> int:
    """Return the processor time that a process has used, in the kernel's ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.fault(20)
def test_two_workers_of_one_server_register_a_hundred_and_lose_none(
    given: dict[str, str], log: Path, tally: Tally
) -> None:
    names = [new_name() for _ in range(DISTINCT)]
    with Service("auth_service", given, log, "--workers", "2") as service:
        eventually(lambda: len(service.workers()) == 2, "there are not two workers")
        workers = service.workers()
        before = [busy(pid) for pid in workers]
        statuses = all_at_once([partial(registration, service.base_url, name) for name in names])
        tally.unit, tally.tried, tally.acknowledged = "registrations", DISTINCT, statuses.count(201)
        assert statuses == [201] * DISTINCT
        with Api(service.base_url) as api:
            tally.lost = sum(api.sign_in(name).status_code != 201 for name in names)
            one = new_name()
            spellings = [one.upper() if number % 2 else one for number in range(ONE_NAME)]
            statuses = all_at_once(
                [partial(registration, service.base_url, spelling) for spelling in spellings]
            )
            assert sorted(statuses) == [201] + [409] * (ONE_NAME - 1)
        assert service.workers() == workers, "none of them died"
        assert all(busy(pid) > was for pid, was in zip(workers, before, strict=True)), (
            "both of them served"
        )
    users = json.loads((Path(given["DOORWARD_DATA_DIR"]) / "users.json").read_text())[
        "users"
    ].values()
    assert {*names, one.lower()} == {user["canonical"] for user in users}


def test_two_servers_see_each_others_users_sessions_and_endings_at_once(
    given: dict[str, str], log: Path
) -> None:
    with (
        Service("auth_service", given, log) as first,
        Service("auth_service", given, log) as second,
    ):
        names = [new_name() for _ in range(DISTINCT)]
        places = [first.base_url, second.base_url]
        jobs = [
            partial(registration, place, name)
            for place, name in zip(cycle(places), names, strict=False)
        ]
        assert all_at_once(jobs) == [201] * DISTINCT
        with Api(first.base_url) as here, Api(second.base_url) as there:
            for name in names:
                assert there.register(name).status_code == 409
                assert here.register(name.upper()).status_code == 409
            for name in names[:10]:
                token = here.token(name)
                assert there.current(token).status_code == 200
                assert there.end(token).status_code == 204
                assert here.current(token).status_code == 401
                assert here.renew(token).status_code == 401

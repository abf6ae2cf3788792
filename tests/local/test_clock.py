"""The clock jumps under both services, or they do not have the same one."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from journeys.visitor import Visitor, claims, new_name
from local.hand_started import Service, environment, provision
from tests.conftest import Tally

MINUTE, HOUR = 60, 3600
IDLE, LIMIT = 30 * MINUTE, 12 * HOUR
# Python runs it at its start: `time.time` is read from a file from then on, as far as it is off.
CLOCK = """
import os, time
right = time.time
def shifted():
    with open(os.environ["CLOCK"]) as file:
        return right() + float(file.read() or 0)
time.time = shifted
"""


@dataclass
class Services:
    """web-frontend's address, and the clocks of both."""

    url: str
    auth: Path
    web: Path

    def shift(self, auth: float, web: float) -> None:
        """Set the clocks so many seconds off."""
        for file, seconds in ((self.auth, auth), (self.web, web)):
            beside = file.with_suffix(".new")
            beside.write_text(str(seconds))
            beside.replace(file)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("clocks")
    (folder / "sitecustomize.py").write_text(CLOCK)
    data = folder / "data"
    data.mkdir(mode=0o700)
    given = environment(data)
    provision(given)
    given["PYTHONPATH"] = f"{folder}:{given['PYTHONPATH']}"
    clocks = [folder / name for name in ("auth", "web")]
    for clock in clocks:
        clock.write_text("0")
    with (
        Service("auth_service", given | {"CLOCK": str(clocks[0])}, folder / "auth.log") as auth,
        Service(
            *(
                "web_frontend",
                given | {"CLOCK": str(clocks[1]), "DOORWARD_AUTH_URL": auth.base_url},
            ),
            folder / "web.log",
        ) as web,
    ):
        yield Services(web.base_url, *clocks)


@pytest.fixture
def visitor(services: Services) -> Iterator[Visitor]:
    """Somebody who has just registered, while all clocks are right."""
    services.shift(0, 0)
    with Visitor(services.url) as visitor:
        assert visitor.register(new_name()).status_code == 303
        yield visitor


def opens(visitor: Visitor) -> tuple[bool, str]:
    """Return whether the dashboard opens, and what the browser is told if it does not."""
    answer = visitor.get("/dashboard")
    assert answer.status_code in (200, 303)
    return answer.status_code == 200, answer.cookies.get("notice", "")


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("jump", "expected"),
    [
        (-HOUR, (True, "")),
        (IDLE - 10, (True, "")),
        (IDLE, (False, "idle")),
        (LIMIT, (False, "idle")),
    ],
    ids=["an hour back", "almost 30 minutes on", "30 minutes on", "12 hours on"],
)
def test_after_a_jump_of_the_clock_a_session_lives_as_long_as_the_clock_says(
    visitor: Visitor, services: Services, jump: int, expected: tuple[bool, str], tally: Tally
) -> None:
    """With tokens that verify an hour longer: `assert (False, 'ended') == (False, 'idle')`."""
    tally.unit, tally.tried = "jumps", 1
    began = claims(visitor.token)["iat"]
    # As if so long had passed since that token, to the second; ten are for a busy machine.
    shift = jump if jump < 0 else jump - (time.time() - began) + (0 if expected[0] else 1)
    services.shift(shift, shift)
    assert opens(visitor) == expected


@pytest.mark.fault(22)
@pytest.mark.parametrize("skew", [-MINUTE, MINUTE], ids=["behind", "ahead"])
def test_with_a_minute_between_the_two_clocks_people_sign_in_go_on_and_sign_out(
    services: Services, skew: int, tally: Tally
) -> None:
    tally.unit, tally.tried = "skews", 1
    services.shift(0, skew)
    name = new_name()
    with Visitor(services.url) as visitor:
        assert visitor.register(name).status_code == 303
        token = visitor.token
        for _ in range(3):
            assert opens(visitor) == (True, "")
        if skew < 0:
            assert visitor.token == token, "60 s in the future is not yet odd"
        assert visitor.sign_out().status_code == 303
        assert opens(visitor) == (False, "") or not visitor.token
        assert visitor.sign_in(name).status_code == 303
        assert opens(visitor) == (True, "")

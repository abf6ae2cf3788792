"""state.db is missing, or its lock is held: waits are bounded, and no ended session works again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys.visitor import Api, Visitor, claims, new_name
from running_stack import Stack, eventually
from tests.conftest import DASHBOARD, PROGRAMS_SIGN_IN, Tally

LOCKED_SECONDS = 10
RENEW_SECONDS = 1

LOCK = f"""
import os, sqlite3, time
database = sqlite3.connect(os.environ["DOORWARD_DATA_DIR"] + "/state.db", timeout=30)
database.execute("BEGIN EXCLUSIVE")
open(os.environ["DOORWARD_DATA_DIR"] + "/locked", "w").close()
time.sleep({LOCKED_SECONDS})
os.remove(os.environ["DOORWARD_DATA_DIR"] + "/locked")
"""
REMOVE = """
import os, pathlib
for file in pathlib.Path(os.environ["DOORWARD_DATA_DIR"]).glob("state.db*"):
    file.unlink()
"""


@contextmanager
def locked_state_db(stack: Stack) -> Iterator[threading.Thread]:
    """Have another program hold the lock for ten seconds; begins when it has it."""
    holder = threading.Thread(target=lambda: stack.exec("auth-service", "python", "-c", LOCK))
    holder.start()
    has_it = ("sh", "-c", 'test -e "$DOORWARD_DATA_DIR/locked"')
    eventually(
        lambda: stack.exec("auth-service", *has_it, check=False).returncode == 0,
        "nobody took the lock",
    )
    yield holder
    holder.join(timeout=60)


@pytest.mark.fault(26)
def test_while_state_db_is_locked_all_is_answered_and_ended_sessions_stay_ended(
    prompt: Stack, tally: Tally, measured: list[str]
) -> None:
    """The wait for the lock has to be shorter than web-frontend's patience with auth-service.

    With two seconds of it, as it once was, web-frontend took auth-service for unreachable, and an
    ended session was shown pages: `assert 200 == 503`.
    """
    tally.unit = "requests"
    name = new_name()
    with (
        Visitor(prompt.base_url) as ended,
        Visitor(prompt.base_url) as resident,
        Api(prompt.base_url) as api,
    ):
        assert ended.register(name).status_code == 303
        assert resident.sign_in(name).status_code == 303
        assert api.end(ended.token).status_code == 204
        due = max(claims(visitor.token)["iat"] for visitor in (ended, resident)) + RENEW_SECONDS
        eventually(lambda: time.time() > due + 0.1, "time stands still")
        copy = ended.token
        with locked_state_db(prompt) as holder:
            while holder.is_alive():
                ended.token = copy
                answers = []
                for visitor in (ended, resident):
                    with tally.timing(DASHBOARD):
                        answers.append(visitor.get("/dashboard"))
                if not holder.is_alive():
                    break
                assert answers[0].status_code == 503
                assert answers[1].status_code in (200, 503), (
                    "the lock may have just been given back"
                )
                with tally.timing(PROGRAMS_SIGN_IN):
                    signed_in = api.sign_in(name).status_code
                assert signed_in in (201, 503)
                assert api.current(copy).status_code == 401
                tally.tried += 4
        tally.acknowledged += tally.tried
        slowest, _, _ = tally.times[DASHBOARD.what]
        measured.append(f"state.db locked ({prompt.mode}): a page after {slowest:.1f} s at most")
        eventually(lambda: resident.get("/dashboard").status_code == 200, "it did not recover")
        ended.token = copy
        assert ended.get("/dashboard").status_code == 303
        assert api.sign_in(name).status_code == 201


@pytest.mark.fault(26)
def test_a_missing_state_db_is_made_anew_and_people_sign_in_again(
    prompt: Stack, tally: Tally
) -> None:
    tally.unit = "users"
    name = new_name()
    with Visitor(prompt.base_url) as visitor:
        assert visitor.register(name).status_code == 303
        tally.tried += 1
        tally.acknowledged += 1
        prompt.exec("auth-service", "python", "-c", REMOVE)
        prompt.restart("auth-service")
        due = claims(visitor.token)["iat"] + RENEW_SECONDS
        eventually(lambda: time.time() > due + 0.1, "time stands still")
        answer = visitor.get("/dashboard")
        assert (answer.status_code, answer.cookies.get("notice")) == (303, "ended")
        tally.lost += visitor.sign_in(name).status_code != 303
        assert visitor.is_signed_in()

"""Between web-frontend and auth-service, both real, answers break off or drip in by the byte."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.visitor import PASSWORD, Page, Visitor, claims, new_name
from local.hand_started import Service, environment, provision
from running_stack import eventually
from tcp_proxy import TcpProxy
from tests.conftest import DASHBOARD, SIGN_IN, Tally

RENEW_SECONDS = 1
# Nothing, part of the status line, part of the headers, all headers and part of the body.
RESETS = (0, 7, 60, 330)
REGISTRATION = b"POST /api/v1/users "


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TcpProxy, Service, Path]]:
    """The proxy between the two, web-frontend, and users.json."""
    folder = tmp_path_factory.mktemp("broken-answers")
    data = folder / "data"
    data.mkdir(mode=0o700)
    given = environment(data, DOORWARD_RENEW_SECONDS=str(RENEW_SECONDS))
    provision(given)
    with (
        Service("auth_service", given, folder / "auth.log") as auth,
        TcpProxy(int(auth.base_url.rpartition(":")[2])) as proxy,
        Service(
            "web_frontend", given | {"DOORWARD_AUTH_URL": proxy.url}, folder / "web.log"
        ) as web,
    ):
        yield proxy, web, data / "users.json"


@pytest.mark.fault(14)
@pytest.mark.parametrize("length", RESETS)
def test_a_registration_whose_answer_is_reset_is_sent_once_and_made_once(
    services: tuple[TcpProxy, Service, Path], length: int, tally: Tally
) -> None:
    """Where web-frontend sends credentials again after a reset: `assert (503, 2) == (503, 1)`."""
    proxy, web, users = services
    name = new_name()
    tally.unit, tally.tried = "registrations", 1
    with Visitor(web.base_url) as visitor:
        before = proxy.sent.count(REGISTRATION)
        proxy.reset_after = length
        try:
            answer = visitor.register(name)
        finally:
            proxy.reset_after = None
        assert (answer.status_code, proxy.sent.count(REGISTRATION) - before) == (503, 1)
        assert not visitor.token
        made = [user["username"] for user in json.loads(users.read_text())["users"].values()]
        assert made.count(name) == 1
        # Nobody was told yes; but as the account is there, it is the one of who typed the password.
        assert visitor.register(name, "another password for it").status_code == 409
        assert visitor.register(name).status_code == 303
        assert visitor.is_signed_in()


@pytest.mark.fault(15)
def test_answers_that_drip_in_by_the_byte_are_waited_for_no_longer_than_the_deadline(
    services: tuple[TcpProxy, Service, Path], tally: Tally
) -> None:
    """When the time left was not set before each read, there was no dashboard after 30 s."""
    proxy, web, _ = services
    name = new_name()
    tally.unit, tally.tried = "answers", 3
    with Visitor(web.base_url) as resident, Visitor(web.base_url) as newcomer:
        assert resident.register(name).status_code == 303
        due = claims(resident.token)["iat"] + RENEW_SECONDS
        eventually(lambda: time.time() > due + 0.1, "time stands still")
        proxy.drip_seconds = 1.0
        try:
            with tally.timing(DASHBOARD):
                answer = resident.get("/dashboard")
            assert answer.status_code == 200
            assert "could not be renewed just now" in answer.text
            for path in ("/login", "/register"):
                form = newcomer.page(path).form(path)
                with tally.timing(SIGN_IN):
                    answer = newcomer.submit(form, username=new_name(), password=PASSWORD)
                assert (answer.status_code, newcomer.token) == (503, "")
                assert Page(answer).title.startswith("Error: ")
        finally:
            proxy.drip_seconds = 0.0
        assert resident.is_signed_in()
        assert newcomer.sign_in(name).status_code == 303

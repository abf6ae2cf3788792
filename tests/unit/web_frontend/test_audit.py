"""What only the frontend sees of attacks, and that it records it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from session_contract.audit_events import audit_log
from session_contract.log_lines import JsonLine
from tests.unit.web_frontend.conftest import PASSWORD, SECRETS, MakeSite, Site
from web_frontend.auth_service.answers import Unavailable
from web_frontend.log_context import in_log_lines

Lines = list[dict[str, Any]]


class _Collect(logging.Handler):
    def __init__(self, collected: Lines) -> None:
        super().__init__()
        self.setFormatter(JsonLine("web-frontend", in_log_lines))
        self._lines = collected

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(json.loads(self.format(record)))


@pytest.fixture
def logged() -> Iterator[Lines]:
    """Return a list that grows with every line of the log."""
    collected: Lines = []
    handler = _Collect(collected)
    logging.getLogger().addHandler(handler)
    yield collected
    logging.getLogger().removeHandler(handler)


def only_event(logged: Lines) -> dict[str, Any]:
    (event,) = (line for line in logged if "event" in line)
    return event


FOREIGN = {"Origin": "https://evil.example"}
WRONG_CREDENTIAL = {"X-Edge-Credential": "a wrong credential of somebody"}
Ask = Callable[[Site], object]
RECORDED: dict[str, tuple[Ask, str, str]] = {
    "a form from another site": (
        lambda site: site.browser().post("/account/delete", {"password": PASSWORD}, FOREIGN),
        "malicious_cors",
        "ForeignOrigin",
    ),
    "a form without a good token": (
        lambda site: site.browser().post("/login", {"csrf_token": "x"}),
        "input_validation_fail",
        "NoCookie",
    ),
    "a forged session": (
        lambda site: site.browser(site.mint.token()[:-4] + "AAAA").get("/login"),
        "malicious_extraneous",
        "TokenInvalid",
    ),
    "a token of a key that was dropped": (
        lambda site: site.browser("some.other.token").get("/login"),
        "session_use_after_expire",
        "the token names no key of ours",
    ),
    "a session whose time is over": (
        lambda site: site.browser(site.mint.token(1801)).get("/login"),
        "session_expired",
        "idle",
    ),
    "a page that needs a session": (
        lambda site: site.browser().get("/account/sessions"),
        "authz_fail",
        "signed out",
    ),
    "another host": (
        lambda site: site.browser().get("/login", {"Host": "evil.example"}),
        "input_validation_fail",
        "RefusedRequest",
    ),
    "a wrong edge credential": (
        lambda site: site.browser().get("/login", WRONG_CREDENTIAL),
        "malicious_extraneous",
        "WrongCredential",
    ),
}


@pytest.mark.proves("V16.2.1", "V16.3.2", "V16.3.3")
@pytest.mark.parametrize("case", RECORDED)
def test_what_is_refused_is_recorded_with_its_reason(site: Site, logged: Lines, case: str) -> None:
    ask, name, reason = RECORDED[case]
    ask(site)
    event = only_event(logged)
    assert (event["event"], event.get("reason")) == (name, reason)
    assert event["client_address"] == "127.0.0.1"
    assert event["request_id"]
    assert event.get("user_id") or name != "session_expired"
    assert PASSWORD not in str(logged)
    assert "of somebody" not in str(logged)


@pytest.mark.proves("V16.3.4", "V16.5.1")
def test_a_bug_is_recorded_beside_its_traceback_and_no_secret_is_in_either(
    site: Site, logged: Lines
) -> None:
    site.auth.answers["sign_in"] = ZeroDivisionError("what went wrong")
    browser = site.signed_in()
    answer = browser.sign_in()
    crash = next(line for line in logged if line.get("event") == "sys_crash")
    trace = next(line for line in logged if "exception" in line)
    assert answer.status == 500
    assert crash["request_id"] == trace["request_id"]
    assert "ZeroDivisionError: what went wrong" in trace["exception"]
    assert "what went wrong" not in answer.text
    for secret in (PASSWORD, *browser.jar.values(), *SECRETS.values()):
        assert secret not in json.dumps(logged)


@pytest.mark.proves("V16.3.4")
def test_an_auth_service_that_is_of_no_help_is_logged(site: Site, logged: Lines) -> None:
    site.auth.answers["sign_in"] = Unavailable("a reason")
    assert site.browser().sign_in().status == 503
    assert [line["message"] for line in logged if "message" in line] == [
        "auth-service did not give a usable answer: a reason"
    ]


def test_everyday_pages_record_nothing(make_site: MakeSite, logged: Lines) -> None:
    site = make_site()
    browser = site.signed_in(10)
    for page in ("/", "/dashboard", "/login", "/register", "/nowhere"):
        browser.get(page)
    browser.sign_in()
    assert [line for line in logged if "event" in line] == []
    assert audit_log.isEnabledFor(logging.INFO)

"""What only the frontend sees of attacks, and that it records it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from session_contract.audit_events import audit_log
from session_contract.log_lines import JsonLine
from tests.unit.web_frontend.conftest import PASSWORD, SECRETS, MakeSite, Site
from web_frontend.auth_service.answers import Unavailable
from web_frontend.log_context import in_log_lines

Lines = list[dict[str, Any]]
AGENT = {"User-Agent": "a browser"}


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


@pytest.mark.proves("V16.3.3", "V16.2.1")
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_form_from_another_site_is_recorded(
    site: Site, logged: Lines, headers: dict[str, str]
) -> None:
    answer = site.browser().post("/account/delete", {"password": PASSWORD}, AGENT | headers)
    event = only_event(logged)
    assert (event["event"], event["level"], event["act"]) == (
        "malicious_cors",
        "WARNING",
        "account.delete",
    )
    assert (event["client_address"], event["user_agent"]) == ("127.0.0.1", "a browser")
    assert event["request_id"] in answer.text


@pytest.mark.proves("V16.3.3")
def test_a_form_without_a_good_token_is_recorded(site: Site, logged: Lines) -> None:
    site.browser().post("/login", {"csrf_token": "x"})
    event = only_event(logged)
    assert (event["event"], event["reason"]) == ("input_validation_fail", "CsrfRejected")


@pytest.mark.proves("V16.3.3")
def test_a_forged_session_token_is_recorded_as_an_attack(site: Site, logged: Lines) -> None:
    forged = site.mint.token()[:-4] + "AAAA"
    site.browser(forged).get("/login")
    event = only_event(logged)
    assert (event["event"], event["reason"]) == ("malicious_extraneous", "TokenInvalid")


@pytest.mark.proves("V16.3.2")
def test_a_token_of_a_key_that_was_dropped_is_recorded(site: Site, logged: Lines) -> None:
    site.browser("some.other.token").get("/login")
    assert only_event(logged)["event"] == "session_use_after_expire"


def test_a_session_whose_time_is_over_is_recorded_with_its_user(site: Site, logged: Lines) -> None:
    token = site.mint.token()
    site.clock.now += 1801
    site.browser(token).get("/login")
    event = only_event(logged)
    assert (event["event"], event["reason"]) == ("session_expired", "idle")
    assert event["user_id"]


@pytest.mark.proves("V16.3.2")
@pytest.mark.parametrize(
    "page", ["/dashboard", "/account/sessions", "/account/password", "/account/delete"]
)
def test_a_page_that_needs_a_session_records_who_has_none(
    site: Site, logged: Lines, page: str
) -> None:
    assert site.browser().get(page).status == 303
    event = only_event(logged)
    assert (event["event"], event["reason"]) == ("authz_fail", "signed out")


@pytest.mark.proves("V16.3.3")
def test_another_host_name_is_recorded(site: Site, logged: Lines) -> None:
    site.browser().get("/login", {"Host": "evil.example"})
    event = only_event(logged)
    assert (event["event"], event["reason"]) == ("input_validation_fail", "RefusedRequest")


@pytest.mark.proves("V16.3.3")
def test_a_wrong_edge_credential_is_recorded_and_not_shown(site: Site, logged: Lines) -> None:
    site.browser().get("/login", {"X-Edge-Credential": "a wrong credential of somebody"})
    event = only_event(logged)
    assert event["event"] == "malicious_extraneous"
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

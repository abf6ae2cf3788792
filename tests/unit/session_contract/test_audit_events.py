"""Which security events stand out in the log."""

import logging

import pytest

from session_contract.audit_events import audit_log, record_end, record_event, record_start


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ("authn_login_success", "INFO"),
        ("authn_login_fail", "WARNING"),
        ("authn_login_lock", "WARNING"),
        ("session_use_after_expire", "WARNING"),
        ("session_expired", "INFO"),
        ("sys_crash", "WARNING"),
        ("malicious_direct_reference", "WARNING"),
        ("not_malicious_at_all", "INFO"),
    ],
)
def test_what_went_wrong_is_a_warning_and_all_else_is_not(
    event: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    record_event(event)
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("audit", level, event)
    ]


def test_details_that_are_not_known_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    record_event("authn_login_success", user_agent=None, user="u1", session=None)
    assert vars(caplog.records[0])["details"] == {"user": "u1"}


def test_a_browsers_name_costs_as_many_bytes_in_the_log_as_it_has_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Escaped they would be six times as many, and push other lines out sooner."""
    record_event("authn_login_success", user_agent="Bröwser\xff 1")
    assert vars(caplog.records[0])["details"] == {"user_agent": "Br?wser? 1"}


def test_start_and_end_are_recorded_whatever_level_others_log_at(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.ERROR)
    record_start(None)
    record_end(None)
    assert [record.message for record in caplog.records] == ["sys_startup", "sys_shutdown"]
    assert audit_log.name == "audit"

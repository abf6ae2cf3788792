"""Problems in settings: every one at once, each once, in words for people."""

import re
from collections.abc import Callable

import pytest

from doorward_settings.web_frontend import Settings
from session_contract.startup import StartupError

ReadSettings = Callable[..., Settings]


def problems(read: ReadSettings, **changes: str) -> list[str]:
    with pytest.raises(StartupError) as caught:
        read(**changes)
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("idle_seconds", "30m", "use whole seconds from 1 to 86400, such as 1800, not '30m'"),
        ("idle_seconds", "1.0", "use whole seconds from 1 to 86400, such as 1800, not '1.0'"),
        ("renew_seconds", "31", "use whole seconds from 0 to 30, such as 30, not '31'"),
        ("registration", "yes", "use open or closed, not 'yes'"),
        ("allow_insecure_http", "maybe", "use 1, or leave it empty, not 'maybe'"),
        ("port", "0x50", "use a port from 1 to 65535, not '0x50'"),
        ("port", "8_080", "use a port from 1 to 65535, not '8_080'"),
        ("auth_url", "auth:8001", "use http://, a host and a port"),
        ("trusted_proxies", "proxy", "'proxy' is neither an address nor a network: use one such"),
        ("trusted_proxies", "::/0", "'::/0' would trust everybody"),
        ("tls_dir", "certs", "use an absolute path"),
    ],
)
def test_what_is_wrong_is_said_in_words_with_what_to_write(
    read: ReadSettings, name: str, value: str, said: str
) -> None:
    [problem] = problems(read, **{name: value})
    assert problem.startswith(f"DOORWARD_{name.upper()}: {said}")


def test_conflicts_are_named_beside_values_that_are_wrong(read: ReadSettings) -> None:
    said = problems(read, idle_seconds="20", absolute_seconds="10", registration="maybe")
    assert len(said) == 3
    text = "\n".join(said)
    assert "DOORWARD_REGISTRATION: use open or closed" in text
    assert "DOORWARD_IDLE_SECONDS (20) is longer than DOORWARD_ABSOLUTE_SECONDS (10)" in text
    assert "DOORWARD_RENEW_SECONDS (30) must be shorter than DOORWARD_IDLE_SECONDS (20)" in text


def test_a_wrong_value_is_in_no_conflict(read: ReadSettings) -> None:
    [problem] = problems(read, idle_seconds="x", absolute_seconds="10")
    assert problem.startswith("DOORWARD_IDLE_SECONDS")


def test_no_word_of_a_library_reaches_people(read: ReadSettings) -> None:
    text = "\n".join(
        problems(
            read,
            port="x",
            bind="x",
            public_url="http://1.2.3",
            idle_seconds="",
            password_min_length="x",
            tls_certificate_file='a"b',
            edge_credential="",
            edge_credential_file="/nowhere",
            csrf_key="x",
        )
    )
    assert not re.search(r"(?i)errno|input should|valid|pydantic|octet|field|traceback", text)
    assert "/nowhere is not there" in text


@pytest.mark.proves("V13.3.1")
def test_a_secret_is_never_part_of_a_problem(read: ReadSettings) -> None:
    assert "hunter2" not in "\n".join(problems(read, csrf_key="hunter2", edge_credential="hunter2"))

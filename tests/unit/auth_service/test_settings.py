"""The settings: their defaults, their limits, and what is said about all that is wrong."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from auth_service.app import create_app
from doorward_settings.auth_service import Settings, read_settings
from session_contract.startup import StartupError

MakeSettings = Callable[..., Settings]
CREDENTIAL = "rkSKyGxOjk3sZFcpcI70GHOuecbf-E7_czYJiUh_COU"
SECRETS = ["EDGE_CREDENTIAL", "SERVICE_CREDENTIAL"]


def problems(make_settings: MakeSettings, **changes: object) -> str:
    with pytest.raises(StartupError) as caught:
        make_settings(**changes)
    return str(caught.value)


@pytest.mark.proves("V11.4.2")
def test_defaults_are_those_of_the_contract(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("BCRYPT_ROUNDS", "TEST_FAST_HASH"):
        environment.delenv(f"DOORWARD_{name}")
    settings = read_settings()
    assert settings.data_dir == tmp_path / "data"
    assert (settings.idle_seconds, settings.absolute_seconds) == (1800, 43_200)
    assert (settings.bcrypt_rounds, settings.password_min_length, settings.lowest_cost) == (
        12,
        15,
        10,
    )
    assert settings.registration == "open"


def test_an_empty_variable_is_as_good_as_none(make_settings: MakeSettings) -> None:
    settings = make_settings(
        idle_seconds="", registration="", password_min_length="", auth_listen=""
    )
    assert (settings.idle_seconds, settings.registration) == (1800, "open")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("idle_seconds", ["0", "-1", "x", "1.5", "86401", "1e3"]),
        ("absolute_seconds", ["0", "-1", "x", "2592001"]),
        ("bcrypt_rounds", ["3", "16", "twelve", "12.5"]),
        ("password_min_length", ["7", "0", "65", "x"]),
        ("registration", ["Open", "yes", "1", "invite"]),
        ("test_fast_hash", ["perhaps", "2"]),
    ],
)
def test_a_value_out_of_range_is_refused_naming_the_variable_and_the_value(
    make_settings: MakeSettings, name: str, values: list[str]
) -> None:
    for value in values:
        message = problems(make_settings, **{name: value})
        assert f"DOORWARD_{name.upper()}" in message
        assert value in message


@pytest.mark.proves("V13.2.3")
@pytest.mark.parametrize("name", ["DATA_DIR", "KEY_SET_FILE", *SECRETS])
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_what_has_no_default_must_be_set(
    environment: pytest.MonkeyPatch, name: str, how: str
) -> None:
    if how == "unset":
        environment.delenv(f"DOORWARD_{name}")
    else:
        environment.setenv(f"DOORWARD_{name}", "")
    with pytest.raises(StartupError, match=f"DOORWARD_{name}"):
        read_settings()


def test_all_that_is_wrong_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DOORWARD_DATA_DIR")
    wrong = {
        "EDGE_CREDENTIAL": "short",
        "IDLE_SECONDS": "x",
        "REGISTRATION": "maybe",
        "BCRYPT_ROUNDS": "99",
    }
    for name, value in wrong.items():
        environment.setenv(f"DOORWARD_{name}", value)
    with pytest.raises(StartupError) as caught:
        read_settings()
    assert len(caught.value.problems) == 5
    for name in ("DATA_DIR", *wrong):
        assert f"DOORWARD_{name}" in str(caught.value)


def test_an_idle_limit_beyond_the_absolute_one_is_refused(make_settings: MakeSettings) -> None:
    assert make_settings(idle_seconds=600, absolute_seconds=600)
    message = problems(make_settings, idle_seconds=601, absolute_seconds=600)
    assert "DOORWARD_IDLE_SECONDS" in message
    assert "DOORWARD_ABSOLUTE_SECONDS" in message


@pytest.mark.parametrize("rounds", [4, 9])
def test_low_costs_need_the_switch_for_tests(make_settings: MakeSettings, rounds: int) -> None:
    assert make_settings(bcrypt_rounds=rounds).bcrypt_rounds == rounds
    message = problems(make_settings, bcrypt_rounds=rounds, test_fast_hash=0)
    assert "DOORWARD_BCRYPT_ROUNDS" in message
    assert make_settings(bcrypt_rounds=10).lowest_cost == 10


# --- secrets


@pytest.mark.proves("V11.2.3", "V13.2.3")
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "value",
    [
        "too-short",
        CREDENTIAL[:42],
        "changeme" * 6,
        "0" * 43,
        "abcabcabc" * 5,
        CREDENTIAL + "!",
        CREDENTIAL + " x",
        "é" + CREDENTIAL[1:],
        CREDENTIAL + "=",
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_secret_that_is_short_memorable_or_malformed_is_refused_and_never_shown(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, in_file: bool
) -> None:
    if in_file:
        environment.delenv(f"DOORWARD_{name}")
        environment.setenv(f"DOORWARD_{name}_FILE", str(tmp_path / "secret"))
        (tmp_path / "secret").write_text(value + "\n")
    else:
        environment.setenv(f"DOORWARD_{name}", value)
    with pytest.raises(StartupError, match=f"DOORWARD_{name}") as caught:
        read_settings()
    assert value not in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    (tmp_path / "secret").write_bytes((CREDENTIAL + end).encode())
    environment.setenv("DOORWARD_EDGE_CREDENTIAL", "")
    environment.setenv("DOORWARD_EDGE_CREDENTIAL_FILE", str(tmp_path / "secret"))
    assert read_settings().edge_credential == CREDENTIAL


@pytest.mark.parametrize("kind", ["missing", "a folder", "not ASCII"])
def test_a_secret_file_that_cannot_be_read_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "secret"
    if kind == "a folder":
        path.mkdir()
    elif kind == "not ASCII":
        path.write_bytes(b"\xff" * 50)
    environment.delenv("DOORWARD_EDGE_CREDENTIAL")
    environment.setenv("DOORWARD_EDGE_CREDENTIAL_FILE", str(path))
    with pytest.raises(StartupError, match="DOORWARD_EDGE_CREDENTIAL") as caught:
        read_settings()
    assert str(path) in str(caught.value)


def test_a_secret_given_twice_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CREDENTIAL)
    environment.setenv("DOORWARD_EDGE_CREDENTIAL_FILE", str(tmp_path / "secret"))
    with pytest.raises(StartupError, match="DOORWARD_EDGE_CREDENTIAL"):
        read_settings()


@pytest.mark.proves("V13.2.1")
def test_the_two_credentials_must_differ(make_settings: MakeSettings) -> None:
    message = problems(make_settings, edge_credential=CREDENTIAL, service_credential=CREDENTIAL)
    assert "are the same" in message
    assert CREDENTIAL not in message


@pytest.mark.proves("V13.3.1")
def test_no_secret_is_shown_with_the_settings(settings: Settings) -> None:
    assert settings.edge_credential not in repr(settings)
    assert settings.service_credential not in repr(settings)


def test_settings_do_not_change(settings: Settings) -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.idle_seconds = 1  # type: ignore[misc]


@pytest.mark.parametrize(("minimum", "warns"), [(8, True), (14, True), (15, False), (64, False)])
def test_a_minimum_length_below_15_is_allowed_with_a_warning(
    make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    minimum: int,
    warns: bool,
) -> None:
    with caplog.at_level(logging.WARNING):
        create_app(make_settings(password_min_length=minimum))
    assert ("DOORWARD_PASSWORD_MIN_LENGTH" in caplog.text + capsys.readouterr().err) is warns

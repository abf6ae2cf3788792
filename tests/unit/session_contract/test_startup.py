"""What is said when a service cannot start."""

from typing import Any

import pytest

from session_contract.keyset import KeySetError
from session_contract.startup import StartupError, read, started


def test_a_service_that_can_start_is_returned_as_it_was_built(
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = object()
    assert started("auth-service", lambda: service) is service
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fault", "about", "lines"),
    [
        (StartupError, ["the first", "the second"], ["  - the first", "  - the second"]),
        (KeySetError, "holds no key", ["  - holds no key"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once_and_gunicorn_is_told_not_to_try_again(
    fault: type[Exception], about: object, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def build() -> None:
        raise fault(about)

    with pytest.raises(SystemExit) as ended:
        started("auth-service", build)
    assert ended.value.code == 3
    assert capsys.readouterr().err.splitlines() == ["auth-service cannot start:", *lines]


def test_a_bug_is_no_reason_of_ours_and_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        started("auth-service", lambda: 1 // 0)


class Wrong(ValueError):
    """What pydantic raises, in short."""

    def errors(self) -> list[dict[str, Any]]:
        return [
            {"loc": ("data_dir",), "type": "missing", "input": {}, "msg": "Field required"},
            {
                "loc": ("idle_seconds",),
                "type": "int_parsing",
                "input": "x",
                "msg": "should be a number",
            },
        ]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set two secrets; return them as settings get them."""
    given = {
        name: f"{name}-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop" for name in ("edge", "service")
    }
    for name, value in given.items():
        monkeypatch.setenv(f"DOORWARD_{name.upper()}", value)
    return given


def test_settings_get_their_secrets(secrets: dict[str, str]) -> None:
    assert read(dict, secrets) == (secrets, [])


def test_a_setting_that_is_missing_and_one_that_is_wrong_are_named_as_they_are_set(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOORWARD_EDGE")

    def build(**_given: str) -> None:
        raise Wrong

    with pytest.raises(StartupError) as caught:
        read(build, secrets)
    assert caught.value.problems == [
        "neither DOORWARD_EDGE nor DOORWARD_EDGE_FILE is set",
        "DOORWARD_DATA_DIR is not set",
        "DOORWARD_IDLE_SECONDS ('x'): should be a number",
    ]


def test_secrets_must_differ(secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_EDGE", secrets["service"])
    assert read(dict, secrets)[1] == ["DOORWARD_EDGE, DOORWARD_SERVICE must differ"]

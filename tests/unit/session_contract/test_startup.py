"""What is said when a service cannot start."""

import pytest

from session_contract.keyset import KeySetError
from session_contract.startup import StartupError, started


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

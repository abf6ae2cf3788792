"""What `make check`, `make test` and `make test-slow` run, and what they say about the rest."""

import pytest

import check
import run_tests
from run_tests import Layer


class Runner:
    """Notes the layers that would be run instead of running them."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, layer: Layer, *more: str, **settings: str) -> int:
        self.ran.append((layer.name, *more, *settings))
        return self.code


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """No layer is run, and without an engine the last one cannot be."""
    made = Runner()
    monkeypatch.setattr(run_tests, "run", made)
    monkeypatch.setattr(
        run_tests, "why_not", lambda layer: "no Docker engine answers" if layer.engine else None
    )
    monkeypatch.setattr("sys.argv", ["run_tests.py"])
    monkeypatch.delenv("DOORWARD_TEST_REQUIRE", raising=False)
    return made


def test_every_skipped_layer_is_named_at_the_end_with_the_reason(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_tests.main() == 0
    *passed, skipped = capsys.readouterr().out.splitlines()[-len(run_tests.LAYERS) :]
    assert skipped.split(maxsplit=1) == ["compose", "skipped: no Docker engine answers"]
    assert [line.split() for line in passed] == [[name, "passed"] for name, *_ in runner.ran]


def test_a_required_layer_that_is_skipped_is_a_failure(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORWARD_TEST_REQUIRE", "unit,compose")
    assert run_tests.main() == 1
    assert "skipped, but required: no Docker engine" in capsys.readouterr().out


def test_a_failed_layer_is_named_and_the_others_run_all_the_same(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.code = 1
    assert run_tests.main() == 1
    assert len(runner.ran) == len(run_tests.LAYERS) - 1
    assert capsys.readouterr().out.count("failed (pytest ended with 1)") == len(runner.ran)


@pytest.mark.parametrize(
    ("arguments", "selection", "settings"),
    [([], "not slow", []), (["slow"], "slow or prolonged", ["LONG"])],
)
def test_slow_tests_are_left_to_their_own_command(
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    selection: str,
    settings: list[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["run_tests.py", *arguments])
    run_tests.main()
    assert {tuple(rest) for _, *rest in runner.ran} == {("-m", selection, *settings)}


@pytest.mark.parametrize("failing", [None, "format", "check", "mypy", "tests"])
def test_the_quick_loop_is_format_types_and_fast_tests(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, failing: str | None
) -> None:
    commands: list[str] = []

    class Done:
        def __init__(self, command: tuple[object, ...], **_how: object) -> None:
            commands.append(" ".join(map(str, command)))
            self.returncode = int(failing is not None and failing in commands[-1].split("/")[-1])

    monkeypatch.setattr(check.subprocess, "run", Done)
    runner.code = int(failing == "tests")
    assert check.main() == (failing is not None)
    assert [command.split("/")[-1].split()[:2] for command in commands] == [
        ["ruff", "format"],
        ["ruff", "check"],
        ["mypy"],
    ]
    assert runner.ran == [("unit", "-m", "not slow", "-q")]

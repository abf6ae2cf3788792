"""Which way of running is chosen, and whose Compose project is touched."""

import os
from argparse import Namespace
from subprocess import CompletedProcess
from typing import ClassVar

import pytest

from scripts.doorward_stack import cli, engine
from scripts.doorward_stack.compose import ComposeStack
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import Layout


class FakeEngine(engine.Engine):
    """An engine of which only the answers are known."""

    base_image = "debian:trixie-slim"
    project = "doorward"

    def __init__(self, missing: str | None, *, base: bool = True, built: bool = False) -> None:
        self._missing = missing
        self._base = base
        self._built = built
        self.environ: dict[str, str] = {}

    def missing(self) -> str | None:
        return self._missing

    def can_build(self) -> bool:
        return self._base

    def has_image(self, name: str) -> bool:
        return self._built


@pytest.mark.parametrize(
    ("fake", "mode", "why"),
    [
        (FakeEngine(None), "compose", "a Docker engine answers"),
        (FakeEngine("no Docker engine answers"), "local", "no Docker engine answers"),
        (FakeEngine(None, base=False), "local", "could not be downloaded"),
        (FakeEngine(None, base=False, built=True), "compose", "a Docker engine answers"),
    ],
)
def test_compose_is_chosen_where_it_works(fake: FakeEngine, mode: str, why: str) -> None:
    choice = engine.choose(fake, "auto")
    assert choice.mode == mode
    assert why in choice.why


def test_images_stay_as_they_are_where_none_can_be_built() -> None:
    assert not engine.choose(FakeEngine(None, base=False, built=True), "compose").build


@pytest.mark.parametrize(
    "fake", [FakeEngine("no Docker engine answers"), FakeEngine(None, base=False)]
)
def test_compose_is_not_replaced_where_it_was_asked_for(fake: FakeEngine) -> None:
    with pytest.raises(StackError, match="MODE=compose is not possible"):
        engine.choose(fake, "compose")


@pytest.mark.parametrize(
    ("here", "pulled", "commands"),
    [
        (True, False, ["image"]),
        (False, True, ["image", "pull"]),
        (False, False, ["image", "pull"]),
    ],
)
def test_a_base_image_that_is_not_here_is_pulled(
    layout: Layout, here: bool, pulled: bool, commands: list[str]
) -> None:
    class Registry(engine.Engine):
        base_image = "debian:trixie-slim"
        asked: ClassVar[list[str]] = []

        def run(self, command, *, seconds=None, show=False):
            self.asked.append(command[1])
            succeeds = here if command[1] == "image" else pulled
            return CompletedProcess(command, 0 if succeeds else 1, "", "")

    fake = Registry(layout)
    assert fake.can_build() == (here or pulled)
    assert fake.asked == commands


class Answering(engine.Engine):
    """An engine whose commands end in a known way."""

    def __init__(self, layout: Layout, answers: dict[str, tuple[int, str]]) -> None:
        super().__init__(layout)
        self._answers = answers

    def run(self, command, *, seconds=None, show=False):
        code, text = self._answers[command[1]]
        return CompletedProcess(command, code, text, "")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"info": (127, "")}, "Docker is not installed"),
        ({"info": (1, "")}, "no Docker engine answers"),
        ({"info": (0, "\n")}, "no Docker engine answers"),
        ({"info": (0, "20.10"), "compose": (1, "")}, "Docker has no Compose plugin"),
        ({"info": (0, "20.10"), "compose": (0, "2.19.1")}, "Docker Compose is 2.19.1, and 2.20 or"),
    ],
)
def test_the_reason_against_compose_is_said(
    layout: Layout, answers: dict[str, tuple[int, str]], reason: str
) -> None:
    assert reason in str(Answering(layout, answers).missing())


@pytest.mark.parametrize("version", ["2.20.0", "v2.20.3", "5.6.1", "2.100.0-desktop.1"])
def test_compose_from_2_20_is_taken(layout: Layout, version: str) -> None:
    assert Answering(layout, {"info": (0, "29"), "compose": (0, version)}).missing() is None


def test_a_stack_beside_the_usual_one_is_another_compose_project(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the usual project, it would take that one's volumes along when it is removed.
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "the-usual-one")
    beside = engine.Engine(Layout(layout.root, layout.root / "elsewhere")).compose_command("ps")
    assert beside[beside.index("-p") + 1].startswith("doorward-")
    assert beside[beside.index("--env-file") + 1] == os.devnull
    assert engine.Engine(layout).compose_command("ps") == ["docker", "compose", "ps"]


def test_a_project_of_another_checkout_is_left_alone(layout: Layout) -> None:
    class SharedName(FakeEngine):
        def run(self, command, *, seconds=None, show=False):
            return CompletedProcess(command, 0, "/home/ann/doorward\n", "")

    stack = ComposeStack(layout, SharedName(None))
    assert not stack.running
    assert not stack.down()
    with pytest.raises(StackError, match="in use by /home/ann/doorward"):
        stack.up("")
    with pytest.raises(StackError, match="in use by /home/ann/doorward"):
        stack.clean()


class Empty(FakeEngine):
    """An engine that answers, without a container or image of this checkout."""

    def can_build(self) -> bool:
        pytest.fail("it would pull the base image")

    def run(self, command, *, seconds=None, show=False):
        return CompletedProcess(command, 0, "", "")


@pytest.mark.parametrize("action", cli.NEED_A_START)
def test_nothing_is_pulled_to_find_out_that_nothing_was_started(
    layout: Layout, action: str
) -> None:
    empty = Empty(None)
    empty._layout = layout
    arguments = Namespace(action=action, mode="auto")
    assert cli._former_mode(layout, empty, arguments, None) is None


def test_the_reason_is_said_where_the_containers_engine_has_stopped(layout: Layout) -> None:
    stopped = FakeEngine("no Docker engine answers")
    arguments = Namespace(action="logs", mode="auto")
    with pytest.raises(StackError, match="make logs needs Docker Compose here, but no Docker en"):
        cli._former_mode(layout, stopped, arguments, "compose")


def test_logs_that_went_with_their_containers_are_no_empty_success(layout: Layout) -> None:
    empty = Empty(None)
    empty._layout = layout
    with pytest.raises(StackError, match="There are no logs: Docker removes them"):
        ComposeStack(layout, empty).logs(follow=False)


def test_an_ipv6_address_keeps_its_brackets(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {"host_ip": "::1", "published": "8080"}
    nginx = {
        "ports": [published, published],
        "environment": {"DOORWARD_TLS_DIR": "/certs"},
        "volumes": [
            {"type": "bind", "source": str(layout.certs), "target": "/certs"},
            {"type": "bind", "source": str(layout.brand), "target": "/brand"},
        ],
    }
    fake = FakeEngine(None)
    monkeypatch.setattr(fake, "configuration", lambda: {"services": {"nginx": nginx}})
    assert ComposeStack(layout, fake)._address().public_url == "http://[::1]:8080"

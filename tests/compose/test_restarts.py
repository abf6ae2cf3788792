"""One service is restarted: the rest of the site goes on (9o); wrong settings change nothing."""

import subprocess
import threading
import urllib.error
import urllib.request
from typing import cast

import pytest

from running_stack import ComposeStack, Stack


@pytest.fixture
def containers(stack: Stack) -> ComposeStack:
    """The shared stack, which these tests leave running."""
    return cast("ComposeStack", stack)


def status(url: str) -> int:
    """Return the status of an answer; a connection that is refused raises."""
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def started_at(containers: ComposeStack, service: str) -> str:
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}"]
    done = subprocess.run(
        [*command, containers.container(service)], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_pages_go_on_while_auth_service_restarts(containers: ComposeStack) -> None:
    before = started_at(containers, "nginx")
    pages: set[int] = set()
    health: set[int] = set()
    ended = threading.Event()
    problems: list[Exception] = []

    def ask() -> None:
        while not ended.is_set():
            try:
                pages.add(status(f"{containers.base_url}/login"))
                health.add(status(f"{containers.base_url}/healthz"))
            except OSError as error:
                problems.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        containers.compose("restart", "auth-service")
        containers.wait_until_ready()
    finally:
        ended.set()
        asking.join()
    assert problems == []
    assert pages == {200}
    assert health == {200, 503}
    assert started_at(containers, "nginx") == before, "nginx is not restarted"

"""Packets to auth-service disappear, so that nobody is told that there is no answer to come."""

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from journeys.test_outages import (
    RENEW_SECONDS,
    check_that_all_is_well_again,
    check_that_nobody_gets_in,
    check_that_reading_goes_on,
)
from journeys.visitor import Visitor, claims, new_name
from running_stack import ComposeStack, Stack, eventually
from tests.conftest import Tally

CLONE_NEWNET = 0x40000000


def enter_an_own_network() -> None:
    """Give this thread, and the programs it starts, a network with only a loopback device."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        pytest.skip(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def wire(stack: Stack) -> list[str]:
    """Return the command that runs others in the network that auth-service is in."""
    if stack.mode == "local":
        return []
    container = cast("ComposeStack", stack).container("auth-service")
    form = ("docker", "inspect", "--format", "{{.State.Pid}}", container)
    pid = subprocess.run(form, check=True, capture_output=True, text=True).stdout.strip()
    # Unlike pathlib, os.path does not raise for a process of root's.
    if not os.path.exists(f"/proc/{pid}/ns/net"):  # noqa: PTH110
        pytest.skip("the engine runs on another machine, whose networks cannot be entered")
    return ["nsenter", "--target", pid, "--net"]


@contextmanager
def dropped_packets(stack: Stack) -> Iterator[None]:
    """Let whatever is sent to auth-service disappear, on open connections and new ones."""
    port = stack.ports["auth-service"] if stack.mode == "local" else 8001
    rule = ["INPUT", "--protocol", "tcp", "--dport", str(port), "--jump", "DROP"]
    iptables = [*wire(stack), "iptables", "--wait"]
    subprocess.run([*iptables, "--append", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run([*iptables, "--delete", *rule], check=True)


def check(start_stack: Callable[..., Stack], tally: Tally) -> None:
    stack = start_stack(DOORWARD_RENEW_SECONDS=RENEW_SECONDS)
    with Visitor(stack.base_url) as resident, Visitor(stack.base_url) as newcomer:
        assert resident.register(new_name()).status_code == 303
        due = claims(resident.token)["iat"] + RENEW_SECONDS
        eventually(lambda: time.time() > due + 0.1, "time stands still")
        with dropped_packets(stack):
            check_that_reading_goes_on(resident, tally)
            check_that_nobody_gets_in(stack, newcomer, tally)
            check_that_reading_goes_on(resident, tally)
            tally.tried += 5
        check_that_all_is_well_again(stack, resident)


@pytest.mark.fault(13)
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("iptables") or not shutil.which("ip"),
    reason="only root with iptables and ip (Debian: iptables, iproute2) can let packets disappear",
)
def test_while_packets_disappear_nobody_waits_for_long_and_reading_goes_on(
    start_stack: Callable[..., Stack], request: pytest.FixtureRequest, tally: Tally
) -> None:
    tally.unit = "requests"
    if request.config.getoption("stack") == "compose":
        check(start_stack, tally)
        return

    def in_an_own_network() -> None:
        enter_an_own_network()
        check(start_stack, tally)

    # A thread that has entered a network cannot be used for anything else.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_an_own_network).result()

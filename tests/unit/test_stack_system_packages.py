"""Missing programs are installed with apt-get by root; others are told what to type."""

import os
from pathlib import Path

import pytest

from scripts.doorward_stack import system_packages
from scripts.doorward_stack.errors import StackError

WANTED = {"nginx-that-is-missing": "nginx", "sh": "dash"}
COMMAND = "apt-get install -y --no-install-recommends nginx"


class Machine:
    """A machine whose only program beside the shell is an apt-get that keeps a log."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._programs = folder / "bin"
        self._programs.mkdir()
        self._log = folder / "log"
        self.policy = folder / "policy-rc.d"
        monkeypatch.setattr(system_packages, "POLICY", self.policy)
        monkeypatch.setattr(system_packages, "SEARCH_PATH", "/usr/bin:/bin")
        monkeypatch.setenv("PATH", str(self._programs))
        self.become(0, monkeypatch)

    def become(self, user: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Call as this user from now on."""
        monkeypatch.setattr(os, "geteuid", lambda: user)

    def add_apt(self, script: str = "exit 0") -> None:
        """Put an apt-get on the PATH, which logs its arguments and whether services may start."""
        apt = self._programs / "apt-get"
        policy = f'[ -x "{self.policy}" ] && echo "no services" >> "{self._log}"'
        apt.write_text(f'#!/bin/sh\necho "$*" >> "{self._log}"\n{policy}\n{script}\n')
        apt.chmod(0o755)

    def log(self) -> list[str]:
        """Return what apt-get was called with."""
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Machine:
    # Not `tmp_path`: programs in memory may not be allowed to run.
    return Machine(tmp_path_factory.mktemp("machine"), monkeypatch)


def test_root_installs_what_is_missing_and_starts_no_service(machine: Machine) -> None:
    machine.add_apt()
    system_packages.need(WANTED, "Local mode", ["python3-venv"])
    installed, policy = machine.log()
    assert installed.endswith("install -y --no-install-recommends python3-venv nginx")
    assert policy == "no services"
    assert not machine.policy.exists()


def test_nothing_is_installed_where_nothing_is_missing(machine: Machine) -> None:
    machine.add_apt()
    system_packages.need({"sh": "dash"}, "Local mode")
    assert machine.log() == []


def test_others_are_told_the_one_command_to_type(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add_apt()
    machine.become(1000, monkeypatch)
    with pytest.raises(StackError, match=f"Local mode needs nginx, .*:  sudo {COMMAND}"):
        system_packages.need(WANTED, "Local mode")
    assert machine.log() == []


def test_where_there_is_no_apt_the_missing_package_is_named(machine: Machine) -> None:
    with pytest.raises(StackError, match=r"needs nginx, .* this system's package manager"):
        system_packages.need(WANTED, "Local mode")


def test_old_package_lists_are_renewed_before_it_is_given_up(machine: Machine) -> None:
    machine.add_apt("echo 404 Not Found; exit 100")
    with pytest.raises(StackError, match=r"(?s)installing it failed:.*404 Not Found"):
        system_packages.need(WANTED, "Local mode")
    calls = [line.split("=300 ")[-1] for line in machine.log() if line != "no services"]
    install = COMMAND.removeprefix("apt-get ")
    assert calls == [install, "update", install]
    assert not machine.policy.exists()


def test_a_policy_that_lets_services_start_stops_the_installation(machine: Machine) -> None:
    machine.add_apt()
    machine.policy.write_text("#!/bin/sh\nexit 0\n")
    machine.policy.chmod(0o755)
    with pytest.raises(StackError, match=f"nothing was installed. Type this.*{COMMAND}"):
        system_packages.need(WANTED, "Local mode")
    assert machine.log() == []
    assert machine.policy.exists()

"""Finds programs of the operating system, and installs them as root."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import progress
from .errors import StackError, indent

# Debian leaves these off ordinary users' PATH, and nginx is in one of them.
SEARCH_PATH = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin")
)
# Debian's packages ask this program before they start a service, and 101 means no.
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Made by Doorward while it installs packages.\nexit 101\n"


def find(program: str) -> str | None:
    """Return the path of an installed program."""
    return shutil.which(program, path=SEARCH_PATH)


def need(wanted: Mapping[str, str], purpose: str, also: Sequence[str] = ()) -> None:
    """Make sure that programs are there.

    Args:
        wanted: the programs, each with the Debian package that has it.
        purpose: begins the message, such as "Local mode".
        also: packages to install beside them.

    Raises:
        StackError: something is missing and could not be installed.
    """
    packages = [*also, *(package for program, package in wanted.items() if not find(program))]
    if packages:
        are = "which is" if len(packages) == 1 else "which are"
        _install(packages, f"{purpose} needs {' and '.join(packages)}, {are} not installed")


def _install(packages: Sequence[str], reason: str) -> None:
    if shutil.which("apt-get") is None:
        raise StackError(
            f"{reason}. Install it with this system's package manager, then try again."
        )
    arguments = ("install", "-y", "--no-install-recommends", *packages)
    command = f"apt-get {' '.join(arguments)}"
    if os.geteuid() != 0:
        raise StackError(f"{reason}. Type this, then try again:  sudo {command}")
    print(f"{reason}: installing …", flush=True)
    with (
        _no_service_starts(f"Type this, then try again:  {command}"),
        progress.shown("Installing"),
    ):
        done = _apt(*arguments)
        if done.returncode != 0:
            # Package lists that are too old name files that are gone.
            _apt("update")
            done = _apt(*arguments)
    if done.returncode != 0:
        raise StackError(f"{reason}, and installing it failed:\n{indent(done.stdout, 8)}")
    if shutil.which("systemctl"):
        # Nor at the next start of the machine; a package without a service is no error.
        disable = ["systemctl", "disable", "--quiet", *packages]
        subprocess.run(disable, check=False, stderr=subprocess.DEVNULL)


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )


@contextmanager
def _no_service_starts(remedy: str) -> Iterator[None]:
    """Keep packages from starting services, unless the operator has decided on that."""
    # One of ours is left where an installation was killed.
    if POLICY.exists() and POLICY.read_text("utf-8", errors="replace") != POLICY_TEXT:
        if subprocess.run([POLICY, "nginx", "start"], check=False).returncode != 101:
            raise StackError(
                f"{POLICY} lets packages start services here, so nothing was installed. {remedy}"
            )
        yield
        return
    POLICY.write_text(POLICY_TEXT, "utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()

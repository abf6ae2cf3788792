"""Programs of the operating system: found, or installed where that is allowed."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .errors import StackError

# Debian leaves these off ordinary users' PATH, and nginx is in one of them.
SEARCH_PATH = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin")
)
POLICY = Path("/usr/sbin/policy-rc.d")
# invoke-rc.d and deb-systemd-invoke ask this program, and 101 means: leave it alone.
POLICY_TEXT = "#!/bin/sh\n# Made by Doorward while it installs packages.\nexit 101\n"


def find(program: str) -> str | None:
    """Return the path of an installed program."""
    return shutil.which(program, path=SEARCH_PATH)


def need(wanted: Mapping[str, str], who: str, also: Sequence[str] = ()) -> None:
    """Make sure that programs are there, given with their packages, and packages beside them.

    All of them are installed at once, or named in the one command to type where we may not.
    """
    packages = [*also, *(package for program, package in wanted.items() if not find(program))]
    if packages:
        are = "which is" if len(packages) == 1 else "which are"
        install(packages, f"{who} needs {' and '.join(packages)}, {are} not installed")
    still = [program for program in wanted if not find(program)]
    if still:
        raise StackError(f"{who} needs {' and '.join(still)}: still not there after installing.")


def install(packages: Sequence[str], reason: str) -> None:
    """Install Debian packages without starting or enabling any service."""
    if shutil.which("apt-get") is None:
        raise StackError(
            f"{reason}. Install it with this system's package manager, then try again."
        )
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0:
        raise StackError(f"{reason}. Type this, then try again:  sudo {command}")
    print(f"{reason}: installing …", flush=True)
    with _services_left_alone(f"Type this, then try again:  {command}"):
        done = _apt("install", "-y", "--no-install-recommends", *packages)
        if done.returncode != 0:
            # Package lists that are too old name files that are gone.
            _apt("update")
            done = _apt("install", "-y", "--no-install-recommends", *packages)
    if done.returncode != 0:
        tail = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-8:])
        raise StackError(f"{reason}, and installing it failed:\n{tail}")
    if shutil.which("systemctl"):
        # Nor at the next start of the machine; a package without a service is no error.
        for package in packages:
            subprocess.run(
                ["systemctl", "disable", "--quiet", package], check=False, stderr=subprocess.DEVNULL
            )


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
def _services_left_alone(otherwise: str) -> Iterator[None]:
    ours = _put_policy(otherwise)

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    # Ended in between, the policy must not stay and keep other packages' services down.
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if ours:
            POLICY.unlink(missing_ok=True)


def _put_policy(otherwise: str) -> bool:
    """Deny service starts; return whether the policy is ours to take away."""
    try:
        with POLICY.open("x") as handle:
            handle.write(POLICY_TEXT)
            os.fchmod(handle.fileno(), 0o755)
    except FileExistsError:
        if POLICY.read_text("utf-8", errors="replace") == POLICY_TEXT:
            return True
        verdict = subprocess.run([str(POLICY), "nginx", "start"], check=False).returncode
        if verdict != 101:
            # It is the administrator's, and not ours to change.
            raise StackError(
                f"{POLICY} lets packages start services here, so nothing was installed. {otherwise}"
            ) from None
        return False
    return True

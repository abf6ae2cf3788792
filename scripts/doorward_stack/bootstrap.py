"""Makes the checkout's virtual environment from the hash-pinned requirements."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from . import progress, system_packages
from .errors import StackError, indent

RUN = ("auth-service", "web-frontend", "nginx", "scripts")
TEST = (*RUN, "tests")
MUTANTS = (*TEST, "tests/mutation")
BENCH = ("benchmarks",)
# Settings for another Python, which could change the installed or imported packages.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
CHECK = "import sys, pip; sys.exit(sys.version_info < (3, 11))"


def ensure(root: Path, projects: tuple[str, ...] = RUN, folder: str = ".") -> None:
    """Install the packages that these parts of the checkout require, unless they are there.

    It goes into the `.venv` of `folder`: what the benchmarks compare must not mix with the product.
    """
    venv = root / folder / ".venv"
    files = [root / project / "requirements.txt" for project in projects]
    wanted = _digest(venv, files)
    stamp = venv / f".installed-{'-'.join(projects).replace('/', '-')}"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    if not _works(venv):
        _make(venv)
    names = ", ".join(projects)
    print(f"Installing the Python packages for {names} into {venv.relative_to(root)} …", flush=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--require-hashes"]
    quietly = ["--quiet", "--no-input", "--disable-pip-version-check"]
    pins = [argument for file in files for argument in ("-r", str(file))]
    _run([*pip, *quietly, *pins], "The Python packages could not be installed")
    stamp.write_text(wanted, "utf-8")


def packages(root: Path) -> list[str]:
    """Return the Debian packages without which the virtual environment cannot be made."""
    lacking = importlib.util.find_spec("ensurepip") is None and not _works(root / ".venv")
    return ["python3-venv"] if lacking else []


def _digest(venv: Path, files: list[Path]) -> str:
    digest = hashlib.sha256(f"{venv}\n{sys.version_info[:2]}\n".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _works(venv: Path) -> bool:
    settings = venv / "pyvenv.cfg"
    # One that was copied along knows another path, and its programs do not work.
    if not settings.exists() or str(venv) not in settings.read_text("utf-8"):
        return False
    python = venv / "bin" / "python"
    try:
        return (
            subprocess.run([python, "-c", CHECK], check=False, capture_output=True).returncode == 0
        )
    except FileNotFoundError:
        return False


def _make(venv: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        system_packages.need({}, "Making .venv", ["python3-venv"])
    make = [sys.executable, "-m", "venv", "--clear", str(venv)]
    _run(make, f"The virtual environment {venv} could not be made")


def _run(command: list[str], failure: str) -> None:
    with progress.shown("Installing"):
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    if done.returncode != 0:
        raise StackError(f"{failure}:\n{indent(done.stdout, 8)}")

"""The authority of one test run: the tests' clients trust it, and it certifies stacks with TLS."""

import atexit
import functools
import os
import shutil
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.doorward_stack.authority import Authority

NAMES = ("localhost", "127.0.0.1", "::1", "door.example")
# The one that only nginx's container is in.
KEY_GROUP = 10004


@functools.cache
def authority() -> Authority:
    """Return this run's authority."""
    return Authority("a run of Doorward's tests")


@functools.cache
def authority_file() -> str:
    """Return the file of its certificate, which is gone when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="doorward-trust-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "authority.pem").write_bytes(authority().certificate)
    return str(folder / "authority.pem")


@functools.cache
def context() -> ssl.SSLContext:
    """Return what a client verifies with."""
    return ssl.create_default_context(cafile=authority_file())


def certify(folder: Path, names: Sequence[str] = NAMES, days: int = 30) -> bytes:
    """Put a new certificate and its key into a folder, each in one step; return the certificate."""
    certificate, key = authority().issue(names, days)
    _put(folder / "privkey.pem", key)
    _put(folder / "fullchain.pem", certificate)
    return certificate


def _put(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    if os.geteuid() == 0:
        os.chown(temporary, -1, KEY_GROUP)
        temporary.chmod(0o640)
    temporary.replace(path)

"""The names of the settings, and the address that comes of them.

`doorward_init` judges the values. This is the standard library alone, for Compose mode.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .errors import StackError
from .health import Address
from .layout import Layout

PREFIX = "DOORWARD_"
# Switches of the tests themselves.
TEST_PREFIX = "DOORWARD_TEST_"
# As in auth-service's image. What users.json is read into in one piece goes back to the system at
# once; by itself glibc learns from the first such piece to keep all of them.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4194304", "MALLOC_TRIM_THRESHOLD_": "8388608"}


def known_names(root: Path) -> set[str]:
    """Return every setting that `.env.example` explains: it is the one list of them."""
    example = (root / ".env.example").read_text("utf-8")
    return set(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))


def refuse_unknown(layout: Layout, environ: Mapping[str, str]) -> None:
    """Raise StackError if `.env` or the environment has a setting that does not exist."""
    known = known_names(layout.root)
    problems = []
    for name in sorted((_names_in_file(layout) | set(environ)) - known):
        if not name.startswith(PREFIX) or name.startswith(TEST_PREFIX):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "All settings are in .env.example."
        problems.append(f"{name} is not a setting of Doorward. {hint}")
    if problems:
        raise StackError(*problems)


def _names_in_file(layout: Layout) -> set[str]:
    file = layout.root / ".env"
    # A stack beside the usual one does not use the checkout's .env.
    if layout.separate or not file.exists():
        return set()
    text = file.read_text("utf-8-sig", errors="replace")
    return set(re.findall(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]+)\s*=", text, re.MULTILINE))


def address(values: Mapping[str, str], tls_dir: Path) -> Address:
    """Return where nginx answers with these settings, which have been judged before."""
    port = int(values.get("DOORWARD_PORT") or 8080)
    https_port = int(values.get("DOORWARD_HTTPS_PORT") or 8443)
    bind = values.get("DOORWARD_BIND") or "127.0.0.1"
    tls = _has_certificate(values, tls_dir)
    reached_by_name = ("127.0.0.1", "0.0.0.0", "[::]")  # noqa: S104
    host = "localhost" if bind in reached_by_name else bind
    default = f"https://{host}:{https_port}" if tls else f"http://{host}:{port}"
    public_url = values.get("DOORWARD_PUBLIC_URL") or default
    return Address(bind, port, https_port, tls=tls, public_url=public_url)


def _has_certificate(values: Mapping[str, str], tls_dir: Path) -> bool:
    if values.get("DOORWARD_TLS_CERTIFICATE_FILE") or values.get("DOORWARD_TLS_KEY_FILE"):
        return True
    # A broken link counts too; init then reports it.
    return any(os.path.lexists(tls_dir / name) for name in ("fullchain.pem", "privkey.pem"))

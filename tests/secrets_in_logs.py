"""Looks for secrets in what a stack has logged."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus

import psutil

from journeys.visitor import PASSWORD
from running_stack import Stack, StackFailed

CANARY = "canary-that-stands-nowhere-else"
"""What secrets begin with that tests send to see where they turn up."""

ENOUGH_HASHES = 50

_READ_FILES = """
for name in KEY_SET CSRF_KEY EDGE_CREDENTIAL SERVICE_CREDENTIAL; do
    file=$(printenv "DOORWARD_${name}_FILE") && [ -r "$file" ] && cat "$file" && echo
done
[ ! -r "${DOORWARD_DATA_DIR:-}/users.json" ] || cat "$DOORWARD_DATA_DIR/users.json"
"""


def leaks(log: str, secrets: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that stand in a log, in whatever spelling."""
    return [
        name for name, secret in secrets.items() if any(text in log for text in _spellings(secret))
    ]


def leaked_by(stack: Stack) -> list[str]:
    """Return which secrets a stack has logged: the tests' password, and its own if known."""
    own: dict[str, str] = {}
    with suppress(OSError, StackFailed, psutil.NoSuchProcess):
        own = secrets_of(stack)
    return leaks(stack.logs(), own | {"the usual password": PASSWORD})


def _spellings(secret: str) -> Iterable[str]:
    assert len(secret) >= 8, "too short to be looked for"
    data = secret.encode("utf-8", "surrogatepass")
    yield from (secret, quote(data), quote_plus(data), repr(secret)[1:-1])
    yield from (json.dumps(secret)[1:-1], data.hex(), data.hex().upper())
    # In base64 it looks different at each of the three places where it may begin.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + data)[shift and 4 : -4].decode()


def secrets_of(stack: Stack) -> dict[str, str]:
    """Return the keys, credentials and password hashes of a stack, each under a name."""
    found: dict[str, str] = {}
    hashes = 0
    for service in ("auth-service", "web-frontend"):
        text = stack.exec(service, "sh", "-c", _READ_FILES, check=False).stdout
        for number, line in enumerate(text.splitlines()):
            words = line.strip().rstrip(",").split('"')
            if len(words) == 5 and words[1] == "password_hash":
                hashes += 1
                # Looking for those of a thousand users takes a minute, and says nothing more.
                if hashes > ENOUGH_HASHES:
                    continue
            if len(words) == 5 and words[1] in ("k", "password_hash"):
                found[f"{words[1]} {number} of {service}"] = words[3]
                if words[1] == "k":
                    found[f"the bytes of {words[1]} {number}"] = _bytes_of(words[3])
            elif len(words) == 1 and len(words[0]) >= 43:
                found[f"credential {number} of {service}"] = words[0]
    return found


def _bytes_of(key: str) -> str:
    return binascii.hexlify(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))).decode()


def lines(log: str) -> list[dict[str, Any]]:
    """Return the lines of a log that are JSON objects; Compose puts the container's name before."""
    found = []
    for line in log.splitlines():
        _, brace, rest = line.partition("{")
        if brace:
            try:
                found.append(json.loads(brace + rest))
            except ValueError:
                continue
    return found

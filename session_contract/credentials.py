"""Credentials of the services: where they are given and what form they must have."""

import os
import re
from pathlib import Path

_FEWEST_DISTINCT = 12
_HOW_TO_MAKE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


def read_secret(name: str, problems: list[str]) -> str:
    """Return the secret in DOORWARD_<name>, or in the file that DOORWARD_<name>_FILE names.

    Both services and nginx are shown the same credentials, so their form is part of the
    contract: base64url text of 256 bits and no pattern. What is wrong is added to `problems`;
    a secret is never part of a problem.
    """
    source = f"DOORWARD_{name}"
    value, file = os.environ.get(source, "").strip(), os.environ.get(f"{source}_FILE", "").strip()
    if file and not value:
        source = f"{source}_FILE ({file})"
        try:
            value = Path(file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{source} cannot be read: {error}")
            return ""
    elif file:
        problems.append(f"{source} and {source}_FILE are both set: keep one")
    elif not value:
        problems.append(f"neither {source} nor {source}_FILE is set")
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43,}", value):
        problems.append(f"{source} must be at least 43 base64url characters; {_HOW_TO_MAKE}")
    elif len(set(value)) < _FEWEST_DISTINCT:
        problems.append(f"{source} is a pattern or a well-known text; {_HOW_TO_MAKE}")
    return value

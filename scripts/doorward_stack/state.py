"""What is remembered of a running stack, as JSON that tests and people may read.

`mode`, `why`, `url`, `data`, `settings` (what was given) and `by_value` (the secrets among what was
given, by their names only); in local mode also `ports` (`auth-service`, `web-frontend`, `nginx`),
`supervisord` (`pid`, `started`, `boot`), `socket` and `fingerprint`; with Compose `project`.
`ports` and `socket` stay when the stack stops, to be used again.
"""

import json
import os
from pathlib import Path
from typing import Any

KEPT = ("ports", "socket")


def read(path: Path) -> dict[str, Any]:
    """Return what is remembered, nothing if that is unreadable."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write(path: Path, data: dict[str, Any]) -> None:
    """Replace what is remembered, in a file that is closed to others."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(0o600)
    temporary.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    os.replace(temporary, path)  # noqa: PTH105  # the name says that it is one step


def forget(path: Path) -> None:
    """Keep only what the next start uses again."""
    if path.exists():
        write(path, {key: value for key, value in read(path).items() if key in KEPT})

"""The state of a stack, as JSON that tests and people may read.

`mode`, `why`, `url` and `data`; in local mode also `ports` (`auth-service`, `web-frontend`,
`nginx`), `socket`, and of the last supervisor `supervisor` (its process id) and `boot`.
"""

import json
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Return the content, or nothing if there is none. Raises OSError for another user's stack."""
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    # The first version had a separate object for the supervisor.
    first = data.pop("supervisord", None)
    return data | {"supervisor": first["pid"], "boot": first["boot"]} if first else data


def write(path: Path, data: dict[str, Any]) -> None:
    """Replace the content."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    temporary.replace(path)


def announce(known: dict[str, Any], what_happened: str) -> None:
    """Print where a running stack is reached, such as `Doorward {what_happened} in local mode`."""
    way = {"compose": "with Docker Compose", "local": "in local mode"}[known["mode"]]
    print(
        f"\nDoorward {what_happened} {way} ({known['why']}).\n"
        f"  Open    {known['url']}\n"
        f"  Data    {known['data']}\n"
        f"  Logs    make logs        Stop    make down",
        flush=True,
    )

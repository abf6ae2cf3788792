"""The state of a stack, as JSON that tests and people may read.

`mode`, `why`, `url` and `data`; in local mode also `ports` (`auth-service`, `web-frontend`,
`nginx`), `socket`, and while it runs `supervisor` (its process id) and `boot`.
"""

import json
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Return the content, or nothing if there is none that can be read."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict):
        return {}
    # The first version described the supervisor in an object of its own.
    supervisord = data.pop("supervisord", None)
    if isinstance(supervisord, dict):
        data |= {"supervisor": supervisord.get("pid"), "boot": supervisord.get("boot")}
    return data


def write(path: Path, data: dict[str, Any]) -> None:
    """Replace the content."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    temporary.replace(path)

"""How Chromium is started for the browser tests and the pictures."""

import os
from typing import Any

# Root has no sandbox to give up; everybody else keeps it.
_SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []

LAUNCH: dict[str, Any] = {
    "executable_path": "/usr/bin/chromium",
    "args": [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        *_SANDBOX,
    ],
}

"""Starts the service: checks everything, then becomes gunicorn."""

import os
import sys
from pathlib import Path

from auth_service.app import create_app
from auth_service.errors import StartupError
from auth_service.settings import read_settings

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h."""


def main() -> None:
    """Check by building the application once, in a process that gunicorn then replaces."""
    try:
        settings = read_settings()
        create_app(settings)
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CONFIG) from None
    configuration = Path(__file__).resolve().parent.parent / "gunicorn.conf.py"
    arguments = ["--config", str(configuration), "--bind", settings.auth_listen, "auth_service:create_app()"]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()

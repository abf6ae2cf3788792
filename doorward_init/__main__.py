"""The commands that run before and around the services.

    python -m doorward_init           checks all settings, then makes the secrets that are missing
    python -m doorward_init --check   only checks, and writes nothing
    python -m doorward_init rotate    replaces the internal service credentials
    python -m doorward_init render    writes nginx's configuration, to look at it
    python -m doorward_init edge      runs nginx, and applies changes while it runs

If something is wrong, each prints every problem to standard error and ends with status 78.
"""

import argparse
import sys
from collections.abc import Iterable

from doorward_init import checks, edge, provision

EX_CONFIG = 78
"""The status for wrong settings (sysexits.h)."""


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m doorward_init")
    parser.add_argument("command", nargs="?", choices=["rotate", "render", "edge"])
    parser.add_argument("--check", action="store_true", help="only check the settings")
    given = parser.parse_args()
    if given.command == "edge":
        _refuse("nginx cannot start:", edge.run())
    elif given.command == "render":
        _refuse("nginx's configuration was not written:", edge.render())
    elif given.command == "rotate":
        _refuse("Not all credentials were replaced:", provision.rotate())
    else:
        _refuse("The settings are refused, and nothing was changed:", checks.problems())
        if not given.check:
            _refuse("Not all secrets were made:", provision.make(provision.configured_files()))


def _refuse(heading: str, problems: Iterable[str]) -> None:
    lines = [heading, *problems]
    if len(lines) > 1:
        # A value may hold line ends, and each message must stay on one line.
        plain = ["".join(c if c.isprintable() else "?" for c in line) for line in lines]
        sys.stderr.write("\n  - ".join(plain) + "\n")
        raise SystemExit(EX_CONFIG)


if __name__ == "__main__":
    main()

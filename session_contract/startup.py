"""Ends a service that cannot start, with every problem at once."""

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from session_contract.keyset import KeySetError

Service = TypeVar("Service")


class StartupError(Exception):
    """The service cannot start; each problem names a setting or a file and says what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  - ".join(self.problems))


def started(name: str, build: Callable[[], Service]) -> Service:
    """Build and return a service.

    If it cannot start, this writes one message and exits with status 3, with which a worker tells
    gunicorn not to try again.
    """
    try:
        return build()
    except (StartupError, KeySetError) as error:
        sys.stderr.write(f"{name} cannot start:\n  - {error}\n")
        raise SystemExit(3) from None

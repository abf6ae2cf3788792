"""How a service says that it cannot start: every problem at once."""

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
    """Return a service as it was built.

    Exits with status 3 and one message where it cannot start; gunicorn takes 3 from a worker
    as "do not try again".
    """
    try:
        return build()
    except (StartupError, KeySetError) as error:
        sys.stderr.write(f"{name} cannot start:\n  - {error}\n")
        raise SystemExit(3) from None

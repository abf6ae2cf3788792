"""What a service says that cannot start: both say it alike, and everything at once."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from session_contract.keyset import KeySetError

Service = TypeVar("Service")


class StartupError(Exception):
    """The service cannot start; each problem names a setting or a file and says what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  - ".join(self.problems))


def in_words(errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with settings, from the errors that pydantic lists."""
    problems = []
    for detail in errors:
        name, missing = f"DOORWARD_{str(detail['loc'][0]).upper()}", detail["type"] == "missing"
        problems.append(f"{name} is not set" if missing else f"{name} ({detail['input']!r}): {detail['msg']}")
    return problems


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

"""What a service says that cannot start: both say it alike, and everything at once."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from session_contract.credentials import read_secret
from session_contract.keyset import KeySetError

Service = TypeVar("Service")
Settings = TypeVar("Settings")


class StartupError(Exception):
    """The service cannot start; each problem names a setting or a file and says what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  - ".join(self.problems))


def read(settings: Callable[..., Settings], secrets: Iterable[str]) -> tuple[Settings, list[str]]:
    """Return settings with these secrets in them, and what is wrong with the secrets.

    Raises StartupError with every problem if a setting is missing or of a wrong form; `settings`
    raises what pydantic does.
    """
    problems: list[str] = []
    given = {name: read_secret(name.upper(), problems) for name in secrets}
    if len(set(given.values())) < len(given) and all(given.values()):
        problems.append(f"{', '.join(f'DOORWARD_{name.upper()}' for name in given)} must differ")
    try:
        return settings(**given), problems
    except ValueError as error:
        details: list[Mapping[str, Any]] = error.errors()  # type: ignore[attr-defined]
        raise StartupError([*problems, *map(_in_words, details)]) from None


def _in_words(detail: Mapping[str, Any]) -> str:
    name, missing = f"DOORWARD_{str(detail['loc'][0]).upper()}", detail["type"] == "missing"
    return f"{name} is not set" if missing else f"{name} ({detail['input']!r}): {detail['msg']}"


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

"""What every program's settings have in common."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True)
class Conflict:
    """Values that are fine one by one but not together, with what to do about it."""

    settings: frozenset[str]
    message: str


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return f"DOORWARD_{field.upper()}"


class ProgramSettings(BaseSettings):
    """The settings of one program; an empty variable is the same as none."""

    model_config = SettingsConfigDict(
        env_prefix="DOORWARD_",
        env_ignore_empty=True,
        frozen=True,
        validate_default=False,
    )

    secrets: ClassVar[tuple[str, ...]] = ()
    """The fields that are secrets: each may also come from the file in DOORWARD_<NAME>_FILE."""

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with these values together."""
        yield from ()

    def missing_files(self) -> Iterable[str]:
        """Return what is not there although `init` makes it, one message each."""
        return ()


def conflict(fields: str, message: str) -> Conflict:
    """Return a conflict between these fields, given with spaces between."""
    return Conflict(frozenset(fields.split()), message)

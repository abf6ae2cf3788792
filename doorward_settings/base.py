"""The common part of all programs' settings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True)
class Conflict:
    """Values that are valid one by one but contradict each other, with what to do about it."""

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
    """The fields that are secrets. Each may also be in the file that DOORWARD_<NAME>_FILE names."""

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between values."""
        yield from ()

    def missing_files(self) -> Iterable[str]:
        """Return a message for each missing file or folder that `init` makes."""
        return ()


def conflict(fields: str, message: str) -> Conflict:
    """Return a conflict between fields, whose names have spaces between them."""
    return Conflict(frozenset(fields.split()), message)

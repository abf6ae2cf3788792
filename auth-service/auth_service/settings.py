"""The settings of auth-service: DOORWARD_… variables, validated as a whole."""

from pathlib import Path
from typing import Literal

from pydantic import DirectoryPath, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from session_contract.startup import StartupError, read

_SECRETS = ("edge_credential", "service_credential")


class Settings(BaseSettings):
    """What the service was told; lengths of time are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOORWARD_", env_ignore_empty=True, frozen=True)

    data_dir: DirectoryPath
    key_set_file: Path
    edge_credential: str = Field(repr=False)
    service_credential: str = Field(repr=False)
    edge_credential_file: Path | None = None
    service_credential_file: Path | None = None
    registration: Literal["open", "closed"] = "open"
    idle_seconds: int = Field(1800, ge=1, le=86_400)
    absolute_seconds: int = Field(43_200, ge=1, le=2_592_000)
    bcrypt_rounds: int = Field(12, ge=4, le=15)
    password_min_length: int = Field(15, ge=8, le=64)
    test_fast_hash: bool = False
    command_log_file: Path | None = None

    @property
    def lowest_cost(self) -> int:
        """The lowest bcrypt cost that is not an error."""
        return 4 if self.test_fast_hash else 10


def read_settings() -> Settings:
    """Read the settings. Raises StartupError with every problem, not only the first."""
    settings, problems = read(Settings, _SECRETS)
    if settings.idle_seconds > settings.absolute_seconds:
        problems.append("DOORWARD_IDLE_SECONDS is longer than DOORWARD_ABSOLUTE_SECONDS")
    if settings.bcrypt_rounds < settings.lowest_cost:
        problems.append("DOORWARD_BCRYPT_ROUNDS must be from 10 to 15")
    if problems:
        raise StartupError(problems)
    return settings

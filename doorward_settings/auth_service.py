"""The settings of auth-service."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from doorward_settings.accounts import AccountSettings
from doorward_settings.base import Conflict, conflict
from doorward_settings.fields import ServiceListen, WholeNumber
from doorward_settings.reading import read


class Settings(AccountSettings):
    """The settings that auth-service reads."""

    secrets: ClassVar[tuple[str, ...]] = ("edge_credential", "service_credential")

    data_dir: Path = Field(description="use the folder of the data")
    key_set_file: Path = Field(description="use the file that init makes")
    edge_credential: str = Field(repr=False)
    service_credential: str = Field(repr=False)
    edge_credential_file: Path | None = None
    service_credential_file: Path | None = None
    auth_listen: ServiceListen = Field(
        "127.0.0.1:8001", description="use address:port, such as 127.0.0.1:8001"
    )
    bcrypt_rounds: WholeNumber = Field(
        12, ge=4, le=15, description="use a whole number from 10 to 15, such as 12"
    )
    test_fast_hash: bool = Field(default=False, description="use 1, or leave it empty")
    command_log_file: Path | None = None

    @property
    def lowest_cost(self) -> int:
        """The lowest bcrypt cost that is not an error."""
        return 4 if self.test_fast_hash else 10

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between values."""
        yield from super().conflicts()
        if self.bcrypt_rounds < self.lowest_cost:
            yield conflict(
                "bcrypt_rounds test_fast_hash",
                f"DOORWARD_BCRYPT_ROUNDS: use a whole number from 10 to 15, such as 12, not "
                f"'{self.bcrypt_rounds}'",
            )

    def missing_files(self) -> Iterable[str]:
        """Yield a message if the folder for the data is missing."""
        if not self.data_dir.is_dir():
            yield (
                f"DOORWARD_DATA_DIR: {self.data_dir} is not a folder: use the folder that holds "
                "the data"
            )


def read_settings() -> Settings:
    """Read the settings of auth-service. Raises StartupError with every problem."""
    return read(Settings)

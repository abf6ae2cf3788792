"""Settings of accounts and sessions, for both services; lengths of time are in seconds."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from doorward_settings.base import Conflict, ProgramSettings, conflict
from doorward_settings.fields import WholeNumber


class AccountSettings(ProgramSettings):
    """Registration, passwords, and how long sessions last."""

    registration: Literal["open", "closed"] = Field("open", description="use open or closed")
    rename: Literal["on", "off"] = Field("off", description="use on or off")
    password_min_length: WholeNumber = Field(
        15, ge=8, le=64, description="use a whole number from 8 to 64, such as 15"
    )
    idle_seconds: WholeNumber = Field(
        1800, ge=1, le=86_400, description="use whole seconds from 1 to 86400, such as 1800"
    )
    absolute_seconds: WholeNumber = Field(
        43_200, ge=1, le=2_592_000, description="use whole seconds from 1 to 2592000, such as 43200"
    )

    @property
    def rename_allowed(self) -> bool:
        """Whether people may change their user names."""
        return self.rename == "on"

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between the lengths."""
        yield from super().conflicts()
        if self.idle_seconds > self.absolute_seconds:
            yield conflict(
                "idle_seconds absolute_seconds",
                f"DOORWARD_IDLE_SECONDS ({self.idle_seconds}) is longer than "
                f"DOORWARD_ABSOLUTE_SECONDS ({self.absolute_seconds}): make it shorter",
            )

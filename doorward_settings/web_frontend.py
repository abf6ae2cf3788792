"""The settings of web-frontend."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from doorward_settings.accounts import AccountSettings
from doorward_settings.address import AddressSettings
from doorward_settings.base import Conflict, conflict
from doorward_settings.brand import BrandSettings
from doorward_settings.fields import (
    LANGUAGES,
    OfferedLanguages,
    ServiceListen,
    ServiceUrl,
    WholeNumber,
    linked_url,
    mail_address,
)
from doorward_settings.reading import read


class Settings(AccountSettings, AddressSettings, BrandSettings):
    """The settings that web-frontend reads."""

    secrets: ClassVar[tuple[str, ...]] = ("edge_credential", "service_credential", "csrf_key")

    key_set_file: Path = Field(description="use the file that init makes")
    edge_credential: str = Field(repr=False)
    service_credential: str = Field(repr=False)
    csrf_key: str = Field(repr=False)
    edge_credential_file: Path | None = None
    service_credential_file: Path | None = None
    web_listen: ServiceListen = Field(
        "127.0.0.1:8002", description="use address:port, such as 127.0.0.1:8002"
    )
    auth_url: ServiceUrl = Field(
        "http://127.0.0.1:8001",
        description="use http://, a host and a port, such as http://127.0.0.1:8001",
    )
    renew_seconds: WholeNumber = Field(
        30, ge=0, le=30, description="use whole seconds from 0 to 30, such as 30"
    )
    contact: str = ""
    languages: OfferedLanguages = Field(
        LANGUAGES, description="name the languages to offer, such as en,de"
    )

    @property
    def contact_link(self) -> str:
        """The address that a link to the contact leads to, or "" if the contact is plain text."""
        for read_address in (mail_address, linked_url):
            with suppress(ValueError):
                return read_address(self.contact)
        return ""

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between values."""
        yield from super().conflicts()
        if self.renew_seconds >= self.idle_seconds:
            yield conflict(
                "renew_seconds idle_seconds",
                f"DOORWARD_RENEW_SECONDS ({self.renew_seconds}) must be shorter than "
                f"DOORWARD_IDLE_SECONDS ({self.idle_seconds})",
            )


def read_settings() -> Settings:
    """Read the settings of web-frontend. Raises StartupError with every problem."""
    return read(Settings)

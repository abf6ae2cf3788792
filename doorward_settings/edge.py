"""The settings of nginx, the edge."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from doorward_settings.address import AddressSettings
from doorward_settings.base import Conflict, conflict
from doorward_settings.brand import BrandSettings
from doorward_settings.fields import HostAndPort, ListenAddresses, PlainPath, Rate
from doorward_settings.reading import read

_USE_A_PATH = (
    "use an absolute path without quotes, backslashes, control characters or any of $ * ? [ ]"
)
_USE_ADDRESSES = "use at least one port or address:port, such as 127.0.0.1:8080"


class Settings(AddressSettings, BrandSettings):
    """The settings that nginx's configuration is rendered from."""

    secrets: ClassVar[tuple[str, ...]] = ("edge_credential",)

    edge_credential: str = Field(repr=False)
    edge_credential_file: Path | None = None
    nginx_dir: PlainPath | None = Field(None, description=_USE_A_PATH)
    nginx_share: PlainPath = Field(
        str(Path(__file__).resolve().parents[1] / "nginx"), description=_USE_A_PATH
    )
    nginx_log: PlainPath = Field("/dev/stdout", description=_USE_A_PATH)
    nginx_listen: ListenAddresses = Field((), description=_USE_ADDRESSES)
    nginx_tls_listen: ListenAddresses = Field((), description=_USE_ADDRESSES)
    auth_upstream: HostAndPort = Field(
        "127.0.0.1:8001", description="use host:port, such as 127.0.0.1:8001"
    )
    web_upstream: HostAndPort = Field(
        "127.0.0.1:8002", description="use host:port, such as 127.0.0.1:8002"
    )
    credential_rate: Rate = Field(
        "30r/m", description="use a number with r/s or r/m, such as 30r/m, or off"
    )

    @property
    def listen(self) -> tuple[str, ...]:
        """The addresses at which nginx listens for http."""
        return self.nginx_listen or (f"{self.bind}:{self.port}",)

    @property
    def tls_listen(self) -> tuple[str, ...]:
        """The addresses at which nginx listens for https, if it provides TLS."""
        return self.nginx_tls_listen or (f"{self.bind}:{self.https_port}",)

    @property
    def retry_after(self) -> int:
        """Seconds until the next request is allowed, rounded up."""
        if not self.credential_rate.endswith("r/m"):
            return 1
        per_minute = int(self.credential_rate.removesuffix("r/m"))
        return -(-60 // per_minute)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between values."""
        yield from super().conflicts()
        for address in self.tls_listen if self.tls else ():
            if address in self.listen:
                yield conflict(
                    "nginx_listen nginx_tls_listen port https_port bind",
                    f"DOORWARD_NGINX_TLS_LISTEN: {address!r} is named twice: remove one",
                )
        for page in ("error.html", "error.css", "error.svg"):
            if not Path(self.nginx_share, page).is_file():
                yield conflict(
                    "nginx_share",
                    f"DOORWARD_NGINX_SHARE: {self.nginx_share}/{page} is not there: put it there, "
                    "or use another folder",
                )

    def missing_files(self) -> Iterable[str]:
        """Yield a message if no folder is named for the configuration."""
        if not self.nginx_dir:
            yield f"DOORWARD_NGINX_DIR is not set: {_USE_A_PATH}"


def read_settings() -> Settings:
    """Read the settings of the edge. Raises StartupError with every problem."""
    return read(Settings)

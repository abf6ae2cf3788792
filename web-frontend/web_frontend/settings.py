"""The settings of web-frontend: DOORWARD_… variables, validated as a whole."""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from session_contract.startup import StartupError, read

_SECRETS = ("edge_credential", "service_credential", "csrf_key")
_LOOPBACK = ("localhost", "127.0.0.1")
_ORIGIN = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9.-]*)(:(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE
)


def _origin(value: str) -> str:
    match = _ORIGIN.fullmatch(value)
    if value and not (match and 0 < int(match["port"] or 80) < 65_536):
        raise ValueError("it must be http:// or https://, a host, and perhaps a port")
    return value


Origin = Annotated[str, AfterValidator(_origin)]


class Settings(BaseSettings):
    """What the service was told; lengths of time are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOORWARD_", env_ignore_empty=True, frozen=True)

    key_set_file: Path
    edge_credential: str = Field(repr=False)
    service_credential: str = Field(repr=False)
    edge_credential_file: Path | None = None
    service_credential_file: Path | None = None
    csrf_key: str = Field(repr=False)
    auth_url: Origin = "http://127.0.0.1:8001"
    port: int = Field(8080, ge=1, le=65_535)
    https_port: int = Field(8443, ge=1, le=65_535)
    tls_dir: Path | None = None
    tls_certificate_file: str = ""
    public_url: Origin = ""
    allow_insecure_http: bool = False
    trusted_proxies: str = ""
    registration: Literal["open", "closed"] = "open"
    idle_seconds: int = Field(1800, ge=1, le=86_400)
    absolute_seconds: int = Field(43_200, ge=1, le=2_592_000)
    renew_seconds: int = Field(30, ge=0, le=30)
    password_min_length: int = Field(15, ge=8, le=64)
    contact: str = ""

    @cached_property
    def tls(self) -> bool:
        """Whether nginx ends TLS, which it does where a certificate is; nginx says what is wrong with it."""
        usual = bool(self.tls_dir) and os.path.lexists(f"{self.tls_dir}/fullchain.pem")
        return usual or bool(self.tls_certificate_file)

    @property
    def url(self) -> str:
        """The public URL: the one source of scheme, cookie names, hosts and origins."""
        default = (
            f"https://localhost:{self.https_port}" if self.tls else f"http://localhost:{self.port}"
        )
        return self.public_url or default

    @property
    def https(self) -> bool:
        """Whether browsers come by https."""
        return self.url.lower().startswith("https:")

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The host names that pages answer to; a loopback name brings the other with it."""
        name = urlsplit(self.url).hostname or ""
        return frozenset(_LOOPBACK if name in _LOOPBACK else [name])

    @property
    def origins(self) -> frozenset[str]:
        """The origins that forms may come from (RFC 6454)."""
        scheme, port = urlsplit(self.url).scheme, urlsplit(self.url).port
        suffix = f":{port}" if port not in (None, {"http": 80, "https": 443}[scheme]) else ""
        return frozenset(f"{scheme}://{f'[{h}]' if ':' in h else h}{suffix}" for h in self.hosts)


def read_settings() -> Settings:
    """Read the settings. Raises StartupError with every problem, not only the first."""
    settings, problems = read(Settings, _SECRETS)
    if not settings.auth_url.startswith("http://"):
        problems.append(
            f"DOORWARD_AUTH_URL ({settings.auth_url!r}) must be http: it stays on this machine"
        )
    if settings.https and not (settings.tls or settings.trusted_proxies):
        problems.append(
            "DOORWARD_PUBLIC_URL is https, but nobody ends TLS: put a certificate into DOORWARD_TLS_DIR, "
            "or name who does in DOORWARD_TRUSTED_PROXIES"
        )
    if settings.tls and not settings.https:
        problems.append(
            f"DOORWARD_PUBLIC_URL ({settings.public_url!r}) is http, but a certificate is there: "
            "make it https, or remove the certificate"
        )
    if not (settings.https or settings.allow_insecure_http or settings.hosts <= set(_LOOPBACK)):
        problems.append(
            f"DOORWARD_PUBLIC_URL ({settings.public_url!r}): http lets anyone on the way read passwords. "
            "Use https, or set DOORWARD_ALLOW_INSECURE_HTTP=1 where the way is safe"
        )
    if settings.idle_seconds > settings.absolute_seconds:
        problems.append("DOORWARD_IDLE_SECONDS is longer than DOORWARD_ABSOLUTE_SECONDS")
    if settings.renew_seconds >= settings.idle_seconds:
        problems.append("DOORWARD_RENEW_SECONDS must be shorter than DOORWARD_IDLE_SECONDS")
    if problems:
        raise StartupError(problems)
    return settings

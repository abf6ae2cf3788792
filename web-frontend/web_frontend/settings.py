"""The settings of web-frontend: DOORWARD_… variables, validated as a whole."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

_FEWEST_DISTINCT = 12
_LOOPBACK = ("localhost", "127.0.0.1")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class StartupError(Exception):
    """The service cannot start; each problem names a setting or a file and says what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n  - ".join(["web-frontend cannot start:", *self.problems]))


def _secret(value: Any) -> str:
    """Accept base64url text of at least 43 characters (256 bits) that is no pattern."""
    try:
        text = value.read_text(encoding="ascii").strip() if isinstance(value, Path) else str(value)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{value} cannot be read: {error}") from error
    source = f"{value}: " if isinstance(value, Path) else ""
    if len(text) < 43 or not text.replace("-", "").replace("_", "").isalnum() or not text.isascii():
        raise ValueError(
            f"{source}it must be at least 43 base64url characters; make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    if len(set(text)) < _FEWEST_DISTINCT:
        raise ValueError(f"{source}it is a pattern or a well-known text, not a random secret")
    return text


Secret = Annotated[str, BeforeValidator(_secret), Field(repr=False)]


class _Environment(EnvSettingsSource):
    """The environment, where NAME_FILE may name the file that holds the secret NAME."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, key, is_complex = super().get_field_value(field, field_name)
        file = self.env_vars.get(f"{self.env_prefix}{field_name}_file".lower())
        if file and any(isinstance(part, BeforeValidator) for part in field.metadata):
            value = "" if value else Path(file)  # both at once: refused as an empty secret
        return value, key, is_complex


class Settings(BaseSettings):
    """What the service was told; lengths of time are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOORWARD_", env_ignore_empty=True, frozen=True)

    key_set_file: Path
    edge_credential: Secret
    service_credential: Secret
    csrf_key: Secret
    auth_url: str = "http://127.0.0.1:8001"
    web_listen: str = "127.0.0.1:8002"
    port: int = Field(8080, ge=1, le=65_535)
    public_url: str = ""
    allow_insecure_http: bool = False
    trusted_proxies: str = ""
    registration: Literal["open", "closed"] = "open"
    idle_seconds: int = Field(1800, ge=1, le=86_400)
    absolute_seconds: int = Field(43_200, ge=1, le=2_592_000)
    renew_seconds: int = Field(30, ge=0, le=30)
    password_min_length: int = Field(15, ge=8, le=64)
    contact: str = ""

    @property
    def url(self) -> SplitResult:
        """The public URL: the one source of scheme, cookie names, hosts and origins."""
        return urlsplit(self.public_url or f"http://localhost:{self.port}")

    @property
    def https(self) -> bool:
        """Whether browsers come by https."""
        return self.url.scheme == "https"

    @property
    def hosts(self) -> frozenset[str]:
        """The host names that pages answer to; a loopback name brings the other with it."""
        name = self.url.hostname or ""
        return frozenset(_LOOPBACK if name in _LOOPBACK else [name])

    @property
    def origins(self) -> frozenset[str]:
        """The origins that forms may come from (RFC 6454)."""
        port = self.url.port
        suffix = "" if port in (None, _DEFAULT_PORTS[self.url.scheme]) else f":{port}"
        return frozenset(f"{self.url.scheme}://{host}{suffix}" for host in self.hosts)

    @classmethod
    def settings_customise_sources(cls, settings_cls: type[BaseSettings], *_: Any, **__: Any) -> Any:
        """Read the environment only."""
        return (_Environment(settings_cls),)


def read_settings() -> Settings:
    """Read the settings. Raises StartupError with every problem, not only the first."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # the environment fills it
    except ValidationError as error:
        raise StartupError(_in_words(error)) from None
    problems = _url_problems(settings)
    if settings.idle_seconds > settings.absolute_seconds:
        problems.append("DOORWARD_IDLE_SECONDS is longer than DOORWARD_ABSOLUTE_SECONDS")
    if settings.renew_seconds >= settings.idle_seconds:
        problems.append("DOORWARD_RENEW_SECONDS must be shorter than DOORWARD_IDLE_SECONDS")
    if len({settings.edge_credential, settings.service_credential, settings.csrf_key}) < 3:
        problems.append("DOORWARD_EDGE_CREDENTIAL, …SERVICE_CREDENTIAL and …CSRF_KEY must all differ")
    if problems:
        raise StartupError(problems)
    return settings


def _url_problems(settings: Settings) -> list[str]:
    shown = f"DOORWARD_PUBLIC_URL ({settings.public_url!r})"
    try:
        url, _ = settings.url, settings.url.port
    except ValueError:
        return [f"{shown}: it is not a URL"]
    if (
        url.scheme not in _DEFAULT_PORTS
        or not url.hostname
        or url.username
        or url.path.strip("/")
        or url.query
    ):
        return [f"{shown}: it must be http:// or https://, a host, and nothing after it"]
    problems = []
    if url.scheme == "http" and url.hostname not in _LOOPBACK and not settings.allow_insecure_http:
        problems.append(
            f"{shown}: http lets anyone on the way read passwords. Use https, or set "
            "DOORWARD_ALLOW_INSECURE_HTTP=1 where the way is safe"
        )
    if url.scheme == "https" and not settings.trusted_proxies:
        problems.append(f"{shown}: https needs DOORWARD_TRUSTED_PROXIES, the proxies that end TLS")
    return problems


def _in_words(error: ValidationError) -> list[str]:
    problems = []
    for detail in error.errors():
        field = str(detail["loc"][0])
        given = "" if Settings.model_fields[field].repr is False else f" ({detail.get('input')!r})"
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing":
            given, message = "", "it is not set"
        problems.append(f"DOORWARD_{field.upper()}{given}: {message}")
    return problems

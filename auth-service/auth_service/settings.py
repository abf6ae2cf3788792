"""The settings of auth-service: DOORWARD_… variables, validated as a whole."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from auth_service.errors import StartupError

_FEWEST_DISTINCT = 12


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

    data_dir: Path
    key_set_file: Path
    edge_credential: Secret
    service_credential: Secret
    auth_listen: str = "127.0.0.1:8001"
    registration: Literal["open", "closed"] = "open"
    idle_seconds: int = Field(1800, ge=1, le=86_400)
    absolute_seconds: int = Field(43_200, ge=1, le=2_592_000)
    bcrypt_rounds: int = Field(12, ge=4, le=15)
    password_min_length: int = Field(15, ge=8, le=64)
    test_fast_hash: bool = False

    @property
    def lowest_cost(self) -> int:
        """The lowest bcrypt cost that is not an error."""
        return 4 if self.test_fast_hash else 10

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
    problems = []
    if settings.idle_seconds > settings.absolute_seconds:
        problems.append("DOORWARD_IDLE_SECONDS is longer than DOORWARD_ABSOLUTE_SECONDS")
    if settings.bcrypt_rounds < settings.lowest_cost:
        problems.append("DOORWARD_BCRYPT_ROUNDS must be from 10 to 15")
    if settings.edge_credential == settings.service_credential:
        problems.append("DOORWARD_EDGE_CREDENTIAL and DOORWARD_SERVICE_CREDENTIAL must differ")
    if problems:
        raise StartupError(problems)
    return settings


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

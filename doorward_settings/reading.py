"""Fills a model of settings from the environment, with messages for people."""

import os
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_settings import EnvSettingsSource

from doorward_settings.base import ProgramSettings, variable
from session_contract.credentials import HOW_TO_MAKE, credential_fault, read_credential_file
from session_contract.startup import StartupError

Model = TypeVar("Model", bound=ProgramSettings)


def read(model: type[Model]) -> Model:
    """Read the settings of a program that is about to start.

    Raises:
        StartupError: names every problem once, contradictions between values included.
    """
    settings, problems = inspect(model)
    if problems:
        raise StartupError(problems)
    return settings


def inspect(model: type[Model], *, before_init: bool = False) -> tuple[Model, list[str]]:
    """Return the settings that can be used, and every problem.

    Args:
        model: the settings of a program.
        before_init: files that `init` makes may be missing.
    """
    problems: list[str] = []
    secrets = _read_secrets(model.secrets, problems, may_be_missing=before_init)
    try:
        settings = model(**secrets)
        wrong = set[str]()
    except ValidationError as error:
        problems += [_message(model, detail) for detail in error.errors()]
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        settings = _usable_part(model, wrong, secrets)
    problems += [each.message for each in settings.conflicts() if not each.settings & wrong]
    if not (before_init or wrong):
        problems += settings.missing_files()
    return settings, list(dict.fromkeys(problems))


def _usable_part(
    model: type[ProgramSettings], wrong: Iterable[str], secrets: Mapping[str, Any]
) -> Any:
    """Return the settings; wrong ones have their defaults or are missing."""
    given = EnvSettingsSource(model)()
    values = dict(secrets)
    for name, field in model.model_fields.items():
        if name in given and name not in wrong and name not in secrets:
            adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
            values[name] = adapter.validate_python(given[name])
    return model.model_construct(**values)


def _message(model: type[ProgramSettings], detail: Any) -> str:
    field = str(detail["loc"][0])
    description = model.model_fields[field].description or "use another value"
    if detail["type"] == "missing":
        return f"{variable(field)} is not set: {description}"
    own_message = str(detail.get("ctx", {}).get("error", ""))
    if own_message:
        return f"{variable(field)}: {own_message}"
    return f"{variable(field)}: {description}, not {detail['input']!r}"


def _read_secrets(
    names: Iterable[str], problems: list[str], *, may_be_missing: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        found[name] = _read_secret(variable(name), problems, may_be_missing=may_be_missing)
    for one, other in combinations(names, 2):
        if found[one] and found[one] == found[other]:
            problems.append(
                f"{variable(one)} and {variable(other)} are the same: give each its own. "
                f"{HOW_TO_MAKE}"
            )
    return found


def _read_secret(name: str, problems: list[str], *, may_be_missing: bool) -> str:
    """Return a secret from its variable or file, or "" if it is wrong. No problem shows it."""
    value = os.environ.get(name, "").strip()
    file = os.environ.get(f"{name}_FILE", "").strip()
    if value and file:
        problems.append(
            f"{name} and {name}_FILE are both set: remove one of them. Under Docker Compose the "
            f"file is always set"
        )
        return value
    if value:
        fault = credential_fault(value)
        if fault:
            problems.append(f"{name} {fault}")
        return value
    if not file:
        problems.append(f"{name} is not set: set it or {name}_FILE. {HOW_TO_MAKE}")
        return ""
    if may_be_missing and not os.path.lexists(file):
        return ""
    value, fault = read_credential_file(Path(file))
    if fault:
        problems.append(f"{name}_FILE: {file} {fault}")
    return value

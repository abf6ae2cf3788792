"""The settings of what runs, for the commands that work on it.

A command that took them from the shell it is typed in would work on other data than people use.
"""

from collections.abc import Mapping
from typing import Any

from .errors import StackError
from .layout import Layout
from .settings import FREE_PREFIX, PREFIX, Settings, resolve

DATA = "DOORWARD_DATA_DIR"
# May be given by value, and nobody wants to find them in a file: whoever gives them gives them
# again.
SECRETS = ("DOORWARD_EDGE_CREDENTIAL", "DOORWARD_SERVICE_CREDENTIAL", "DOORWARD_CSRF_KEY")


def record(settings: Settings) -> dict[str, Any]:
    """Return what the state file is to remember of the settings."""
    values = {name: value for name, value in settings.values.items() if name not in SECRETS}
    if "DOORWARD_TLS_DIR" in values:
        values["DOORWARD_TLS_DIR"] = str(settings.tls_dir)
    return {"settings": values, "by_value": [name for name in SECRETS if name in settings.values]}


def settings_of(
    told: Mapping[str, Any], layout: Layout, caller: Settings, environ: Mapping[str, str]
) -> Settings:
    """Return the settings that a stack was started with, from what is remembered of it.

    Raises StackError if the caller's shell names another value for any of them, or `.env` another
    place of the data: somebody may mean a stack that is not this one.
    """
    # A stack that an older version has started told only where its data is.
    values = dict(told.get("settings", caller.values))
    if told["mode"] == "local":
        values[DATA] = str(told["data"])
    secrets = told.get("by_value", [])
    values |= {name: caller.values[name] for name in secrets if name in caller.values}
    found = resolve(layout, values)
    named = {name for name, value in environ.items() if name.startswith(PREFIX) and value}
    if told["mode"] == "local" and DATA in caller.values:
        named.add(DATA)
    problems = _differences(told, found, caller, named)
    problems += [
        f"{name} was given by value when Doorward was started, and is written down nowhere: give it again."
        for name in secrets
        if name not in caller.values
    ]
    if problems:
        raise StackError(*problems)
    return found


def refuse_other_data(
    told: Mapping[str, Any], caller: Settings, environ: Mapping[str, str]
) -> None:
    """Raise StackError unless what was started has its data where the caller's settings say, named or not."""
    if told["mode"] == "local":
        same = told["data"] == str(caller.data_dir)
    else:
        same = not environ.get(DATA) or told.get("settings", {}).get(DATA) == environ[DATA]
    if not same:
        raise StackError(
            f"{DATA}: Doorward was started with {told['data']}, and this would remove {caller.data_dir}. "
            "Say which you mean by naming the folder that it was started with, or stop it first: make down."
        )


def _differences(
    told: Mapping[str, Any], found: Settings, caller: Settings, named: set[str]
) -> list[str]:
    ours, theirs = found.effective, caller.effective
    problems = []
    for name in sorted(named):
        if ours.get(name) == theirs.get(name) or name.startswith(FREE_PREFIX):
            continue
        runs = told["data"] if name == DATA else ours.get(name, "nothing")
        problems.append(
            f"{name}: Doorward was started with {runs}, and here it is {theirs.get(name)}. Say the same "
            "or nothing, or stop it first: make down."
        )
    return problems

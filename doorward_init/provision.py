"""Makes and replaces the files with secrets."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from doorward_init import secret_files
from session_contract.credentials import former_file, new_credential, read_credential_file
from session_contract.keyset import KeySet, new_key


@dataclass(frozen=True)
class SecretFile:
    """A file that holds one secret, and the setting that names it."""

    setting: str
    path: Path
    content: Callable[[], str]


def configured_files() -> list[SecretFile]:
    """Return every secret for which the settings name a file."""
    contents = {
        "DOORWARD_KEY_SET_FILE": _key_set,
        "DOORWARD_EDGE_CREDENTIAL_FILE": _credential,
        "DOORWARD_SERVICE_CREDENTIAL_FILE": _credential,
        "DOORWARD_CSRF_KEY_FILE": _credential,
    }
    paths = {setting: os.environ.get(setting, "").strip() for setting in contents}
    return [
        SecretFile(setting, Path(paths[setting]), contents[setting])
        for setting in contents
        if paths[setting]
    ]


def make(files: Iterable[SecretFile]) -> list[str]:
    """Make the missing files; return a problem for each that could not be made."""
    problems = []
    for file in files:
        try:
            if secret_files.make_once(file.path, file.content()):
                print(f"init: made {file.path}")
        except OSError as error:
            problems.append(_not_written(file, error))
    return problems


def rotate() -> list[str]:
    """Replace the internal service credentials; return a problem for each that could not be.

    The programs notice new files while they run. A credential that is set by value must be changed
    where it is set, and needs a restart.
    """
    files = {file.setting: file for file in configured_files()}
    problems = []
    for setting in ("DOORWARD_EDGE_CREDENTIAL_FILE", "DOORWARD_SERVICE_CREDENTIAL_FILE"):
        if setting not in files:
            problems.append(
                f"{setting} is not set: change the credential where you set it, and restart"
            )
            continue
        try:
            _replace_credential(files[setting])
        except OSError as error:
            problems.append(_not_written(files[setting], error))
    return problems


def _replace_credential(file: SecretFile) -> None:
    former, fault = read_credential_file(file.path)
    if not fault:
        # For programs that have not looked since the rotation before this one.
        secret_files.replace(former_file(file.path), f"{former}\n")
    secret_files.replace(file.path, file.content())
    print(f"init: replaced {file.path}")


def _not_written(file: SecretFile, error: OSError) -> str:
    reason = (error.strerror or "unknown reason").lower()
    return (
        f"{file.setting}: {file.path} cannot be written ({reason}). Correct that, and run the "
        "command again"
    )


def _credential() -> str:
    return new_credential() + "\n"


def _key_set() -> str:
    return KeySet((new_key(time.time()),)).to_json()

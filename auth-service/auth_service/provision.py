"""Makes the secrets at the first start, each in a file of its own; never overwrites any.

`python -m auth_service.provision rotate` replaces the credentials between the programs, which
notice it while they run. What is given by value is changed where it is given, and needs a restart.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from auth_service.key_files import make_once, new_credential, new_key, replace_file
from session_contract.keyset import KeySet


def main() -> None:
    """Make what is missing, and say what was made."""
    contents = {
        "DOORWARD_KEY_SET_FILE": KeySet((new_key(time.time()),)).to_json(),
        "DOORWARD_EDGE_CREDENTIAL_FILE": new_credential(),
        "DOORWARD_SERVICE_CREDENTIAL_FILE": new_credential(),
        "DOORWARD_CSRF_KEY_FILE": new_credential(),
    }
    # Whoever gives a secret by value needs no file for it.
    by_value = {name for name in contents if os.environ.get(name.removesuffix("_FILE"))}
    wanted = {
        name: text
        for name, text in contents.items()
        if os.environ.get(name) or name not in by_value
    }
    _write_each(wanted, make_once, "made", "it must be the file to make")


def rotate() -> None:
    """Replace the credentials that are in files, and say which."""
    names = ("DOORWARD_EDGE_CREDENTIAL_FILE", "DOORWARD_SERVICE_CREDENTIAL_FILE")
    contents = {name: new_credential() for name in names}
    _write_each(
        contents, replace_file, "replaced", "change what is given by value there, and restart"
    )


def _write_each(
    contents: dict[str, str], write: Callable[[Path, str], bool], done: str, remedy: str
) -> None:
    problems = []
    for name, content in contents.items():
        path = os.environ.get(name)
        try:
            if not path:
                problems.append(f"{name} is not set: {remedy}")
            elif write(Path(path), content):
                sys.stderr.write(f"init: {done} {path}\n")
        except OSError as error:
            problems.append(f"{path} ({name}) cannot be {done}: {error}")
    if problems:
        sys.stderr.write("\n  - ".join(["init: not all secrets could be made:", *problems]) + "\n")
        raise SystemExit(78)  # EX_CONFIG of sysexits.h


if __name__ == "__main__":
    rotate() if sys.argv[1:] == ["rotate"] else main()

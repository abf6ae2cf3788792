"""Makes the secrets at the first start, each in a file of its own; never overwrites any.

`python -m auth_service.provision rotate` replaces the credentials between the programs, which
notice it while they run. What is given by value is changed where it is given, and needs a restart.
"""

import os
import sys
import time
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
    problems = []
    for name, content in contents.items():
        path, value = os.environ.get(name), os.environ.get(name.removesuffix("_FILE"))
        try:
            if path and make_once(Path(path), content):
                sys.stderr.write(f"init: made {path}\n")
            # Whoever gives a secret by value needs no file for it.
            elif not path and not value:
                problems.append(f"{name} is not set: it must be the file to make")
        except OSError as error:
            problems.append(f"{path} ({name}) cannot be made: {error}")
    _end(problems)


def rotate() -> None:
    """Replace the credentials that are in files, and say which."""
    problems = []
    for name in ("DOORWARD_EDGE_CREDENTIAL_FILE", "DOORWARD_SERVICE_CREDENTIAL_FILE"):
        path = os.environ.get(name)
        try:
            if path:
                replace_file(Path(path), new_credential())
                sys.stderr.write(f"init: replaced {path}\n")
            else:
                problems.append(f"{name} is not set: change what is given by value there, and restart")
        except OSError as error:
            problems.append(f"{path} ({name}) cannot be replaced: {error}")
    _end(problems)


def _end(problems: list[str]) -> None:
    if problems:
        lines = [f"  - {problem}\n" for problem in problems]
        sys.stderr.writelines(["init: not all secrets could be made:\n", *lines])
        raise SystemExit(78)  # EX_CONFIG of sysexits.h


if __name__ == "__main__":
    rotate() if sys.argv[1:] == ["rotate"] else main()

"""Makes the secrets at the first start, each in a file of its own; never overwrites any."""

import os
import sys
import time
from pathlib import Path

from auth_service.key_files import make_once, new_credential, new_key
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
    if problems:
        lines = [f"  - {problem}\n" for problem in problems]
        sys.stderr.writelines(["init: cannot make the secrets:\n", *lines])
        raise SystemExit(78)  # EX_CONFIG of sysexits.h


if __name__ == "__main__":
    main()

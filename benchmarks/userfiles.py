"""Makes users.json files of any size fast: all users have the same hash, of a known password."""

from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from flask_bcrypt import Bcrypt

from benchmarks.traffic import PASSWORD, ROUNDS


def password_hash() -> str:
    """Return a hash of the password that everybody has, as auth-service makes them."""
    app = Flask(__name__)
    # As auth-service has it: passwords longer than bcrypt's 72 bytes count whole.
    app.config["BCRYPT_HANDLE_LONG_PASSWORDS"] = True
    bcrypt = Bcrypt(app)
    return bytes(bcrypt.generate_password_hash(PASSWORD, ROUNDS)).decode()


def write(folder: Path, count: int, hashed: str) -> int:
    """Write users.json into a new folder; return its size in bytes."""
    folder.mkdir(mode=0o700, parents=True)
    file = folder / "users.json"
    with file.open("w", encoding="utf-8") as handle:
        handle.writelines(_pieces(count, hashed))
    file.chmod(0o600)
    return file.stat().st_size


def name_of(number: int) -> str:
    """Return the name of a user, counted from 0."""
    return f"person-{number:07}"


def _pieces(count: int, hashed: str) -> Iterator[str]:
    yield '{\n  "schema": 2,\n  "revision": 1,\n  "users": {\n'
    for number in range(count):
        name = name_of(number)
        end = ",\n" if number < count - 1 else "\n"
        yield (
            f'    "{number:024x}": {{\n      "username": "{name}",\n      "canonical": "{name}",\n'
            f'      "password_hash": "{hashed}",\n      "generation": 1,\n'
            f'      "disabled": false,\n      "created_at": "2026-01-01T00:00:00Z"\n    }}{end}'
        )
    yield "  }\n}\n"

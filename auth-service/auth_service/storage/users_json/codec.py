"""users.json as text: reading it strictly, and writing it so that a person can edit it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, with_config
from typing_extensions import TypedDict

from auth_service.errors import UsersFileError
from auth_service.models import User
from auth_service.strict_json import DuplicateKey, unique_members
from auth_service.usernames import USERNAME, canonical_username

SCHEMA = 1
MINIMUM_COST, MAXIMUM_COST = 10, 15
_BATCH = 1000
# 16 bytes of salt in 22 characters: the last has but two bits, and bcrypt raises over any other.
_HASH = r"^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"


@dataclass(frozen=True)
class Document:
    """The whole of users.json: its revision, the users in order of creation.

    `place` is the line and the column of the revision, where it was read from a text.
    """

    revision: int
    users: tuple[User, ...]
    place: tuple[int, int] = field(default=(1, 1), compare=False)


@with_config(ConfigDict(extra="forbid", strict=True))
class _Fields(TypedDict):
    username: Annotated[str, StringConstraints(pattern=f"^{USERNAME.pattern}$")]
    canonical: str
    password_hash: Annotated[str, StringConstraints(pattern=_HASH)]
    generation: Annotated[int, Field(ge=1, le=2**53)]
    disabled: bool
    created_at: Annotated[str, StringConstraints(pattern=_TIME)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    schema_: int = Field(alias="schema", ge=1, le=SCHEMA)
    revision: int = Field(ge=1)
    users: dict[Annotated[str, Field(min_length=1)], _Fields]


def encode_user(user: User) -> bytes:
    """Return the user's block as it stands in the file."""
    fields = [
        f'      "{name}": {json.dumps(getattr(user, name))}' for name in _Fields.__annotations__
    ]
    return f"    {json.dumps(user.id)}: {{\n".encode() + ",\n".join(fields).encode() + b"\n    }"


def decode_user(block: bytes) -> User:
    """Return the user of a block that `encode_user` made."""
    ((user_id, fields),) = json.loads(b"{" + block + b"}").items()
    return User(user_id, **fields)


def encode_document(revision: int, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file in pieces: one join of all users would hold the interpreter too long."""
    yield f'{{\n  "schema": {SCHEMA},\n  "revision": {revision},\n  "users": {{'.encode()
    remaining, separator = iter(blocks), b"\n"
    while batch := list(islice(remaining, _BATCH)):
        yield separator + b",\n".join(batch)
        separator = b",\n"
    yield b"\n  }\n}\n"


def parse(data: bytes, minimum_cost: int = MINIMUM_COST) -> Document:
    """Read users.json.

    Raises:
        UsersFileError: with the place, for anything that is not a document of this schema:
            broken JSON, unknown or missing fields, values of a wrong type, duplicate ids or
            canonical names, hash costs outside of `minimum_cost` to 15.
    """
    try:
        text = data.decode("utf-8")
        file = _File.model_validate(json.loads(text, object_pairs_hook=unique_members))
    except UnicodeDecodeError as error:
        raise UsersFileError("not UTF-8", data.count(b"\n", 0, error.start) + 1) from error
    except json.JSONDecodeError as error:
        raise UsersFileError(error.msg, error.lineno, error.colno) from error
    except DuplicateKey as error:
        names = (error.members.get("canonical"), error.members.get("username"), error.key)
        _fail(text, str(error), next(str(name) for name in names if name), last=True)
    except ValidationError as error:
        _fail(text, *_in_words(error))
    except (ValueError, RecursionError) as error:
        raise UsersFileError("a number or a nesting that no users.json has", 1) from error
    users = tuple(User(user_id, **fields) for user_id, fields in file.users.items())
    _check_users(text, users, minimum_cost)
    return Document(file.revision, users, _place(text, ["revision"]))


def _check_users(text: str, users: Iterable[User], minimum_cost: int) -> None:
    names: dict[str, str] = {}
    for user in users:
        if user.canonical != canonical_username(user.username):
            _fail(text, "canonical: it must be the username in lower case", user.id, "canonical")
        if names.setdefault(user.canonical, user.id) != user.id:
            _fail(
                text,
                f'canonical: another user has the name "{user.canonical}" too',
                user.id,
                "canonical",
            )
        if not minimum_cost <= int(user.password_hash.split("$")[2]) <= MAXIMUM_COST:
            cost = f"{minimum_cost} to {MAXIMUM_COST}"
            _fail(text, f"password_hash: its cost must be from {cost}", user.id, "password_hash")


def _in_words(error: ValidationError) -> tuple[str, ...]:
    """Return the first problem, and the names that lead to its place."""
    first = error.errors(include_url=False)[0]
    path = [str(name) for name in first["loc"]]
    if path == ["schema"] and first["type"] == "less_than_equal":
        return f"schema {first['input']} is of a newer Doorward; upgrade it", *path
    problem = f"{path[-1] if path else 'the document'}: {first['msg']}"
    return problem, *(path[:-1] if first["type"] == "missing" else path)


def _fail(text: str, problem: str, *path: str, last: bool = False) -> NoReturn:
    raise UsersFileError(problem, *_place(text, path, last=last))


def _place(text: str, path: Iterable[str], *, last: bool = False) -> tuple[int, int]:
    """Return line and column at which the path's names follow each other in the text."""
    at = 0
    for name in path:
        needle = json.dumps(name)
        at = max(at, text.rfind(needle) if last else text.find(needle, at))
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)

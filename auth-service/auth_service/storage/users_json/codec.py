"""Reads users.json strictly, and writes it so that a person can edit it."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any, NoReturn, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, with_config
from typing_extensions import TypedDict

from auth_service.display_names import display_name_problems, normal_display_name
from auth_service.errors import UsersFileError
from auth_service.models import PasswordScheme, User
from auth_service.storage.users_json.names import first_wrong_name
from auth_service.strict_json import DuplicateKey, unique_members
from auth_service.usernames import MOST_FORMER_USERNAMES, USERNAME

SCHEMA = 2
MINIMUM_COST, MAXIMUM_COST = 10, 15
LARGEST_BY_HAND = 2**53
"""The largest generation in a hand edit: every JSON reader keeps such a number exactly."""
LARGEST_AT_START = 2**61
"""The largest number in a file without a copy, such as a backup."""
_LARGEST = 2**62
"""Larger than both: an accepted number can be raised more often than anybody can write."""
_BATCH = 1000
_HEAD = re.compile(rb'\{\n  "schema": 2,\n  "revision": (?P<revision>[0-9]{1,19}),\n')
_BLOCK = re.compile(rb'^    "[^\n]*": \{\n(?:      [^\n]*\n)+    \}', re.MULTILINE)
# 22 characters hold 16 bytes of salt. The last one has only two bits, and bcrypt refuses others.
_HASH = r"^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"


@dataclass(frozen=True)
class Document:
    """The whole of users.json: its revision, the users in order of creation.

    `place` is the line and column of the revision in the text. `without_scheme` are the ids of
    users whose record has no password scheme.
    """

    revision: int
    users: tuple[User, ...]
    place: tuple[int, int] = field(default=(1, 1), compare=False)
    schema: int = field(default=SCHEMA, compare=False)
    without_scheme: frozenset[str] = field(default=frozenset(), compare=False)


@with_config(ConfigDict(extra="forbid", strict=True))
class _Fields(TypedDict):
    username: Annotated[str, StringConstraints(pattern=f"^{USERNAME.pattern}$")]
    canonical: str
    password_hash: Annotated[str, StringConstraints(pattern=_HASH)]
    password_scheme: NotRequired[PasswordScheme]
    generation: Annotated[int, Field(ge=1, le=_LARGEST)]
    disabled: bool
    display_name: NotRequired[Annotated[str, StringConstraints(min_length=1)]]
    former_usernames: NotRequired[Annotated[list[str], Field(max_length=MOST_FORMER_USERNAMES)]]
    created_at: Annotated[str, StringConstraints(pattern=_TIME)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    schema_: int = Field(alias="schema", ge=1, le=SCHEMA)
    revision: int = Field(ge=1, le=_LARGEST)
    users: dict[Annotated[str, Field(min_length=1)], _Fields]


def encode_user(user: User) -> bytes:
    """Return the user's block in the file."""
    fields: dict[str, object] = {
        "username": user.username,
        "canonical": user.canonical,
        "password_hash": user.password_hash,
    }
    if user.password_scheme != "bcrypt-sha256":
        fields["password_scheme"] = user.password_scheme
    fields["generation"] = user.generation
    fields["disabled"] = user.disabled
    if user.display_name:
        fields["display_name"] = user.display_name
    if user.former_usernames:
        fields["former_usernames"] = user.former_usernames
    fields["created_at"] = user.created_at
    lines = [
        f'      "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in fields.items()
    ]
    head = f"    {json.dumps(user.id)}: {{\n"
    return (head + ",\n".join(lines) + "\n    }").encode()


def decode_user(block: bytes) -> User:
    """Return the user of a block that `encode_user` made."""
    ((user_id, fields),) = json.loads(b"{" + block + b"}").items()
    return _record(user_id, fields)


def encode_document(revision: int, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file in pieces, because joining all users at once would block other threads."""
    yield f'{{\n  "schema": {SCHEMA},\n  "revision": {revision},\n  "users": {{'.encode()
    remaining, separator = iter(blocks), b"\n"
    while batch := list(islice(remaining, _BATCH)):
        yield separator + b",\n".join(batch)
        separator = b",\n"
    yield b"\n  }\n}\n"


def split_document(data: bytes) -> tuple[int, list[bytes]] | None:
    """Return revision and users' blocks of a file that `encode_document` made, else None."""
    head = _HEAD.match(data)
    if head is None:
        return None
    revision = int(head["revision"])
    blocks = _BLOCK.findall(data)
    if b"".join(encode_document(revision, blocks)) != data:
        return None
    return revision, blocks


def parse(data: bytes, minimum_cost: int = MINIMUM_COST) -> Document:
    """Read users.json, of this schema or the one before; a byte-order mark is ignored.

    Raises:
        UsersFileError: names the place of broken JSON, unknown or missing fields, values of a wrong
            type, duplicate ids or canonical names, or hash costs outside `minimum_cost` to 15.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
        file = _File.model_validate(json.loads(text, object_pairs_hook=unique_members))
    except UnicodeDecodeError as error:
        raise UsersFileError("not UTF-8", data[: error.start].count(b"\n") + 1) from error
    except json.JSONDecodeError as error:
        raise UsersFileError(error.msg, error.lineno, error.colno) from error
    except DuplicateKey as error:
        names = (error.members.get("canonical"), error.members.get("username"), error.key)
        _fail(text, str(error), next(str(name) for name in names if name), last=True)
    except ValidationError as error:
        _fail(text, *_first_problem(error))
    except (ValueError, RecursionError) as error:
        raise UsersFileError("a number or a nesting that no users.json has", 1) from error
    if file.schema_ == 1:
        _check_first_schema(text, file.users)
    users = tuple(_user(user_id, fields, file.schema_) for user_id, fields in file.users.items())
    _check_users(text, users, minimum_cost)
    return Document(
        file.revision,
        users,
        _place(text, ["revision"]),
        file.schema_,
        frozenset(
            user_id for user_id, fields in file.users.items() if "password_scheme" not in fields
        ),
    )


def fail_at_user(data: bytes, problem: str, user: User, name: str) -> NoReturn:
    """Raise UsersFileError at a field of a user."""
    text = data.decode("utf-8-sig")
    _fail(text, f"{name}: {problem}", user.id, name)


def check_headroom(data: bytes, document: Document) -> None:
    """Raise UsersFileError if a number in a file from elsewhere is too large to be raised."""
    problem = f"it may be {LARGEST_AT_START} at most"
    if document.revision > LARGEST_AT_START:
        raise UsersFileError(f"revision: {problem}", *document.place)
    for user in document.users:
        if user.generation > LARGEST_AT_START:
            fail_at_user(data, problem, user, "generation")


def _check_first_schema(text: str, users: dict[str, _Fields]) -> None:
    for user_id, fields in users.items():
        for name in ("display_name", "password_scheme", "former_usernames"):
            if name in fields:
                _fail(text, f"{name}: schema 1 has no such field", user_id, name)


def _record(user_id: str, fields: Mapping[str, Any]) -> User:
    former = tuple(fields.get("former_usernames", ()))
    return User(user_id, **{**fields, "former_usernames": former})


def _user(user_id: str, fields: _Fields, schema: int) -> User:
    """Return the user, with the password scheme that the record implies."""
    user = _record(user_id, fields)
    is_ours = user.password_hash.startswith("$2b$")
    if schema > 1 and not is_ours and "password_scheme" not in fields:
        return replace(user, password_scheme="bcrypt")
    if user.password_scheme == "bcrypt-sha256" and not is_ours:
        # bcrypt computes all three versions in the same way; ours always begins with $2b$.
        return replace(user, password_hash="$2b$" + user.password_hash[4:])
    return user


def _check_users(text: str, users: Sequence[User], minimum_cost: int) -> None:
    wrong = first_wrong_name(users)
    if wrong is not None:
        _fail(text, f"{wrong.field}: {wrong.problem}", wrong.user_id, wrong.field)
    for user in users:
        name_problems = display_name_problems(user.display_name)
        if user.display_name != normal_display_name(user.display_name):
            name_problems.append("Write it in Unicode's form NFC, without spaces around it.")
        if name_problems:
            _fail(text, f"display_name: {name_problems[0]}", user.id, "display_name")
        if not minimum_cost <= int(user.password_hash.split("$")[2]) <= MAXIMUM_COST:
            problem = (
                f"password_hash: its cost must be from {minimum_cost} to {MAXIMUM_COST}; "
                f"set a password with `users set-password {user.username}`"
            )
            _fail(text, problem, user.id, "password_hash")


def _first_problem(error: ValidationError) -> tuple[str, ...]:
    """Return the first problem, and the names that lead to it."""
    first = error.errors(include_url=False)[0]
    # Numbers are places in a list.
    path = [name for name in first["loc"] if isinstance(name, str)]
    if path == ["schema"] and first["type"] == "less_than_equal":
        return f"schema {first['input']} is of a newer Doorward; upgrade it", *path
    problem = f"{path[-1] if path else 'the document'}: {first['msg']}"
    if path[-1:] == ["password_hash"] and first["type"] == "string_pattern_mismatch":
        problem = (
            "password_hash: it must be a bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); "
            "set a password with `users set-password NAME`"
        )
    return problem, *(path[:-1] if first["type"] == "missing" else path)


def _fail(text: str, problem: str, *path: str, last: bool = False) -> NoReturn:
    raise UsersFileError(problem, *_place(text, path, last=last))


def _place(text: str, path: Iterable[str], *, last: bool = False) -> tuple[int, int]:
    """Return the line and column of the path's last name in the text."""
    at = 0
    for name in path:
        needle = json.dumps(name)
        at = max(at, text.rfind(needle) if last else text.find(needle, at))
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n")

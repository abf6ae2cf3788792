"""Fuzzes the loader of users.json: `python tests/fuzz/users_file.py CORPUS -runs=…`.

CORPUS is a folder that begins with the seeds, and libFuzzer's options may follow.

Half of the mutations are libFuzzer's own, of bytes; the others change the document itself, so that
the search also reaches what lies behind the JSON parser. Found within the runs of CI when the
product was broken by hand: two users of one name, numbers read from strings, any cost of a hash, an
uncaught RecursionError.
"""

import codecs
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["auth_service", "json.decoder"]):
    from auth_service.errors import UsersFileError
    from auth_service.storage.users_json.codec import (
        MAXIMUM_COST,
        MINIMUM_COST,
        Document,
        encode_document,
        encode_user,
        parse,
    )

HASH = "$2b$12$" + "." * 53
ALICE: dict[str, Any] = {
    "username": "Alice",
    "canonical": "alice",
    "password_hash": HASH,
    "generation": 3,
    "disabled": False,
    "created_at": "2026-11-22T10:00:00Z",
}
BOB = {**ALICE, "username": "bob", "canonical": "bob"}
CAROL = {**ALICE, "username": "carol", "canonical": "carol", "display_name": "Carol C."}
DAVE = {**ALICE, "username": "dave", "canonical": "dave", "password_scheme": "bcrypt"}
ERIN = {**ALICE, "username": "erin", "canonical": "erin", "former_usernames": ["eve", "mallory"]}
GOOD: dict[str, Any] = {
    "schema": 2,
    "revision": 17,
    "users": {"a1": ALICE, "b2": BOB, "c3": CAROL, "d4": DAVE, "e5": ERIN},
}
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3.0, 1e308, float("nan"), float("inf"), 2**53, 2**64, 10**400,
    "", "1", "alice", "ALICE", "\u212aarl", "\ud800", "\x00", "a\nb", "canonical", "\u0131",
    "x" * 65,
    HASH, HASH.replace("12", "31"), HASH.replace("12", "09"), HASH[:-1], HASH + "\n", "$2b$",
    "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n", "9999-99-99T99:99:99Z",
    "\u0662026-11-22T10:00:00Z",
    [], {}, [[]], {"a": {}}, ALICE, {"a1": ALICE}, {"": ALICE, "a1": ALICE}, GOOD,
]  # fmt: skip
NAMES = [
    *GOOD,
    *ALICE,
    "display_name",
    "password_scheme",
    "former_usernames",
    "a1",
    "b2",
    "",
    "admin",
    "\ud800",
    '"',
    "\\",
]


def seeds() -> list[bytes]:
    """Return inputs to begin with: good files, and what people do to them."""
    text = json.dumps(GOOD, indent=2)
    return [
        text.encode(),
        json.dumps(GOOD).encode(),
        json.dumps({**GOOD, "users": {}}).encode(),
        text.encode("utf-16"),
        b"\xef\xbb\xbf" + text.encode(),
        text.replace('"a1"', '"b2"').encode(),
        text.replace('"generation"', '"disabled": true, "generation"').encode(),
        text.replace('"bob"', '"ALICE"').encode(),
        text[: len(text) // 2].encode(),
        (text + "}").encode(),
        text.replace("3", "9" * 4400).encode(),
        b"[" * 5000,
        b'{"users":' * 2000,
        b"",
        b"null",
    ]


def mutated(data: bytes, size: int, seed: int) -> bytes:
    """Return the input changed at one place, as bytes or as a document."""
    dice = random.Random(seed)
    if dice.random() < 0.5:
        return atheris.Mutate(data, size)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = json.loads(json.dumps(GOOD))
    places: list[tuple[Any, Any]] = []
    below = [document]
    while below:
        node = below.pop()
        keys = (
            list(node)
            if isinstance(node, dict)
            else range(len(node))
            if isinstance(node, list)
            else []
        )
        places += [(node, key) for key in keys]
        below += [node[key] for key in keys]
    if places:
        node, key = dice.choice(places)
        act = dice.randrange(4)
        if act == 0:
            del node[key]
        elif act == 1 and isinstance(node, dict):
            node[dice.choice(NAMES)] = node.pop(key)
        elif act == 2 and isinstance(node, dict):
            node[dice.choice(NAMES)] = dice.choice([node[key], *VALUES])
        else:
            node[key] = dice.choice(VALUES)
    text = json.dumps(document, indent=dice.choice([None, 2]))
    if dice.random() < 0.1:  # a member twice, which no document in memory can have
        text = re.sub(r'("\w+": [^,{}\[\]]+)', r"\1, \1", text, count=1)
    return text.encode()[:size]


def test(data: bytes) -> None:
    """Read it: a refusal names its place, and what is accepted can be written and read."""
    try:
        document = parse(data)
    except UsersFileError as refusal:
        error = refusal
    else:
        check_accepted(data, document)
        return
    assert 1 <= error.line <= data.count(b"\n") + 1, error
    assert error.column >= 1, error
    assert str(error).startswith(f"line {error.line}, column {error.column}: ")


def without_hashes(data: bytes) -> dict[str, Any]:
    """Return the users without what may be written in another way than it was read."""
    users: dict[str, Any] = json.loads(data.removeprefix(codecs.BOM_UTF8))["users"]
    ours = ("password_hash", "password_scheme")
    return {
        # No former name at all is as good as an empty list of them.
        user_id: {name: value for name, value in fields.items() if name not in ours and value != []}
        for user_id, fields in users.items()
    }


def check_accepted(data: bytes, document: Document) -> None:
    """Look whether it is what docs and README promise, and can be written and read."""
    text = b"".join(encode_document(document.revision, map(encode_user, document.users)))
    assert parse(text) == document
    # As text, because True == 1 == 1.0.
    assert json.dumps(without_hashes(data), sort_keys=True) == json.dumps(
        without_hashes(text), sort_keys=True
    )
    names = [user.username for user in document.users]
    assert all(re.fullmatch(r"[A-Za-z0-9._@+-]{3,64}", name, re.ASCII) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    for user in document.users:
        assert user.canonical == user.username.lower()
        assert MINIMUM_COST <= int(user.password_hash[4:6]) <= MAXIMUM_COST
        assert len(user.password_hash) == 60
        assert user.password_scheme in ("bcrypt-sha256", "bcrypt", "unknown")
        assert user.password_scheme != "bcrypt-sha256" or user.password_hash.startswith("$2b$")
        assert len(user.display_name) <= 64
        assert type(user.disabled) is bool
        assert type(user.generation) is int
        assert user.generation >= 1


if __name__ == "__main__":
    for number, seed_text in enumerate(seeds()):
        Path(sys.argv[1], f"seed-{number:03}").write_bytes(seed_text)
    assert parse(seeds()[0]).users, "or nothing would be accepted wrongly"
    atheris.Setup(sys.argv, test, custom_mutator=mutated)
    atheris.Fuzz()

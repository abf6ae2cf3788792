"""users.json as text: what is read, what is refused and where, and what is written."""

import json
from typing import Any

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.errors import UsersFileError
from auth_service.models import User
from auth_service.storage.users_json.codec import (
    Document,
    encode_document,
    encode_user,
    fail_at_user,
    parse,
)
from auth_service.usernames import USERNAME, canonical_username

SALT_AND_DIGEST = "." * 53
ALICE: dict[str, Any] = {
    "username": "Alice",
    "canonical": "alice",
    "password_hash": f"$2b$12${SALT_AND_DIGEST}",
    "generation": 3,
    "disabled": False,
    "created_at": "2026-11-22T10:00:00Z",
}
BOB = {**ALICE, "username": "bob", "canonical": "bob"}


def file(alice: dict[str, Any] = ALICE, bob: dict[str, Any] = BOB, **top: Any) -> bytes:
    document = {"schema": 2, "revision": 17, "users": {"a1": alice, "b2": bob}, **top}
    return json.dumps(document, indent=2).encode()


def line_of(data: bytes, needle: str, *, last: bool = False) -> int:
    text = data.decode()
    return text.count("\n", 0, text.rindex(needle) if last else text.index(needle)) + 1


def error_in(data: bytes) -> UsersFileError:
    with pytest.raises(UsersFileError) as caught:
        parse(data)
    return caught.value


def test_the_format_of_the_contract_is_read() -> None:
    text = (
        '{"schema": 1, "revision": 17, "users": {"0af3": {"username": "Alice", '
        '"canonical": "alice", '
        f'"password_hash": "$2b$12${SALT_AND_DIGEST}", "generation": 1, "disabled": false, '
        '"created_at": "2026-11-22T10:00:00Z"}}}'
    )
    user = User(
        "0af3", "Alice", "alice", f"$2b$12${SALT_AND_DIGEST}", 1, False, "2026-11-22T10:00:00Z"
    )
    assert parse(text.encode()) == Document(17, (user,))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"schema": 1, "revision": 17, "users": {}}', (1, 15)),
        ('{"users": {},\n\n"schema": 1,\n   "revision": 17}', (4, 4)),
        (
            f'{{"schema": 1, "revision": 17,\n"users": {{"revision": {json.dumps(ALICE)}}}}}',
            (1, 15),
        ),
    ],
)
def test_it_is_known_where_the_revision_stands(text: str, place: tuple[int, int]) -> None:
    assert parse(text.encode()).place == place


def test_the_text_is_indented_with_a_block_for_each_user_in_order_of_creation() -> None:
    users = parse(file()).users
    text = b"".join(encode_document(18, [encode_user(user) for user in users]))
    document = {"schema": 2, "revision": 18, "users": {"a1": ALICE, "b2": BOB}}
    assert text.decode() == json.dumps(document, indent=2) + "\n"


names = st.from_regex(USERNAME, fullmatch=True).filter(lambda name: len(name) < 50)
users = st.builds(
    lambda user_id, name, cost, generation, disabled, display_name, scheme, former: User(
        user_id,
        name,
        canonical_username(name),
        f"$2b${cost}${SALT_AND_DIGEST}",
        generation,
        disabled,
        "2026-11-22T10:00:00Z",
        display_name,
        scheme,
        # No name in a file of these has "former" before it.
        tuple(f"former-{number}.{canonical_username(name)}"[:64] for number in range(former)),
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    names,
    st.integers(10, 15),
    st.integers(1, 2**60),
    st.booleans(),
    st.sampled_from(["", "Alice A.", "Ren\u00e9e", "\U0001f600", "x" * 64]),
    st.sampled_from(["bcrypt-sha256", "bcrypt", "unknown"]),
    st.integers(0, 2),
)


@given(
    st.lists(users, unique_by=(lambda user: user.id, lambda user: user.canonical)),
    st.integers(1, 2**53),
)
def test_what_is_written_is_read_back_the_same(written: list[User], revision: int) -> None:
    text = b"".join(encode_document(revision, [encode_user(user) for user in written]))
    assert parse(text) == Document(revision, tuple(written))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("username", ["al", "a" * 65, "Al ice", "Alicé", "alice\n", None]),
        ("canonical", ["Alice", "mallory", 1]),
        ("password_hash", ["a password", "", f"$2b$12${SALT_AND_DIGEST}."]),
        ("password_hash", [f"$2b$12${SALT_AND_DIGEST}\n", f"$1$12${SALT_AND_DIGEST}"]),
        ("password_hash", [f"$2b${cost}${SALT_AND_DIGEST}" for cost in ("09", "16", "31", "١٢")]),
        ("generation", [0, "1", 1.0, True, 2**63]),
        ("disabled", [0, "false"]),
        ("created_at", ["yesterday", 1]),
        ("display_name", ["x" * 65]),
        ("email", ["alice@example.org"]),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name_at_its_line(
    field: str, values: list[Any]
) -> None:
    for value in values:
        alice = {**ALICE, field: value}
        if field == "username" and isinstance(value, str):
            alice["canonical"] = value.lower()
        data = file(alice)
        error = error_in(data)
        assert field in str(error)
        assert (error.line, error.column) == (line_of(data, f'"{field}"'), 7)
        assert str(error).startswith(f"line {error.line}, column 7: ")


def test_a_wrong_canonical_name_and_a_wrong_cost_are_refused_at_their_user() -> None:
    data = file().replace(b'"canonical": "bob"', b'"canonical": "rob"', 1)
    assert error_in(data).line == line_of(data, '"canonical": "rob"')
    data = file(bob={**BOB, "password_hash": f"$2b$09${SALT_AND_DIGEST}"})
    assert "its cost must be from 10 to 15" in str(error_in(data))
    assert error_in(data).line == line_of(data, "$2b$09")


def test_a_display_name_that_is_not_in_its_normal_form_is_refused_at_its_user() -> None:
    data = file({**ALICE, "display_name": "Alice A."}, {**BOB, "display_name": " Bob"})
    error = error_in(data)
    assert "form NFC" in str(error)
    assert error.line == line_of(data, '"display_name"', last=True)


@pytest.mark.parametrize("field", list(ALICE))
def test_a_missing_field_is_refused_at_a_line_of_the_user_that_lacks_it(field: str) -> None:
    data = file({name: value for name, value in ALICE.items() if name != field})
    error = error_in(data)
    assert field in str(error)
    assert line_of(data, '"a1"') <= error.line < line_of(data, '"b2"')


@pytest.mark.parametrize("missing", ["schema", "revision", "users"])
def test_a_document_that_lacks_a_member_is_refused_by_name(missing: str) -> None:
    document = json.loads(file())
    del document[missing]
    assert missing in str(error_in(json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("top", "needle"),
    [
        ({"revision": 0}, '"revision"'),
        ({"revision": 2**62 + 1}, '"revision"'),
        ({"revision": "17"}, '"revision"'),
        ({"users": []}, '"users"'),
        ({"users": {"": ALICE}}, '""'),
        ({"users": {"a1": "alice"}}, '"a1"'),
        ({"groups": {}}, '"groups"'),
        ({"schema": 0}, '"schema"'),
        ({"schema": "1"}, '"schema"'),
        ({"schema": True}, '"schema"'),
    ],
)
def test_a_wrong_member_of_the_document_is_refused_at_its_line(
    top: dict[str, Any], needle: str
) -> None:
    data = file(**top)
    assert error_in(data).line == line_of(data, needle)


@pytest.mark.fault(27)
@pytest.mark.parametrize("more", [{}, {"email": "a@example.org"}])
def test_a_newer_schema_is_refused_as_such_even_with_fields_that_we_do_not_know(
    more: dict[str, str],
) -> None:
    error = error_in(file({**ALICE, **more}, schema=3))
    assert "newer Doorward" in str(error)
    assert error.line == 2


def test_a_field_is_found_at_its_user_behind_a_byte_order_mark_too() -> None:
    data = json.dumps(json.loads(file())).encode()
    bob = parse(data).users[1]
    with pytest.raises(UsersFileError, match="generation: too large") as caught:
        fail_at_user(b"\xef\xbb\xbf" + data, "too large", bob, "generation")
    assert (caught.value.line, caught.value.column) == (1, data.rindex(b'"generation"') + 1)


def test_two_users_of_one_canonical_name_are_refused_at_the_second() -> None:
    data = file(bob={**BOB, "username": "ALICE", "canonical": "alice"})
    error = error_in(data)
    assert '"alice"' in str(error)
    assert error.line == line_of(data, '"canonical"', last=True)


def test_an_id_or_a_field_that_stands_twice_is_refused_at_its_second_place() -> None:
    data = file().replace(b'"b2"', b'"a1"')
    error = error_in(data)
    assert '"a1" stands twice' in str(error)
    assert error.line == line_of(data, '"a1"', last=True)
    data = file().replace(b'"disabled": false', b'"disabled": true,\n      "disabled": false', 1)
    error = error_in(data)
    assert '"disabled" stands twice' in str(error)
    assert error.line == line_of(data, '"canonical"'), "by what names the user"
    data = data.replace(b'"canonical"', b'"name"')
    assert error_in(data).line == line_of(data, '"username"')


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"", 1, 1),
        (b"\n\n  x", 3, 3),
        (b'{\n  "schema": 1,\n  "revision": 17\n  "users": {}}', 4, 3),
        (b'{"schema": 1, "revision": 17, "users": {}}\n}', 2, 1),
        (b"[]", 1, 1),
        (b'{"schema": true}', 1, 2),
        (b'\n\n  {"schema": true}', 3, 4),
    ],
)
def test_text_that_is_no_document_is_refused_at_its_line_and_column(
    data: bytes, line: int, column: int
) -> None:
    error = error_in(data)
    assert (error.line, error.column) == (line, column)


def test_bytes_that_are_not_utf_8_are_refused_at_their_line() -> None:
    data = file().replace(b"bob", b"b\xffb", 1)
    assert error_in(data).line == data.count(b"\n", 0, data.index(b"\xff")) + 1
    assert (error_in(b"\n\xff").line, error_in(b"\n\xff").column) == (2, 1)
    assert "not UTF-8" in str(error_in(data))


def test_a_nesting_without_an_end_is_refused_as_such() -> None:
    assert str(error_in(b"[" * 100_000)).startswith("line 1, column 1: a number or a nesting")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 100_000, id="nested deeply"),
        pytest.param(b'{"a":' * 100_000, id="objects nested deeply"),
        pytest.param(file().replace(b"17", b"9" * 5000), id="a number of 5,000 digits"),
        pytest.param(file().replace(b"17", b"NaN"), id="NaN"),
        pytest.param(file().replace(b"17", b"1e999"), id="infinity"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"users"', id="string"),
        pytest.param(
            b'{"schema": 1, "revision": 1, "users": {"\\ud800": {}}}', id="half a character"
        ),
    ],
)
def test_whatever_else_the_file_may_be_is_one_kind_of_error(data: bytes) -> None:
    assert error_in(data).line >= 1


def test_a_file_cut_anywhere_is_refused_with_a_place_inside_it() -> None:
    data = file()
    for length in range(len(data)):
        error = error_in(data[:length])
        assert 1 <= error.line <= data.count(b"\n") + 1


@given(st.binary())
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    with pytest.raises(UsersFileError):
        parse(data)


@given(st.integers(0, len(file()) * 8 - 1))
def test_a_flipped_bit_is_refused_or_leaves_every_name(bit: int) -> None:
    data = bytearray(file())
    data[bit // 8] ^= 1 << bit % 8
    try:
        names = [user.canonical for user in parse(bytes(data)).users]
    except UsersFileError:
        return
    assert names == ["alice", "bob"]


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
@pytest.mark.parametrize(
    "salt_and_digest",
    [
        SALT_AND_DIGEST,
        pytest.param("z" * 53, id="a salt that bcrypt cannot decode"),
        pytest.param("." * 21 + "/" + "." * 31, id="a salt with a bit too many"),
        pytest.param("." * 21 + "u" + "z" * 31, id="every bit of the salt's last character"),
    ],
)
def test_a_hash_that_is_taken_in_can_be_checked(prefix: str, salt_and_digest: str) -> None:
    password_hash = f"${prefix}$04${salt_and_digest}"
    try:
        parse(file({**ALICE, "password_hash": password_hash}), minimum_cost=4)
    except UsersFileError:
        return
    assert not bcrypt.checkpw(b"no password", password_hash.encode())


@pytest.mark.parametrize("cost", ["04", "09"])
def test_low_costs_are_read_only_under_the_switch_for_tests(cost: str) -> None:
    data = file({**ALICE, "password_hash": f"$2b${cost}${SALT_AND_DIGEST}"})
    assert "cost" in str(error_in(data))
    assert len(parse(data, minimum_cost=4).users) == 2


def test_the_highest_cost_is_read() -> None:
    assert parse(file({**ALICE, "password_hash": f"$2b$15${SALT_AND_DIGEST}"}))


@pytest.mark.parametrize(
    ("username", "canonical"),
    [
        ("ALICE", "alice"),
        ("a.b_c@d+e-f9", "a.b_c@d+e-f9"),
        ("ADMIN\u212a", "ADMIN\u212a"),  # the Kelvin sign: its lower case is "k"
        ("İstanbul", "İstanbul"),
        ("", ""),
    ],
)
def test_only_ascii_names_are_folded(username: str, canonical: str) -> None:
    assert canonical_username(username) == canonical


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse(b"\xef\xbb\xbf" + file()) == parse(file())


@pytest.mark.parametrize(
    ("prefix", "fields", "scheme"),
    [
        ("2b", {}, "bcrypt-sha256"),
        ("2a", {}, "bcrypt"),
        ("2y", {}, "bcrypt"),
        ("2b", {"password_scheme": "bcrypt"}, "bcrypt"),
        ("2b", {"password_scheme": "unknown"}, "unknown"),
        ("2y", {"password_scheme": "bcrypt-sha256"}, "bcrypt-sha256"),
    ],
)
def test_a_record_says_what_its_hash_is_of(
    prefix: str, fields: dict[str, str], scheme: str
) -> None:
    hashed = {"password_hash": f"${prefix}$12${SALT_AND_DIGEST}"}
    user = parse(file({**ALICE, **hashed, **fields})).users[0]
    assert user.password_scheme == scheme
    text = b"".join(encode_document(1, [encode_user(user)]))
    assert parse(text).users == (user,)


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
def test_every_hash_in_a_file_of_schema_1_is_ours(prefix: str) -> None:
    data = file({**ALICE, "password_hash": f"${prefix}$12${SALT_AND_DIGEST}"}, schema=1)
    user = parse(data).users[0]
    assert (user.password_scheme, user.password_hash[:4]) == ("bcrypt-sha256", "$2b$")


@pytest.mark.parametrize(
    ("field", "value"),
    [("display_name", "Bob"), ("password_scheme", "bcrypt"), ("former_usernames", ["rob"])],
)
def test_a_file_of_schema_1_has_none_of_the_later_fields(field: str, value: object) -> None:
    data = file({**ALICE, "username": field, "canonical": field}, {**BOB, field: value}, schema=1)
    error = error_in(data)
    assert f"{field}: schema 1 has no such field" in str(error)
    assert error.line == line_of(data, f'"{field}": ')


def test_former_names_stand_in_the_block_of_their_user_in_one_line() -> None:
    data = file({**ALICE, "former_usernames": ["ally", "al.b"]})
    user = parse(data).users[0]
    assert user.former_usernames == ("ally", "al.b")
    assert b'      "former_usernames": ["ally", "al.b"],\n' in encode_user(user)


@pytest.mark.parametrize(
    ("of_alice", "of_bob"),
    [
        ([], ["alice"]),
        (["bob"], []),
        (["rob"], ["rob"]),
        ([], ["bob"]),
        ([], ["rob", "rob"]),
        ([], ["Rob"]),
        ([], ["r b"]),
        ([], [1]),
        ([], [f"bob{number}" for number in range(9)]),
    ],
    ids=[
        *("somebody's name", "a name of the next", "a former name of two", "the own name"),
        *("twice", "upper case", "no name", "a number", "nine"),
    ],
)
def test_a_former_name_that_is_not_the_users_alone_is_refused_with_its_place(
    of_alice: list[Any], of_bob: list[Any]
) -> None:
    data = file({**ALICE, "former_usernames": of_alice}, {**BOB, "former_usernames": of_bob})
    error = error_in(data)
    field = "canonical" if of_alice == ["bob"] else "former_usernames"
    assert f"{field}: " in str(error)
    assert (error.line, error.column) == (line_of(data, f'"{field}"', last=True), 7)


def test_a_display_name_has_its_characters_in_the_file() -> None:
    name = "Ærøskøbing" + "x" * 54
    data = file({**ALICE, "display_name": name})
    assert name.encode() in b"".join(encode_document(1, map(encode_user, parse(data).users)))


@pytest.mark.parametrize("hashed", [f"$2b$16${SALT_AND_DIGEST}", "$argon2id$v=19$m=1"])
def test_a_hash_that_cannot_be_used_is_refused_with_the_command_that_mends_it(hashed: str) -> None:
    assert "`users set-password " in str(error_in(file({**ALICE, "password_hash": hashed})))

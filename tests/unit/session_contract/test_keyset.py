"""The key set: what is a key, and a file of them that may change at any time."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_contract.keyset import Key, KeySet, KeySetError, KeySetFile, new_key, parse_key_set

MakeKey = Callable[..., Key]
SECRET = hashlib.sha256(b"a key").digest()


def encoded(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def jwk(**changes: Any) -> dict[str, Any]:
    member = {
        "kty": "oct",
        "use": "sig",
        "alg": "HS256",
        "kid": "one",
        "k": encoded(SECRET),
        **changes,
    }
    return {name: value for name, value in member.items() if value is not ...}


def jwk_set(*members: Any) -> str:
    return json.dumps({"keys": members})


def put(path: Path, keys: KeySet) -> None:
    """Replace the file as `keys rotate` does."""
    temporary = path.with_name("temporary")
    temporary.write_text(keys.to_json())
    temporary.rename(path)


def test_a_key_set_of_the_standard_form_is_read() -> None:
    keys = parse_key_set(jwk_set(jwk(), jwk(kid="two", k=encoded(SECRET[::-1]), retires_at=99)))
    assert keys == KeySet((Key("one", SECRET), Key("two", SECRET[::-1], 99)))
    assert keys.signing_key.kid == "one"


def test_what_is_written_is_a_jwk_set_and_is_read_back_the_same(make_key: MakeKey) -> None:
    keys = KeySet((make_key("one"), make_key("two", 1_800_000_000)))
    first, second = json.loads(keys.to_json())["keys"]
    assert first == {"kty": "oct", "use": "sig", "alg": "HS256", "kid": "one",
                     "k": encoded(make_key("one").secret)}  # fmt: skip
    assert second["retires_at"] == 1_800_000_000
    assert '\n      "kid": "two",\n' in keys.to_json(), "a line for each member"
    assert parse_key_set(keys.to_json()) == keys


def test_the_name_of_a_new_key_says_when_it_was_made() -> None:
    assert re.fullmatch(r"20270115T080000Z-[0-9a-f]{8}", new_key(1_800_000_000.9).kid)


def test_a_key_is_found_by_its_name_and_by_nothing_else(make_key: MakeKey) -> None:
    keys = KeySet((make_key("one"), make_key("two")))
    assert keys.find("two") == make_key("two")
    assert all(
        keys.find(kid) is None for kid in (None, "", "ONE", "one ", ["one"], {"one": 1}, 1, True)
    )


@pytest.mark.parametrize(("now", "retired"), [(99.999, False), (100, True), (100.001, True)])
def test_a_key_is_retired_from_its_very_second_on(
    make_key: MakeKey, now: float, retired: bool
) -> None:
    assert make_key(retires_at=100).is_retired(now) is retired
    assert make_key(retires_at=None).is_retired(now) is False


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "5", '"keys"', "{}", "[" * 100_000, '{"keys": null}', '{"keys": {}}'),
        *('{"keys": 5}', '{"keys": "one"}', '{"keys": []}', jwk_set("one"), jwk_set(5)),
        *(jwk_set(None), jwk_set([]), jwk_set({})),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(KeySetError):
        parse_key_set(text)


@pytest.mark.proves("RFC8725-3.5", "V11.2.3")
@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("kty", ["RSA", ..., None]),
        ("alg", ["HS512", "none", None]),
        ("kid", [..., "", 1, ["one"]]),
        ("k", [..., None, 5, "", "é" * 43, "!" * 43, encoded(SECRET) + "\n"]),
        ("k", [encoded(SECRET)[:20] + "!?!?" + encoded(SECRET)[20:], encoded(SECRET[:31])]),
        ("k", [encoded(b"\xff\xfe" * 16), encoded(SECRET.hex().encode())]),
        ("retires_at", ["1800000000", 1.5, True]),
    ],
)
def test_a_key_that_is_malformed_short_or_memorable_is_refused(
    member: str, values: list[Any]
) -> None:
    for value in values:
        for others in ([], [jwk(kid="fine")]):
            with pytest.raises(KeySetError):
                parse_key_set(jwk_set(*others, jwk(**{member: value})))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "is not a JWK Set"),
        (jwk_set(), "no key"),
        (jwk_set(jwk(alg="HS512")), "not for HS256"),
        (jwk_set(jwk(kid="")), "malformed kid"),
        (jwk_set(jwk(k="!" * 43)), "not base64url"),
        (jwk_set(jwk(k=encoded(SECRET[:31]))), "31 bytes; at least 32"),
        (jwk_set(jwk(k=encoded(b"secret\n" * 5))), "printable text, not random"),
        (jwk_set(jwk(retires_at=1), jwk(kid="two")), "retires the first key, which signs"),
    ],
)
def test_who_made_the_key_set_is_told_what_is_wrong_with_it(text: str, words: str) -> None:
    with pytest.raises(KeySetError, match=words):
        parse_key_set(text)


def test_a_key_of_fewer_than_eight_different_bytes_is_refused() -> None:
    digest = hashlib.sha256(b"which of seven").digest()
    text = jwk_set(jwk(k=encoded(bytes(200 + 3 * (byte % 7) for byte in digest))))
    with pytest.raises(KeySetError, match="repeats a few"):
        parse_key_set(text)


@given(
    st.binary(min_size=32, max_size=40).filter(lambda secret: len(set(secret)) >= 8),
    st.integers(1, 3),
)
def test_any_keys_are_read_back_as_they_were_written_and_each_with_its_own_end(
    secret: bytes, retiring: int
) -> None:
    secrets = [b"\xff" + bytes(byte ^ number for byte in secret) for number in range(4)]
    keys = KeySet(
        tuple(Key(f"k{n}", one, 99 if n == retiring else None) for n, one in enumerate(secrets))
    )
    assert parse_key_set(keys.to_json()) == keys


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(KeySetError, match="alike"):
        parse_key_set(jwk_set(jwk(), jwk(k=encoded(SECRET[::-1]))))


def test_a_key_may_lack_what_the_standard_makes_optional() -> None:
    assert parse_key_set(jwk_set(jwk(alg=..., use=...))).signing_key == Key("one", SECRET)


def test_no_error_shows_a_key(key_file: Path) -> None:
    shown = encoded(SECRET)
    key_file.write_text(jwk_set(jwk(), jwk(kty="RSA")))
    with pytest.raises(KeySetError) as caught:
        KeySetFile(key_file)
    error: BaseException | None = caught.value
    while error is not None:
        assert shown not in str(error)
        error = error.__cause__


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"", "is not a JWK Set"),
        (b"{", "is not a JWK Set"),
        (b"\xff\xfe", "it is not a text file"),
        (jwk_set(jwk(kid=1)).encode(), "malformed kid"),
    ],
)
def test_a_file_that_is_no_key_set_at_start_is_refused_by_name(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeySetError) as caught:
        KeySetFile(path)
    assert str(path) in str(caught.value)
    assert "DOORWARD_KEY_SET_FILE" in str(caught.value)
    assert reason in str(caught.value)


def test_a_changed_file_is_picked_up_at_the_next_look(key_file: Path, make_key: MakeKey) -> None:
    file = KeySetFile(key_file)
    assert file.current() is file.current()
    for kid in ("second", "third"):
        put(key_file, KeySet((make_key(kid), make_key("first"))))
        assert file.current().signing_key == make_key(kid)


@pytest.mark.parametrize("content", [b"", b"{", None])
def test_a_file_that_became_unreadable_leaves_the_last_good_keys_in_force(
    key_file: Path, make_key: MakeKey, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = KeySetFile(key_file)
    assert file.problem() is None
    key_file.unlink()
    if content is not None:
        key_file.write_bytes(content)
    for _ in range(2):
        assert file.current() == KeySet((make_key("first"),))
        assert str(key_file) in (file.problem() or "")
    if content is not None:
        assert [record.levelname for record in caplog.records] == ["ERROR"], "it is told once"
        assert "is not a JWK Set" in caplog.text
        assert "the last good keys stay in force" in caplog.text
    put(key_file, KeySet((make_key("second"),)))
    assert file.current().signing_key == make_key("second")
    assert file.problem() is None


def test_asking_for_problems_hides_no_change_of_the_keys(key_file: Path, make_key: MakeKey) -> None:
    file = KeySetFile(key_file)
    put(key_file, KeySet((make_key("second"),)))
    assert file.problem() is None  # as the readiness check does every few seconds
    assert file.current() == KeySet((make_key("second"),))
    key_file.write_text("{")
    assert file.problem() is not None
    put(key_file, KeySet((make_key("third"),)))
    assert file.problem() is None
    assert file.current() == KeySet((make_key("third"),))


def test_a_file_that_cannot_be_opened_for_a_moment_is_read_at_the_next_look(
    key_file: Path, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeySetFile(key_file)
    put(key_file, KeySet((make_key("second"),)))

    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError(24, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("io.open", fail)
        patch.setattr(os, "open", fail)
        assert file.current() == KeySet((make_key("first"),))
    assert file.current() == KeySet((make_key("second"),))

"""Secrets that a person typed or copied are refused; those that init makes pass."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from session_contract.credentials import credential_fault, new_credential
from session_contract.guessable import (
    PUBLISHED_EXAMPLES,
    why_guessable_bytes,
    why_guessable_text,
)
from session_contract.keyset import KeySet, KeySetError, new_key, parse_key_set

FIRST_VERSION = Path(__file__).resolve().parents[2] / "data" / "first_version" / "secrets"
RFC_7515 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RANDOM = hashlib.sha256(b"random").digest()
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def encoded(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def interleaved(sequences: int) -> bytes:
    """Return ascending sequences of eight bytes each, taking turns."""
    return bytes((RANDOM[each] + 3 * n) % 256 for n in range(8) for each in range(sequences))


def key_set(secret: bytes) -> str:
    return json.dumps({"keys": [{"kty": "oct", "kid": "first", "k": encoded(secret)}]})


@pytest.mark.proves("V11.2.3", "V13.2.3")
@pytest.mark.parametrize(
    "value",
    [
        "my-ultra-super-secure-and-super-long-secret",
        (ALPHABET * 2)[:43],
        (ALPHABET + ALPHABET.upper())[:43],
        "MySuperSecretKeyThatNobodyWillEverGuess1234",
        "My-Ultra-Super-Secure-And-Very-Long-Secret0",
        "THIS_IS_A_SECRET_KEY_FOR_SIGNING_TOKENS_000",
        "Qwertyuiop1234567890Asdfghjkl1234567890Zxcv",
        RFC_7515[:43],
        "SuperS3cr3tK3yF0rD00rw4rdThatN0b0dyKn0ws12A",
        "P4ssw0rdP4ssw0rdIsMyV3ryL0ngS3cr3tK3yV4lu3A",
        "C0rr3ctH0rs3B4tt3ryStapl3IsN0tG00dEn0ughNow",
        "M31nG3h31m3sP4ssw0rtF4rD13T43r1stS3hrL4ng0A",
        "Z9yX8wV7uT6sR5qP4oN3mL2kJ1iH0gF9eD8cB7aZ6yA",
        "changeme" * 5 + "cha",
        "0" * 43,
        "aB3" * 14 + "a",
        "603deb1015ca71be2b73aef0857d77811f352c073b6",
        encoded(b"a sentence of thirty-two letters"),
        encoded("Straße nach Süden, über Köln 12.".encode())[:43],
        encoded(bytes(range(32))),
        encoded(bytes(range(0, 64, 2))),
        encoded(bytes(range(32, 0, -1))),
        encoded(b"\x9d\xf1\x03\xc8" * 8),
        encoded(hashlib.sha256(b"x").digest()[:16] * 2),
        encoded(hashlib.sha256(b"x").digest()[:16] + b"!" + hashlib.sha256(b"x").digest()[1:16]),
    ],
)
def test_a_credential_that_was_typed_or_copied_is_refused(value: str) -> None:
    fault = credential_fault(value)
    assert "token_urlsafe(32)" in fault
    assert value not in fault


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wrtl3uebxyimeexzzf-9sa28m2p77mytujvx8tgojuk", "has letters of one case only"),
        ("WRTL3UEBXYIMEEXZZF-9SA28M2P77MYTUJVX8TGOJUK", "has letters of one case only"),
        ("QjxzKvbwXqjzVkwxJzqvBxkjWqzxKvjqZxwvQkjz123", "is made of words"),
        ("tk81BJRLqhdZSGWBjHZMNJLhjqmbzxGLDN905827tnhz", "is made of words"),
        ("07HJkspvwxlg15403JNVPGH8M4DmthcZWQCKPMH76205", ""),
        ("T00Anyb0dyTh3L0ngForMuchP4ssZPf7stg7NvlE3Laru", "is made of words"),
        ("MuchIsForP4ssSecr3tHer3onWKTn9UGKzEesg61SHE_q", ""),
        ("zzxxMmkmiMixmzGk4Mm2r4m6z2ib4x2Mk4__MzAkM-A", "repeats a few characters"),
        ("05lyBbiiuizRqzDD5DlEbiylObiyzT5l0BBFFbzRzRu", ""),
        ("QweRtyUiop9wxUhm_g1ConlKjhgFd-kS9DP4flFRyB9jf", "is a sequence"),
        ("QweRtyUiop229x8yZl7ImAlKjhgF3k8nSV9_qT2GIdiKI", ""),
    ],
    ids=[
        *("small letters", "capitals", "words without English", "10 changes of kind", "11 changes"),
        *("18 English pairs of 45", "17 pairs", "15 different characters", "16 characters"),
        *("15 steps of 45 along the keyboard", "14 steps"),
    ],
)
def test_each_rule_for_texts_refuses_at_its_limit_and_not_before(text: str, reason: str) -> None:
    assert why_guessable_text(text) == reason


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (b"36 characters that people can type.." + b"\x01\x02\x03\x04", "is printable text"),
        (b"35 characters that people can type." + b"\x01\x02\x03\x04\x05", ""),
        (RANDOM[:16] + RANDOM[:8] + RANDOM[16:24], "repeats itself"),
        (RANDOM[:16] + RANDOM[:7] + RANDOM[16:25], ""),
        (bytes(byte for byte in RANDOM[:16] for _ in range(2)), "repeats itself"),
        (bytes((250 + 3 * n) % 256 for n in range(12)) + RANDOM[:21], "is a sequence"),
        (bytes((250 + 3 * n) % 256 for n in range(11)) + RANDOM[:22], ""),
        (interleaved(4), "is a sequence"),
        (interleaved(5), ""),
    ],
    ids=[
        *("36 characters of 40", "35 characters", "8 of 16 repeat", "7 repeat", "each twice"),
        *("11 steps of 33", "10 steps", "four sequences in one", "five sequences"),
    ],
)
def test_each_rule_for_bytes_refuses_at_its_limit_and_not_before(
    secret: bytes, reason: str
) -> None:
    assert why_guessable_bytes(secret) == reason


def test_a_credential_is_the_one_spelling_of_32_bytes() -> None:
    value = new_credential()
    for length in (0, 1, 42, 44, 86):
        assert "43 base64url characters" in credential_fault((value * 2)[:length])
    for sign in ("+", "/", "=", " ", "é", "\n", "."):
        assert "43 base64url characters" in credential_fault(value[:42] + sign)
    assert credential_fault(value + "\n")
    # The last character carries four bits; the two others have to be zero (RFC 4648, 3.5).
    assert "32 bytes" in credential_fault(value[:42] + chr(ord(value[42]) + 1))


@pytest.mark.proves("RFC8725-3.5")
@pytest.mark.parametrize(
    "secret",
    [
        base64.urlsafe_b64decode(RFC_7515 + "=="),
        base64.urlsafe_b64decode(RFC_7515 + "==")[:32],
        b"my-ultra-super-secure-and-super-long-secret",
        ALPHABET.encode() * 2,
        "Straße nach Süden, über Köln und Bonn".encode(),
        bytes(range(64)),
        bytes(range(200, 100, -2)),
        bytes(byte for each in range(20) for byte in (each, 200 - each)),
        hashlib.sha256(b"x").digest() * 2,
        b"\0" * 32,
        b"secret with one control byte \x01 in it",
        bytes.fromhex("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"),
    ],
)
def test_a_key_that_was_typed_or_copied_is_refused(secret: bytes) -> None:
    with pytest.raises(KeySetError, match="not random"):
        parse_key_set(key_set(secret))


@pytest.mark.parametrize("length", [32, 48, 64])
def test_a_random_key_of_32_bytes_or_more_is_taken(length: int) -> None:
    secret = hashlib.shake_256(b"a key").digest(length)
    assert parse_key_set(key_set(secret)).signing_key.secret == secret


def test_what_init_makes_always_passes() -> None:
    for _ in range(300):
        assert credential_fault(new_credential()) == ""
        made = KeySet((new_key(1_800_000_000),))
        assert parse_key_set(made.to_json()) == made


def test_secrets_of_the_first_version_go_on() -> None:
    for name in ("edge/credential", "service/credential", "csrf/key"):
        assert credential_fault((FIRST_VERSION / name).read_text().strip()) == ""
    assert parse_key_set((FIRST_VERSION / "keys/keys.json").read_text()).keys


def test_every_published_example_names_its_source() -> None:
    lines = PUBLISHED_EXAMPLES.read_text("utf-8").splitlines()
    examples = [line for line in lines if not line.startswith("#")]
    assert len(examples) > 30
    for line in examples:
        assert re.fullmatch(r"[0-9a-f]{64} \S.{8,}", line), line

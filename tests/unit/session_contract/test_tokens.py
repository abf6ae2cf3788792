"""Which tokens open something. They are signed here by hand, so that nothing is taken on trust."""

import base64
import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_contract.keyset import Key, KeySet, KeySetFile
from session_contract.tokens import (
    AUDIENCE,
    ISSUER,
    MAX_TOKEN_LENGTH,
    TOKEN_TYPE,
    Claims,
    TokenError,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenVerifier,
)

MakeKey = Callable[..., Key]
NOW = 1_800_000_000
CLAIMS = Claims("u1", "Alice", "s1", "t1", NOW, NOW - 60, NOW + 1800)
HEADER = {"alg": "HS256", "typ": TOKEN_TYPE, "kid": "first"}
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: Any, payload: Any, key: Key, digest: str = "sha256") -> str:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{part(head)}.{part(body)}"
    return f"{signed}.{part(hmac.digest(key.secret, signed.encode(), digest))}"


def put(path: Path, *keys: Key) -> None:
    """Replace the key set as `keys rotate` does."""
    temporary = path.with_name("temporary")
    temporary.write_text(KeySet(keys).to_json())
    temporary.rename(path)


def changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not ...}


@pytest.fixture
def key(make_key: MakeKey) -> Key:
    return make_key()


@pytest.fixture
def verifier(key_file: Path, clock: Any) -> TokenVerifier:
    return TokenVerifier(KeySetFile(key_file), clock)


@pytest.fixture
def token(key: Key) -> str:
    return sign(HEADER, CLAIMS.to_payload(), key)


@pytest.mark.proves("V9.2.4")
def test_the_claims_are_those_of_the_contract() -> None:
    assert CLAIMS.to_payload() == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u1",
        "preferred_username": "Alice",
        "sid": "s1",
        "jti": "t1",
        "iat": NOW,
        "auth_time": NOW - 60,
        "exp": NOW + 1800,
    }


@pytest.mark.proves("V9.1.1")
def test_a_token_of_ours_is_believed(verifier: TokenVerifier, token: str) -> None:
    assert verifier.verify(token) == verifier.verify(token) == CLAIMS


def test_a_display_name_is_the_claim_name_and_tokens_without_it_pass(
    verifier: TokenVerifier, key: Key
) -> None:
    named = dataclasses.replace(CLAIMS, display_name="Alice A.")
    assert named.to_payload() == {**CLAIMS.to_payload(), "name": "Alice A."}
    assert verifier.verify(sign(HEADER, named.to_payload(), key)) == named
    assert CLAIMS.display_name == ""


FACTS = {"prev_at": NOW - 900, "prev_ua": "Browser/1.0", "wrong": 3, "live": 2, "pwd_at": NOW - 99}


def test_the_facts_for_the_dashboard_are_claims_of_short_names(
    verifier: TokenVerifier, key: Key
) -> None:
    known = dataclasses.replace(
        CLAIMS,
        previous_at=NOW - 900,
        previous_user_agent="Browser/1.0",
        wrong_passwords=3,
        live_sessions=2,
        password_set_at=NOW - 99,
    )
    assert known.to_payload() == {**CLAIMS.to_payload(), **FACTS}
    assert dataclasses.astuple(CLAIMS)[7:] == ("", 0, "", 0, 0, 0)
    assert verifier.verify(sign(HEADER, known.to_payload(), key)) == known


@pytest.mark.parametrize("claim", ["name", *FACTS])
def test_an_optional_claim_may_be_absent_and_must_have_its_type(
    verifier: TokenVerifier, key: Key, claim: str
) -> None:
    payload = {**CLAIMS.to_payload(), "name": "Alice A.", **FACTS}
    without = verifier.verify(sign(HEADER, changed(payload, {claim: ...}), key))
    assert without.to_payload() == changed(payload, {claim: ...})
    is_text = isinstance(payload[claim], str)
    for value in (None, True, False, 1.5, [], {}, 0.0, 5 if is_text else "5", ["Alice"]):
        with pytest.raises(TokenInvalid):
            verifier.verify(sign(HEADER, changed(payload, {claim: value}), key))


@pytest.mark.parametrize(
    ("header", "claims", "reason"),
    [
        ({"kid": "other"}, {}, "the token names no key of ours"),
        ({"typ": "JWT"}, {}, "the token's header is not that of a session token"),
        ({"kid": 5}, {}, "the token names no key of ours"),
        ({}, {"sid": 5}, "a claim that must be text is not"),
        ({}, {"iat": "now"}, "a claim that must be a time is not"),
        ({}, {"name": None}, "the claim name has the wrong type"),
        ({}, {"wrong": True}, "the claim wrong has the wrong type"),
        ({}, {"aud": "other"}, "Audience doesn't match"),
        ({}, {"exp": NOW}, "the token has expired"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_token(
    verifier: TokenVerifier, key: Key, header: dict[str, Any], claims: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TokenError, match=reason):
        verifier.verify(sign({**HEADER, **header}, {**CLAIMS.to_payload(), **claims}, key))


def test_a_token_may_have_2048_characters(verifier: TokenVerifier, key: Key) -> None:
    def of_length(length: int) -> str:
        names = ("a" * characters for characters in range(length))
        tokens = (sign(HEADER, {**CLAIMS.to_payload(), "name": name}, key) for name in names)
        return next(token for token in tokens if len(token) == length)

    assert verifier.verify(of_length(2048)).user_id == "u1"
    with pytest.raises(TokenForeign, match="not a token of ours"):
        verifier.verify(of_length(2049))


@pytest.mark.fault(22)
@pytest.mark.proves("V9.2.1")
@pytest.mark.parametrize(
    ("after", "expired"), [(1799.999, False), (1800, True), (1801, True), (-9e9, False)]
)
@pytest.mark.parametrize("remembered", [True, False])
def test_a_token_expires_at_its_very_second_remembered_or_not(
    verifier: TokenVerifier, token: str, clock: Any, after: float, expired: bool, remembered: bool
) -> None:
    if remembered:
        verifier.verify(token)
    clock.now = NOW + after
    if expired:
        with pytest.raises(TokenExpired) as caught:
            verifier.verify(token)
        assert caught.value.claims == CLAIMS
    else:
        assert verifier.verify(token) == CLAIMS


@pytest.mark.proves(
    "RFC8725-3.1", "RFC8725-3.10", "RFC8725-3.11", "RFC8725-3.12", "V9.1.2", "V9.1.3", "V9.2.2"
)
@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("alg", ["none", "None", "nOnE", "hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""]),
        ("alg", [..., None, 256, ["HS256"]]),
        ("typ", [..., "JWT", "at+jwt", TOKEN_TYPE.upper(), None, [TOKEN_TYPE]]),
        ("crit", [["exp"], [], ["b64"]]),
        ("b64", [False, True]),
        ("jwk", [{"kty": "oct"}]),
        ("jku", ["https://example.org/keys"]),
        ("x5u", ["https://example.org/cert"]),
        ("zip", ["DEF"]),
        ("cty", ["JWT"]),
    ],
    ids=str,
)
def test_any_header_but_ours_is_refused_though_the_key_signed_it(
    verifier: TokenVerifier, key: Key, member: str, values: list[Any]
) -> None:
    for value in values:
        with pytest.raises(TokenError):
            verifier.verify(sign(changed(HEADER, {member: value}), CLAIMS.to_payload(), key))


@pytest.mark.proves("RFC8725-3.1", "RFC8725-3.2", "V9.1.2")
@pytest.mark.parametrize(("alg", "digest"), [("HS384", "sha384"), ("HS512", "sha512")])
def test_another_algorithm_of_the_same_key_is_refused(
    verifier: TokenVerifier, key: Key, alg: str, digest: str
) -> None:
    with pytest.raises(TokenError):
        verifier.verify(sign({**HEADER, "alg": alg}, CLAIMS.to_payload(), key, digest))


@pytest.mark.proves("RFC8725-3.1", "RFC8725-3.3", "V6.8.2", "V9.1.1", "V9.1.2")
@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_a_token_without_a_signature_is_refused(verifier: TokenVerifier, alg: str) -> None:
    head, body = json.dumps({**HEADER, "alg": alg}), json.dumps(CLAIMS.to_payload())
    for signature in ("", "A" * 43, "_" * 43):
        with pytest.raises(TokenError):
            verifier.verify(f"{part(head.encode())}.{part(body.encode())}.{signature}")


@pytest.mark.proves("RFC8725-3.3", "V6.8.2", "V9.1.1")
def test_a_token_signed_with_another_key_under_the_name_of_ours_is_refused(
    verifier: TokenVerifier,
) -> None:
    for secret in (b"", b"\0" * 32, b"secret", b"first"):
        with pytest.raises(TokenInvalid):
            verifier.verify(sign(HEADER, CLAIMS.to_payload(), Key("first", secret)))


@pytest.mark.proves("RFC8725-3.10", "V9.1.3")
def test_a_token_that_names_no_key_of_ours_is_foreign(verifier: TokenVerifier, key: Key) -> None:
    for kid in (..., None, "", "unknown", "FIRST", "first ", "../first", 1, True, ["first"], {}):
        with pytest.raises(TokenForeign):
            verifier.verify(sign(changed(HEADER, {"kid": kid}), CLAIMS.to_payload(), key))


@pytest.mark.proves("RFC8725-3.8", "RFC8725-3.12", "V9.2.1")
@pytest.mark.parametrize("claim", list(CLAIMS.to_payload()))
def test_a_claim_that_is_missing_or_of_another_type_is_refused(
    verifier: TokenVerifier, key: Key, claim: str
) -> None:
    payload = CLAIMS.to_payload()
    is_text = isinstance(payload[claim], str)
    wrong = [..., None, True, False, 1.5, [], {}, "", ["Alice"], 0.0, 1e300]
    wrong += [float("nan"), 5] if is_text else [str(payload[claim])]
    for value in wrong:
        with pytest.raises(TokenInvalid):
            verifier.verify(sign(HEADER, changed(payload, {claim: value}), key))


@pytest.mark.parametrize("claim", ["iat", "auth_time", "exp"])
def test_a_time_far_off_is_a_time_or_refused_and_breaks_nothing(
    verifier: TokenVerifier, key: Key, claim: str
) -> None:
    for value in (10**30, 10**1000, -(10**1000), -1, 0):
        try:
            verifier.verify(sign(HEADER, {**CLAIMS.to_payload(), claim: value}, key))
        except TokenExpired:
            assert claim == "exp"
            assert value < NOW


@pytest.mark.proves("RFC8725-3.8", "RFC8725-3.9", "V9.2.3")
@pytest.mark.parametrize(
    ("claim", "values"),
    [
        (
            "iss",
            ["doorward", ISSUER.upper(), [ISSUER], [ISSUER, "https://a.example"], f"{ISSUER}/"],
        ),
        ("aud", ["other", [AUDIENCE], [AUDIENCE, "other"], AUDIENCE[:-1]]),
    ],
)
def test_an_issuer_or_audience_but_ours_is_refused_lists_too(
    verifier: TokenVerifier, key: Key, claim: str, values: list[Any]
) -> None:
    for value in values:
        with pytest.raises(TokenInvalid):
            verifier.verify(sign(HEADER, {**CLAIMS.to_payload(), claim: value}, key))


NO_OBJECTS = (b"", b"null", b"[]", b"5", b'"x"', b"{", b"\xff", b"[" * 1000, b"{}")


@pytest.mark.proves("RFC8725-3.7", "V1.5.2")
def test_a_header_or_payload_that_is_no_object_is_refused(
    verifier: TokenVerifier, key: Key
) -> None:
    for data in NO_OBJECTS:
        with pytest.raises(TokenError):
            verifier.verify(sign(HEADER, data, key))
        with pytest.raises(TokenForeign):
            verifier.verify(sign(data, CLAIMS.to_payload(), key))


@pytest.mark.proves("RFC8725-3.3", "V9.1.1")
def test_anything_but_the_tokens_own_text_is_refused(verifier: TokenVerifier, token: str) -> None:
    verifier.verify(token)
    for respelled in (
        *(f"{token}=", f"{token}==", f"{token} ", f" {token}", f"{token}\n", f"{token}\0"),
        *(f"{token}.", f"{token}.x", f".{token}", f"Bearer {token}", f'"{token}"', f"{token}A"),
        *(token.replace(".", other, 1) for other in ("=.", ".\n", "..")),
        token.replace("_", "/").replace("-", "+") + "/",
        token.replace("e", "\uff45"),
        *(token[:-1], token.partition(".")[2], "", ".", ".."),
        *(token + "A" * 1_000_000, "A" * 1_000_000 + token),
    ):
        with pytest.raises(TokenForeign):
            verifier.verify(respelled)


@pytest.mark.proves("V9.1.1")
def test_a_second_spelling_of_the_signature_is_refused(verifier: TokenVerifier, token: str) -> None:
    # 43 characters hold two bits more than the signature has.
    last = BASE64URL.index(token[-1])
    for other in range(last ^ last % 4, (last ^ last % 4) + 4):
        if other != last:
            with pytest.raises(TokenError):
                verifier.verify(token[:-1] + BASE64URL[other])


@pytest.mark.proves("V6.8.2", "V9.1.1")
def test_every_other_character_in_any_place_is_refused(verifier: TokenVerifier, token: str) -> None:
    for place in range(len(token) - 1):
        if token[place] != ".":
            other = BASE64URL[BASE64URL.index(token[place]) ^ 32]
            with pytest.raises(TokenError):
                verifier.verify(token[:place] + other + token[place + 1 :])


def test_a_megabyte_is_refused_at_once_even_if_it_is_signed(
    verifier: TokenVerifier, key: Key
) -> None:
    big = sign(HEADER, {**CLAIMS.to_payload(), "sid": "s" * 1_000_000}, key)
    began = time.process_time()
    for _ in range(100):
        with pytest.raises(TokenForeign):
            verifier.verify(big)
    assert time.process_time() - began < 0.5
    assert len(sign(HEADER, CLAIMS.to_payload(), key)) < MAX_TOKEN_LENGTH


@given(st.text())
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    class OneKey(KeySetFile):
        def __init__(self) -> None: ...

        def current(self) -> KeySet:
            return keys

    keys = KeySet((Key("first", bytes(range(32))),))
    verifier = TokenVerifier(OneKey(), lambda: NOW)
    head, tail = part(json.dumps(HEADER).encode()), "A" * 43
    for token in (
        text,
        f"{part(text.encode('utf-8', 'replace'))}.e30.{tail}",
        f"{head}.{text}.{tail}",
    ):
        with pytest.raises(TokenError):
            verifier.verify(token)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_retired_key_opens_nothing_from_its_very_second_on_remembered_or_not(
    key_file: Path, make_key: MakeKey, clock: Any, remembered: bool
) -> None:
    old = make_key("old", NOW + 100)
    put(key_file, make_key(), old)
    verifier = TokenVerifier(KeySetFile(key_file), clock)
    token = sign({**HEADER, "kid": "old"}, CLAIMS.to_payload(), old)
    clock.now = NOW + 99.999
    if remembered:
        assert verifier.verify(token) == CLAIMS
    clock.now = NOW + 100
    with pytest.raises(TokenForeign, match="the token's key is retired"):
        verifier.verify(token)


@pytest.mark.proves("V11.2.2")
def test_after_a_rotation_old_and_new_keys_verify(
    verifier: TokenVerifier, key_file: Path, make_key: MakeKey, token: str
) -> None:
    verifier.verify(token)
    put(key_file, make_key("second"), make_key("first", NOW + 1800))
    assert verifier.verify(token) == CLAIMS
    newer = sign({**HEADER, "kid": "second"}, CLAIMS.to_payload(), make_key("second"))
    assert verifier.verify(newer) == CLAIMS


@pytest.mark.proves("V11.2.2")
def test_a_token_of_a_revoked_key_is_refused_at_once_though_it_was_remembered(
    verifier: TokenVerifier, key_file: Path, make_key: MakeKey, token: str
) -> None:
    verifier.verify(token)
    put(key_file, make_key("second"))
    with pytest.raises(TokenForeign):
        verifier.verify(token)


def test_a_key_that_changes_under_the_same_name_ends_what_it_signed(
    verifier: TokenVerifier, key_file: Path, token: str
) -> None:
    verifier.verify(token)
    put(key_file, Key("first", hashlib.sha256(b"new").digest()))
    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def test_what_is_remembered_of_refused_tokens_keeps_none_refused_after_its_key_came(
    verifier: TokenVerifier, key_file: Path, make_key: MakeKey
) -> None:
    token = sign({**HEADER, "kid": "second"}, CLAIMS.to_payload(), make_key("second"))
    with pytest.raises(TokenForeign):
        verifier.verify(token)
    put(key_file, make_key("first"), make_key("second"))
    assert verifier.verify(token) == CLAIMS


@pytest.mark.proves("RFC8725-3.9", "V15.3.7")
def test_a_member_that_stands_twice_is_read_once_and_checked(
    verifier: TokenVerifier, key: Key
) -> None:
    payload = json.dumps(CLAIMS.to_payload())
    twice = payload[:-1] + ', "aud": "other"}'
    with pytest.raises(TokenInvalid):
        verifier.verify(sign(HEADER, twice.encode(), key))
    header = json.dumps(HEADER)[:-1] + ', "alg": "none"}'
    with pytest.raises(TokenInvalid):
        verifier.verify(sign(header.encode(), CLAIMS.to_payload(), key))

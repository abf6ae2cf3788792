"""Fuzzes the verifier of session tokens: `python tests/fuzz/tokens.py CORPUS -runs=…`.

CORPUS is a folder that begins with the seeds, and libFuzzer's options may follow.

The first byte of an input says what becomes of the rest: a token as it stands, or a header and a
payload, with a line between them, that are signed in one of several ways. So the search reaches
what lies behind the signature, too. Found at once when the product was broken by hand: an unchecked
signature, header, claim's type or retired key. A RecursionError that is not caught is not: PyJWT
maps it itself.
"""

import base64
import hashlib
import hmac
import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jwt", "session_contract"]):
    from session_contract.keyset import Key, KeySet, KeySetFile
    from session_contract.tokens import (
        AUDIENCE,
        ISSUER,
        TOKEN_TYPE,
        Claims,
        TokenExpired,
        TokenForeign,
        TokenInvalid,
        TokenVerifier,
    )

NOW = 1_800_000_000
CLAIMS = Claims("u1", "Alice", "s1", "t1", NOW, NOW - 60, NOW + 1800)
HEADER = {"alg": "HS256", "typ": TOKEN_TYPE, "kid": "first"}


def secret(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


OURS = {"first": secret("first"), "second": secret("second")}
RETIRED = {"retired": secret("retired")}
SIGNERS = [*OURS.values(), *RETIRED.values(), secret("another's"), b"", secret("first")[:16]]
DIGESTS = ["sha256", "sha512"]


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, key: bytes, digest: str = "sha256") -> str:
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), digest))}"


def token_of(data: bytes) -> str:
    """Return the token that an input of the fuzzer means."""
    kind, rest = data[0] if data else 0, data[1:]
    if kind == 0 or b"\n" not in rest:
        return rest.decode("utf-8", "surrogateescape")
    header, payload = rest.split(b"\n", 1)
    return signed(header, payload, SIGNERS[kind % len(SIGNERS)], DIGESTS[kind // 16 % 2])


def seeds() -> list[bytes]:
    """Return inputs to begin with: good tokens, and those that are wrong in one way each."""
    payload = CLAIMS.to_payload()
    payloads = [
        payload,
        {**payload, "exp": NOW},
        {**payload, "exp": 1e400},
        {**payload, "exp": str(NOW)},
        {**payload, "iat": True},
        {**payload, "sub": ""},
        {**payload, "aud": [AUDIENCE]},
        {**payload, "iss": ISSUER + " "},
        {**payload, "nbf": 2**64},
        {**payload, "sid": {"$ne": 1}},
        {},
    ]
    headers = [
        HEADER,
        {**HEADER, "kid": "second"},
        {**HEADER, "kid": "retired"},
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS512"},
        {**HEADER, "b64": False, "crit": ["b64"]},
        {**HEADER, "kid": ["first"]},
        {**HEADER, "jwk": {"kty": "oct", "k": part(secret("another's"))}},
    ]
    texts = [(json.dumps(header).encode(), json.dumps(payloads[0]).encode()) for header in headers]
    texts += [(json.dumps(HEADER).encode(), json.dumps(each).encode()) for each in payloads]
    texts += [(b"[]", b"[]"), (b"1", b"null"), (b"\xff{}", b'{"exp": NaN}'), (b"[" * 1300, b"{}")]
    texts.append((json.dumps(HEADER).encode(), b"[" * 1300))
    good = signed(*texts[0], OURS["first"])
    whole = [
        good,
        good + "=",
        good[:-1],
        f"{good.rsplit('.', 1)[0]}.",
        good.replace(".", ".."),
        "a.b.c",
        "",
    ]
    return [
        *(bytes([0]) + token.encode() for token in whole),
        *(bytes([kind]) + b"\n".join(text) for text in texts for kind in (6, 1, 2, 3, 4, 22)),
    ]


def is_signed(token: str, keys: list[bytes]) -> bool:
    """Whether the text is signed, in its one spelling, with one of the keys; asks no library."""
    text, _, signature = token.rpartition(".")
    return any(signature == part(hmac.digest(key, text.encode(), "sha256")) for key in keys)


def search(folder: Path, arguments: list[str]) -> None:
    """Look for a token that is accepted wrongly, or refused with an undocumented exception."""
    keys = [Key(name, key) for name, key in OURS.items()]
    keys += [Key(name, key, NOW) for name, key in RETIRED.items()]
    file = folder / "keys.json"
    file.write_text(KeySet(tuple(keys)).to_json())
    verifier = TokenVerifier(KeySetFile(file), lambda: NOW)

    def test(data: bytes) -> None:
        token = token_of(data)
        try:
            claims = verifier.verify(token)
        except TokenExpired as error:
            claims, is_over = error.claims, True
        except (TokenForeign, TokenInvalid):
            return
        else:
            is_over = False
        assert is_signed(token, [*OURS.values(), *(RETIRED.values() if is_over else [])]), token
        header, payload = (base64.urlsafe_b64decode(each + "==") for each in token.split(".")[:2])
        assert json.loads(header) == {**HEADER, "kid": json.loads(header)["kid"]}
        said = json.loads(payload)
        assert {name: said[name] for name in claims.to_payload()} == claims.to_payload()
        assert (claims.expires_at <= NOW) == is_over
        texts = (claims.user_id, claims.username, claims.session_id, claims.token_id)
        assert all(type(text) is str and text for text in texts)

    good = signed(
        json.dumps(HEADER).encode(), json.dumps(CLAIMS.to_payload()).encode(), OURS["first"]
    )
    assert verifier.verify(good) == CLAIMS, "or nothing would be accepted wrongly"
    atheris.Setup([sys.argv[0], *arguments], test)
    atheris.Fuzz()


if __name__ == "__main__":
    for number, seed in enumerate(seeds()):
        Path(sys.argv[1], f"seed-{number:03}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as made:
        search(Path(made), sys.argv[1:])

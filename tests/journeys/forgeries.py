"""Tokens of a live session, each with one thing wrong, most of them signed with the right key."""

import base64
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from journeys.visitor import claims

Members = dict[str, Any]
OPTIONAL = {"name", "prev_at", "prev_ua", "wrong", "live", "pwd_at"}
"""Claims without which a token is good."""


def part(data: bytes) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: Members, payload: Members | bytes, key: bytes, digest: str = "sha256") -> str:
    """Return a token, signed by hand so that nothing is refused before it is sent."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    text = f"{part(json.dumps(header).encode())}.{part(body)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), digest))}"


@dataclass(frozen=True)
class Forger:
    """Somebody who has a live session's token, and the very key that it was signed with."""

    token: str
    kid: str
    key: bytes

    @property
    def header(self) -> Members:
        """The header of a good token."""
        return {"alg": "HS256", "typ": "doorward-session+jwt", "kid": self.kid}

    @property
    def payload(self) -> Members:
        """What the good token says."""
        return claims(self.token)

    def good(self) -> str:
        """Return a token with which nothing is wrong."""
        return signed(self.header, self.payload, self.key)

    def forgeries(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a token, and the token."""
        head, body, signature = self.token.split(".")
        for alg in ("none", "nOnE", "HS512", "RS256"):
            wrong = part(json.dumps(self.header | {"alg": alg}).encode())
            yield f"alg {alg}, unsigned", f"{wrong}.{body}."
            yield f"alg {alg}, our signature", f"{wrong}.{body}.{signature}"
            yield f"alg {alg}, signed with our key", self.with_header(alg=alg)
        really = signed(self.header | {"alg": "HS512"}, self.payload, self.key, "sha512")
        yield "really HS512", really
        for key in (b"", bytes(32), b"secret", self.kid.encode(), secrets.token_bytes(32)):
            yield f"signed with {key!r}", signed(self.header, self.payload, key)
        for change in self.odd_headers():
            yield f"header with {change}", self.with_header(**change)
        for change in self.odd_claims():
            yield f"claims with {change}", signed(self.header, self.payload | change, self.key)
        for claim in self.payload.keys() - OPTIONAL:
            fewer = {name: value for name, value in self.payload.items() if name != claim}
            yield f"without {claim}", signed(self.header, fewer, self.key)
        for text in (b"", b"null", b"[]", b"\xff", b"[" * 500):
            yield f"payload {text[:5]!r}", signed(self.header, text, self.key)
        other = part(json.dumps(self.payload | {"sub": "somebody-else"}).encode())
        yield "somebody else's payload", f"{head}.{other}.{signature}"
        yield "a signature backwards", f"{head}.{body}.{signature[::-1]}"
        for odd in (f"{self.token}=", f"{self.token}.x", f"{head}.{body}", self.token[:-1]):
            yield f"spelt {odd[-10:]}", odd

    def with_header(self, **changes: object) -> str:
        """Return a token whose header is another one, signed with our key."""
        return signed(self.header | changes, self.payload, self.key)

    def odd_headers(self) -> list[Members]:
        """Return other kinds of token, names of other keys, and more than belongs there."""
        evil = "https://evil.example/k"
        types = [{"typ": typ} for typ in ("JWT", "at+jwt", "", None)]
        names: list[object] = ["", "../../../../dev/null", "' OR '1'='1", evil, None, [self.kid]]
        more = [{"crit": ["exp"]}, {"b64": False}, {"jwk": {"kty": "oct", "k": part(self.key)}}]
        return [*types, *({"kid": name} for name in names), *more, {"jku": evil}, {"zip": "DEF"}]

    def odd_claims(self) -> list[Members]:
        """Return claims of another issuer, for others, out of time, and of other types."""
        past = self.payload["iat"] - 1
        wrong = [{"iss": "evil"}, {"aud": "evil"}, {"aud": ["doorward"]}, {"exp": past}, {"sub": 1}]
        return [*wrong, {"exp": str(self.payload["exp"])}, {"iat": None}, {"sid": ""}]

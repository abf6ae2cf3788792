"""Tokens of a live session of which one thing is wrong each, most of them signed with the right key."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from journeys.visitor import claims

Members = dict[str, Any]
Named = Iterator[tuple[str, str]]


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

    def some(self) -> dict[str, str]:
        """Return the first forgery of each kind, and one or two more."""
        every = [list(kind) for kind in self._kinds()]
        return dict(named for kind in every for named in kind[:: len(kind) // 2])

    def all(self) -> dict[str, str]:
        """Return every forgery by what is wrong with it."""
        return dict(named for kind in self._kinds() for named in kind)

    def _kinds(self) -> list[Named]:
        return [
            self.algorithms(),
            self.types(),
            self.key_names(),
            self.keys(),
            self.headers(),
            self.claims(),
            self.spellings(),
        ]

    def algorithms(self) -> Named:
        """None, others, and other spellings of ours."""
        _, body, signature = self.token.split(".")
        names = (
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "HS384",
            "HS512",
            "RS256",
            "ES256",
            "PS256",
            "EdDSA",
            "hs256",
        )
        for alg in names:
            header = self.header | {"alg": alg}
            wrong = part(json.dumps(header).encode())
            yield f"alg {alg!r}, unsigned", f"{wrong}.{body}."
            yield f"alg {alg!r}, our signature", f"{wrong}.{body}.{signature}"
            yield f"alg {alg!r}, signed with our key", signed(header, self.payload, self.key)
        for digest, alg in (("sha384", "HS384"), ("sha512", "HS512")):
            yield (
                f"really {alg}",
                signed(self.header | {"alg": alg}, self.payload, self.key, digest),
            )

    def types(self) -> Named:
        """Tokens of other kinds."""
        for typ in (
            "JWT",
            "jwt",
            "at+jwt",
            "",
            "Doorward-Session+JWT",
            None,
            ["doorward-session+jwt"],
        ):
            yield f"typ {typ!r}", signed(self.header | {"typ": typ}, self.payload, self.key)

    def key_names(self) -> Named:
        """Names that could lead to a file, a query, an address, or to no key at all."""
        names: tuple[Any, ...] = (
            "", "../../../../dev/null", "/dev/null", "/proc/self/environ", "' OR '1'='1", "0",
            "http://evil.example/keys", f"{self.kid}\0", f"{self.kid} ", f"x{self.kid}", 0, None, True,
            [self.kid], {"kid": self.kid},
        )  # fmt: skip
        for name in names:
            for whose, key in (
                ("ours", self.key),
                ("nothing", b""),
                ("zeros", bytes(32)),
                ("'0'", b"0"),
            ):
                yield (
                    f"kid {name!r} by {whose}",
                    signed(self.header | {"kid": name}, self.payload, key),
                )

    def keys(self) -> Named:
        """Other keys under the name of ours."""
        for name, key in (
            ("nothing", b""), ("zeros", bytes(32)), ("secret", b"secret"), ("its name", self.kid.encode()),
            ("its hash", hashlib.sha256(self.key).digest()), ("its text", part(self.key).encode()),
            ("another", secrets.token_bytes(32)),
        ):  # fmt: skip
            yield f"signed with {name}", signed(self.header, self.payload, key)

    def headers(self) -> Named:
        """More in the header than belongs there."""
        evil = "https://evil.example/k"
        for more in (
            {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"b64": True},
            {"jwk": {"kty": "oct", "k": part(self.key)}}, {"jku": evil}, {"x5u": evil}, {"x5c": ["AAAA"]},
            {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A256GCM"}, {"iss": "doorward-auth-service"},
        ):  # fmt: skip
            yield f"header with {more}", signed(self.header | more, self.payload, self.key)

    def claims(self) -> Named:
        """Claims that are missing, of another type, of another issuer, for others, out of time."""
        for claim, value in self.payload.items():
            without = {name: other for name, other in self.payload.items() if name != claim}
            yield f"without {claim}", signed(self.header, without, self.key)
            for wrong in (None, [value], {}, True, "", 1.5, [], [value, "x"]):
                yield (
                    f"{claim} is {wrong!r}",
                    signed(self.header, self.payload | {claim: wrong}, self.key),
                )
        for change in (
            {"iss": "evil"}, {"aud": "evil"}, {"aud": "doorward "}, {"iss": "Doorward-Auth-Service"},
            {"exp": 0}, {"exp": self.payload["iat"] - 1},
            {"exp": str(self.payload["exp"])}, {"iat": str(self.payload["iat"])},
        ):  # fmt: skip
            yield f"claims {change}", signed(self.header, self.payload | change, self.key)
        for text in (b"", b"null", b"[]", b"{}", b"\xff", b"{", b'"x"', b"[" * 500):
            yield f"payload {text[:5]!r}", signed(self.header, text, self.key)

    def spellings(self) -> Named:
        """The good token's text, changed."""
        head, body, signature = self.token.split(".")
        other = part(json.dumps(self.payload | {"sub": "somebody-else"}).encode())
        yield from (
            ("a trailing =", f"{self.token}="),
            ("a trailing A", f"{self.token}A"),
            ("a trailing dot", f"{self.token}."),
            ("four parts", f"{self.token}.x"),
            ("five parts", f"{self.token}.x.y"),
            ("two parts", f"{head}.{body}"),
            ("one part", head),
            ("no header", f".{body}.{signature}"),
            ("swapped", f"{body}.{head}.{signature}"),
            ("cut", self.token[:-1]),
            ("a signature backwards", f"{head}.{body}.{signature[::-1]}"),
            ("standard base64", f"{head}+/.{body}.{signature}"),
            ("somebody else's payload", f"{head}.{other}.{signature}"),
        )

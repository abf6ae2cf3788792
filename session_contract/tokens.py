"""Session tokens: their claims and their verification (RFC 7519, RFC 8725)."""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import jwt
from jwt.types import Options

from session_contract.keyset import Key, KeySet, KeySetFile

ALGORITHM = "HS256"
TOKEN_TYPE = "doorward-session+jwt"  # noqa: S105 - the name of a type, not a secret
ISSUER = "doorward-auth-service"
AUDIENCE = "doorward"

REMEMBERED_TOKENS = 4096
MAX_TOKEN_LENGTH = 2048

_TEXT_CLAIMS = ("sub", "preferred_username", "sid", "jti")
_TIME_CLAIMS = ("iat", "auth_time", "exp")
_OPTIONAL_CLAIMS: dict[str, tuple[str, type]] = {
    "name": ("display_name", str),
    "prev_at": ("previous_at", int),
    "prev_ua": ("previous_user_agent", str),
    "wrong": ("wrong_passwords", int),
    "live": ("live_sessions", int),
    "pwd_at": ("password_set_at", int),
}
"""Optional claims, with the field of `Claims` and the type. Older tokens do not have them."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a session token. Times are Unix seconds.

    Those with a default are optional; 0 and "" stand for what is not known. The facts for the
    dashboard are the sign-in before this one (`previous_at`, `previous_user_agent`), the wrong
    passwords between the two, the live sessions, and when the password was set.
    """

    user_id: str
    username: str
    session_id: str
    token_id: str
    issued_at: int
    authenticated_at: int
    expires_at: int
    display_name: str = ""
    previous_at: int = 0
    previous_user_agent: str = ""
    wrong_passwords: int = 0
    live_sessions: int = 0
    password_set_at: int = 0

    def to_payload(self) -> dict[str, Any]:
        """Return the claims under their registered names (RFC 7519, OpenID Connect Core).

        The names of the facts for the dashboard are our own, and short.
        """
        optional = {name: getattr(self, field) for name, (field, _) in _OPTIONAL_CLAIMS.items()}
        known = {name: value for name, value in optional.items() if value}
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": self.user_id,
            "preferred_username": self.username,
            "sid": self.session_id,
            "jti": self.token_id,
            "iat": self.issued_at,
            "auth_time": self.authenticated_at,
            "exp": self.expires_at,
            **known,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Return the claims of a payload. Raises TokenInvalid if one has the wrong type."""
        for name in _TEXT_CLAIMS:
            if type(payload[name]) is not str or not payload[name]:
                raise TokenInvalid("a claim that must be text is not")
        for name in _TIME_CLAIMS:
            if type(payload[name]) is not int:  # isinstance would accept a bool
                raise TokenInvalid("a claim that must be a time is not")
        optional: dict[str, Any] = {}
        for name, (field, kind) in _OPTIONAL_CLAIMS.items():
            if name in payload:
                if type(payload[name]) is not kind:
                    raise TokenInvalid(f"the claim {name} has the wrong type")
                optional[field] = payload[name]
        return cls(
            user_id=payload["sub"],
            username=payload["preferred_username"],
            session_id=payload["sid"],
            token_id=payload["jti"],
            issued_at=payload["iat"],
            authenticated_at=payload["auth_time"],
            expires_at=payload["exp"],
            **optional,
        )


class TokenError(Exception):
    """The token is not accepted."""


class TokenForeign(TokenError):
    """The token names no key of ours: it is another program's, or its key was revoked."""


class TokenInvalid(TokenError):
    """The token names a key of ours, but its signature, header or claims are wrong."""


class TokenExpired(TokenError):
    """The token was ours but has expired; `claims` are its claims."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("the token has expired")
        self.claims = claims


class TokenVerifier:
    """Verifies tokens against a key set that may change.

    A verified token is cached together with the key set that it was verified with. The cache holds
    for signature and form only; the times are checked at every call.
    """

    def __init__(self, keys: KeySetFile, clock: Callable[[], float] = time.time) -> None:
        self._file = keys
        self._clock = clock

    def verify(self, token: str) -> Claims:
        """Return the claims of a token that is ours and not expired.

        Raises:
            TokenForeign, TokenInvalid, TokenExpired: the token is not accepted.
        """
        claims, key = _decode(token, self._file.current())
        now = self._clock()
        if now >= claims.expires_at:
            raise TokenExpired(claims)
        if key.is_retired(now):
            raise TokenForeign("the token's key is retired")
        return claims


@lru_cache(maxsize=REMEMBERED_TOKENS)
def _decode(token: str, keys: KeySet) -> tuple[Claims, Key]:
    """Check everything but the times.

    PyJWT accepts padding and unknown header members. The form is checked first, so that `crit`,
    `b64` (RFC 7515, RFC 7797) and other spellings never get that far.
    """
    if len(token) > MAX_TOKEN_LENGTH or not _SHAPE.fullmatch(token):
        raise TokenForeign("not a token of ours")
    header = _unverified_header(token)
    key = keys.find(header.get("kid"))
    if key is None:
        raise TokenForeign("the token names no key of ours")
    if header != {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid}:
        raise TokenInvalid("the token's header is not that of a session token")
    return Claims.from_payload(_verified_payload(token, key)), key


def _unverified_header(token: str) -> dict[str, Any]:
    """Return the header; PyJWT would decode all of the token for it, and does so later anyway."""
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError) as error:
        raise TokenForeign("not a token of ours") from error
    if not isinstance(header, dict):
        raise TokenForeign("not a token of ours")
    return header


def _verified_payload(token: str, key: Key) -> dict[str, Any]:
    """Return the payload of a token whose signature, issuer and audience are right."""
    options: Options = {
        "require": ["iss", "aud", *_TEXT_CLAIMS, *_TIME_CLAIMS],
        "strict_aud": True,
        "enforce_minimum_key_length": True,
        # `verify` checks the times, with our own clock.
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
    }
    try:
        return jwt.decode(token, key.secret, [ALGORITHM], options, audience=AUDIENCE, issuer=ISSUER)
    except (jwt.PyJWTError, RecursionError) as error:
        raise TokenInvalid(str(error)) from error

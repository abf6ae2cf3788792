"""Session tokens: their claims and their verification (RFC 7519, RFC 8725)."""

import re
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

import jwt

from session_contract.keyset import Key, KeySet, KeySetFile

ALGORITHM = "HS256"
TOKEN_TYPE = "doorward-session+jwt"  # noqa: S105 - the name of a type, not a secret
ISSUER = "doorward-auth-service"
AUDIENCE = "doorward"

REMEMBERED_TOKENS = 4096
MAX_TOKEN_LENGTH = 2048

_TEXT_CLAIMS = ("sub", "preferred_username", "sid", "jti")
_TIME_CLAIMS = ("iat", "auth_time", "exp")
_CLAIMS = (*_TEXT_CLAIMS, *_TIME_CLAIMS)
"""The registered names of the fields of `Claims`, in their order."""
_OPTIONS: Any = {
    "require": ["iss", "aud", *_CLAIMS],
    "strict_aud": True,
    "enforce_minimum_key_length": True,
    **dict.fromkeys(["verify_exp", "verify_iat", "verify_nbf"], False),
}
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a session token says. Times are Unix seconds."""

    user_id: str
    username: str
    session_id: str
    token_id: str
    issued_at: int
    authenticated_at: int
    expires_at: int

    def to_payload(self) -> dict[str, Any]:
        """Return the claims under their registered names (RFC 7519, OpenID Connect Core)."""
        return {"iss": ISSUER, "aud": AUDIENCE, **dict(zip(_CLAIMS, astuple(self), strict=True))}


class TokenError(Exception):
    """The token opens nothing."""


class TokenForeign(TokenError):
    """It names no key of ours: another program's cookie, or one signed with a revoked key."""


class TokenInvalid(TokenError):
    """It names a key of ours, but its signature, header or claims are wrong."""


class TokenExpired(TokenError):
    """It was ours, but its time is over; `claims` says whose it was."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("the token has expired")
        self.claims = claims


class TokenVerifier:
    """Verifies tokens against a key set that may change.

    What was verified once is remembered, for the token's text and the key set that it was verified
    with. Only signature and form are remembered: the times are looked at anew at every call.
    """

    def __init__(self, keys: KeySetFile, clock: Callable[[], float] = time.time) -> None:
        self._file = keys
        self._clock = clock

    def verify(self, token: str) -> Claims:
        """Return the claims of a token that is ours and not expired.

        Raises:
            TokenForeign, TokenInvalid, TokenExpired: see there.
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

    PyJWT tolerates padding and unknown header members; the form is checked first so that
    neither `crit` nor `b64` (RFC 7515, RFC 7797) nor a second spelling ever gets that far.
    """
    if len(token) > MAX_TOKEN_LENGTH or not _SHAPE.fullmatch(token):
        raise TokenForeign("not a token of ours")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenForeign("not a token of ours") from error
    key = keys.find(header.get("kid"))
    if key is None:
        raise TokenForeign("the token names no key of ours")
    if header != {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid}:
        raise TokenInvalid("the token's header is not that of a session token")
    try:
        payload = jwt.decode(
            token, key.secret, [ALGORITHM], _OPTIONS, audience=AUDIENCE, issuer=ISSUER
        )
    except (jwt.PyJWTError, RecursionError) as error:
        raise TokenInvalid(str(error)) from error
    if any(type(payload[name]) is not str or not payload[name] for name in _TEXT_CLAIMS):
        raise TokenInvalid("a claim that must be text is not")
    if any(type(payload[name]) is not int for name in _TIME_CLAIMS):
        raise TokenInvalid("a claim that must be a time is not")
    return Claims(*(payload[name] for name in _CLAIMS)), key

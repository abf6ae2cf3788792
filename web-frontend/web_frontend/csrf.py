"""CSRF tokens: signed double submit, bound to the session (OWASP CSRF Prevention Cheat Sheet).

The cookie holds a random value; a form holds an HMAC over that value and the session's id.
So neither a cookie planted by a neighbour nor a token from another session is of use. Every
token is salted anew: a page may be compressed without giving it away (BREACH).
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Collection

from werkzeug.datastructures import Headers

NO_COOKIE = "Your browser sent no cookie. Allow cookies for this site, then send the form again."
OUT_OF_DATE = (
    "This form was out of date: you may have signed in or out in another tab. Send it again."
)
_SALT_BYTES = 12


class CsrfRejected(Exception):
    """A form was not sent from a page of ours, or not in this session; says what to do."""


class ForeignOrigin(CsrfRejected):
    """It was sent from another site."""


class CsrfProtection:
    """Makes and checks the tokens, and looks at where a form came from."""

    def __init__(self, key: str, origins: Collection[str]) -> None:
        self._key = key.encode()
        self._origins = origins

    def token(self, cookie: str, session_id: str) -> str:
        """Return a token for a form, for this cookie and session ("" for none)."""
        # Another one each time is enough, and asking the kernel for it lets other threads cut in.
        salt = hmac.digest(self._key, time.time_ns().to_bytes(8, "big"), hashlib.sha256)[
            :_SALT_BYTES
        ]
        return base64.urlsafe_b64encode(salt + self._mac(salt, cookie, session_id)).decode()

    def check(
        self, headers: Headers, cookies: Collection[str], token: str, session_id: str
    ) -> None:
        """Return if the form is ours, sent from our pages; one of `cookies` must fit its token.

        Raises CsrfRejected.
        """
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site", "none")
        if (origin is not None and origin not in self._origins) or site not in (
            "same-origin",
            "none",
        ):
            raise ForeignOrigin(
                "The form came from another site. Fill it in here and send it again."
            )
        if not cookies:
            raise CsrfRejected(NO_COOKIE)
        try:
            decoded = base64.b64decode(token, b"-_", validate=True)
        except ValueError:
            decoded = b""
        salt, mac = decoded[:_SALT_BYTES], decoded[_SALT_BYTES:]
        expected = [self._mac(salt, cookie, session_id) for cookie in cookies]
        if not any(hmac.compare_digest(mac, one) for one in expected):
            raise CsrfRejected(OUT_OF_DATE)

    def _mac(self, salt: bytes, cookie: str, session_id: str) -> bytes:
        message = b"\0".join([salt, session_id.encode(), cookie.encode()])
        return hmac.digest(self._key, message, hashlib.sha256)

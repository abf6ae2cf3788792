"""CSRF tokens: signed double submit, bound to the session (OWASP CSRF Prevention Cheat Sheet).

The cookie holds a random value, and a form holds an HMAC over that value and the session's id. So
neither a planted cookie nor a token from another session is of use. Every token has a new salt, so
that a compressed page does not reveal it (BREACH).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection

from werkzeug.datastructures import Headers

COOKIE_BYTES = 18
SALT_BYTES = 12

NO_COOKIE = "Your browser sent no cookie. Allow cookies for this site, then send the form again."
OUT_OF_DATE = (
    "This form was out of date: you may have signed in or out in another tab. Send it again."
)
FROM_ELSEWHERE = "The form came from another site. Fill it in here and send it again."


class CsrfRejected(Exception):
    """The form did not come from our pages or this session; the message says what to do."""

    event = "input_validation_fail"


class ForeignOrigin(CsrfRejected):
    """The form was sent from another site."""

    event = "malicious_cors"


def new_csrf_cookie() -> str:
    """Return a random value for the cookie."""
    return secrets.token_urlsafe(COOKIE_BYTES)


class CsrfProtection:
    """Makes and checks tokens, and checks the origin of forms."""

    def __init__(self, key: str, origins: Collection[str]) -> None:
        self._key = key.encode()
        self._origins = origins

    def token(self, cookie: str, session_id: str) -> str:
        """Return a token for a form, for this cookie and session ("" for none)."""
        salt = secrets.token_bytes(SALT_BYTES)
        return base64.urlsafe_b64encode(salt + self._mac(salt, cookie, session_id)).decode()

    def is_from_elsewhere(self, headers: Headers) -> bool:
        """Whether the page that sent the request is another site's, or hides its origin."""
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins:
            return True
        return headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")

    def may_set_cookie(self, method: str, headers: Headers) -> bool:
        """Whether the answer to a request without the cookie may set one.

        The cookie is SameSite=Lax. Forms and images of other sites do not send it, and a new one
        would replace it. A link sends it, so if none came, the browser has none.
        """
        if not self.is_from_elsewhere(headers):
            return True
        is_page = headers.get("Sec-Fetch-Mode") == "navigate"
        is_whole_window = headers.get("Sec-Fetch-Dest") == "document"
        return method == "GET" and is_page and is_whole_window and "Origin" not in headers

    def check(
        self, headers: Headers, cookies: Collection[str], token: str, session_id: str
    ) -> None:
        """Accept a form from our pages whose token fits one of the `cookies`.

        Raises CsrfRejected.
        """
        if self.is_from_elsewhere(headers):
            raise ForeignOrigin(FROM_ELSEWHERE)
        if not cookies:
            raise CsrfRejected(NO_COOKIE)
        try:
            decoded = base64.b64decode(token, b"-_", validate=True)
        except ValueError:
            raise CsrfRejected(OUT_OF_DATE) from None
        salt = decoded[:SALT_BYTES]
        mac = decoded[SALT_BYTES:]
        expected = [self._mac(salt, cookie, session_id) for cookie in cookies]
        if not any(hmac.compare_digest(mac, one) for one in expected):
            raise CsrfRejected(OUT_OF_DATE)

    def _mac(self, salt: bytes, cookie: str, session_id: str) -> bytes:
        message = b"\0".join([salt, session_id.encode(), cookie.encode()])
        return hmac.digest(self._key, message, hashlib.sha256)

"""CSRF tokens: signed double submit, bound to the session (OWASP CSRF Prevention Cheat Sheet).

The cookie holds a random value, and a form holds an HMAC over that value and the session's id. So
neither a planted cookie nor a token from another session is of use. Every token has a new salt, so
that a compressed page does not reveal it (BREACH).

Somebody who is signed out has nothing that a forged form could use but the sign-in itself. For them
any token of ours is enough if the browser says that the form is from our own pages, so that several
tabs opened at a first visit all work.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection

from werkzeug.datastructures import Headers

from web_frontend.languages import marked

COOKIE_BYTES = 18
SALT_BYTES = 12
MAC_BYTES = 32


class CsrfRejected(Exception):
    """The form did not come from our pages or this session; `advice` says what to do."""

    event = "input_validation_fail"
    advice = marked(
        "This form was out of date: you may have signed in or out in another tab. Send it again."
    )


class NoCookie(CsrfRejected):
    """No CSRF cookie came: it is gone, or the browser blocks cookies."""

    advice = marked("This page was open too long. Send the form again.")
    advice_again = marked(
        "Your browser sent no cookie. Allow cookies for this site, then send the form again."
    )


class ForeignOrigin(CsrfRejected):
    """The form was sent from another site, or our page was opened at another address."""

    event = "malicious_cors"
    advice = marked(
        "The form came from another site, or this page was opened at another address. Open "
        "%(url)s and fill the form in there."
    )


def new_csrf_cookie() -> str:
    """Return a random value for the cookie."""
    return secrets.token_urlsafe(COOKIE_BYTES)


class CsrfProtection:
    """Makes and checks tokens, and checks the origin of forms."""

    def __init__(self, key: str, origins: Collection[str]) -> None:
        self._key = key.encode()
        self._origins = origins

    def token(self, cookie: str, session_id: str, *, is_signed_in: bool) -> str:
        """Return a token for a form, for this cookie and session ("" for none)."""
        salt = secrets.token_bytes(SALT_BYTES)
        token = salt + self._mac(salt, cookie, session_id)
        if not is_signed_in:
            token += self._mac(salt, "", "")
        return base64.urlsafe_b64encode(token).decode()

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
        self,
        headers: Headers,
        cookies: Collection[str],
        token: str,
        session_id: str,
        *,
        is_signed_in: bool,
    ) -> None:
        """Accept a form from our pages whose token fits one of the `cookies` and the session.

        From somebody who is not signed in, any token of ours is accepted where Origin is ours.

        Raises CsrfRejected.
        """
        if self.is_from_elsewhere(headers):
            raise ForeignOrigin
        if not cookies:
            raise NoCookie
        try:
            decoded = base64.b64decode(token, b"-_", validate=True)
        except ValueError:
            raise CsrfRejected from None
        salt = decoded[:SALT_BYTES]
        bound = decoded[SALT_BYTES : SALT_BYTES + MAC_BYTES]
        ours = decoded[SALT_BYTES + MAC_BYTES :]
        if ours and not hmac.compare_digest(ours, self._mac(salt, "", "")):
            raise CsrfRejected
        expected = [self._mac(salt, cookie, session_id) for cookie in cookies]
        if any(hmac.compare_digest(bound, mac) for mac in expected):
            return
        if is_signed_in or not ours or headers.get("Origin") not in self._origins:
            raise CsrfRejected

    def _mac(self, salt: bytes, cookie: str, session_id: str) -> bytes:
        message = b"\0".join([salt, session_id.encode(), cookie.encode()])
        return hmac.digest(self._key, message, hashlib.sha256)

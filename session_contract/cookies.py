"""The cookies: their names and attributes (RFC 6265bis)."""

from typing import Any

DEVICE_SECONDS = 365 * 86_400
"""So long after its last use a browser is known."""


class Cookies:
    """Names and attributes for one public URL.

    Under https all names carry the `__Host-` prefix, which a browser accepts only with
    Secure, Path=/ and no Domain; a neighbouring host or port cannot plant such a cookie.

    `session` holds the session token, a form's CSRF token is bound to `csrf`, and `ended`
    names for a short while the sessions that this browser has just ended. `device` is what the
    browser is known by when somebody who has used it signs in again. All of them have `attributes`,
    in the spelling of Werkzeug's `set_cookie`.
    """

    def __init__(self, https: bool) -> None:
        prefix = "__Host-" if https else ""
        self.session, self.csrf, self.ended = f"{prefix}session", f"{prefix}csrf", f"{prefix}ended"
        self.device = f"{prefix}device"
        self.attributes: dict[str, Any] = {
            "path": "/",
            "secure": https,
            "httponly": True,
            "samesite": "Lax",
        }

"""The cookies: their names and attributes (RFC 6265bis)."""

from typing import Any

DEVICE_SECONDS = 365 * 86_400
"""How long a browser stays known after its last use."""


class Cookies:
    """Names and attributes for one public URL.

    Under https all names carry the `__Host-` prefix, which a browser accepts only with
    Secure, Path=/ and no Domain; a neighbouring host or port cannot plant such a cookie.

    `session` holds the session token. CSRF tokens are bound to `csrf`. `ended` lists for a minute
    the sessions that this browser has just ended. `device` holds tokens of the people who have
    signed in with this browser. `notice` names what the next page says once. All of them have
    `attributes`, which Werkzeug's `set_cookie` takes.
    """

    def __init__(self, https: bool) -> None:
        prefix = "__Host-" if https else ""
        self.session = f"{prefix}session"
        self.csrf = f"{prefix}csrf"
        self.ended = f"{prefix}ended"
        self.device = f"{prefix}device"
        self.notice = f"{prefix}notice"
        self.attributes: dict[str, Any] = {
            "path": "/",
            "secure": https,
            "httponly": True,
            "samesite": "Lax",
        }

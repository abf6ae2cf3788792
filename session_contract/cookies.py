"""The cookies: their names and attributes (RFC 6265bis)."""

from dataclasses import dataclass
from typing import Literal, TypedDict


class CookieAttributes(TypedDict):
    """Attributes in the spelling of Werkzeug's `set_cookie`."""

    path: str
    secure: bool
    httponly: bool
    samesite: Literal["Lax"]


@dataclass(frozen=True)
class Cookies:
    """Names and attributes for one public URL.

    Under https all names carry the `__Host-` prefix, which a browser accepts only with
    Secure, Path=/ and no Domain; a neighbouring host or port cannot plant such a cookie.
    """

    https: bool

    @property
    def session(self) -> str:
        """The cookie that holds the session token."""
        return self._name("session")

    @property
    def csrf(self) -> str:
        """The cookie that a form's CSRF token is bound to."""
        return self._name("csrf")

    @property
    def ended(self) -> str:
        """The short-lived cookie that names sessions which this browser has just ended."""
        return self._name("ended")

    @property
    def attributes(self) -> CookieAttributes:
        """The attributes that every one of them has."""
        return {"path": "/", "secure": self.https, "httponly": True, "samesite": "Lax"}

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.https else name

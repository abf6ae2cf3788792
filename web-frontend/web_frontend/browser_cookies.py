"""Reads our cookies from a request and sets them in an answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import Response
from werkzeug.datastructures import MultiDict
from werkzeug.sansio.http import parse_cookie

from session_contract.cookies import DEVICE_SECONDS, Cookies

MOST_VALUES = 8
"""How many values of one name are tried."""
MOST_DEVICES = 4
"""One for each of the people who share a browser."""
MOST_ENDED_SESSIONS = 4
ENDED_SECONDS = 60
NOTICE_SECONDS = 60

_CSRF = re.compile(r"[A-Za-z0-9_-]{24}")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SentCookies:
    """Our cookies as a browser sent them; the first of several values is most likely ours.

    All ports of localhost share cookies, and another program may set one of the same name for a
    longer path. Browsers send the shortest path last (RFC 6265, section 5.4), and ours is `/`.
    """

    sessions: list[str] = field(default_factory=list)
    csrf: list[str] = field(default_factory=list)
    ended_sessions: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def device_tokens(self) -> str:
        """The device tokens in the form that auth-service expects."""
        return ".".join(self.devices)


class BrowserCookies:
    """Reads and sets our cookies; their names depend on the public URL."""

    def __init__(self, names: Cookies) -> None:
        self.names = names

    def read(self, header: str) -> SentCookies:
        """Return our cookies from a Cookie header, without values that cannot be ours."""
        if not header:
            return SentCookies()
        sent = parse_cookie(header)
        csrf = [value for value in _values(sent, self.names.csrf) if _CSRF.fullmatch(value)]
        return SentCookies(
            sessions=_values(sent, self.names.session),
            csrf=csrf,
            ended_sessions=_split_values(sent, self.names.ended),
            devices=_known_devices(_split_values(sent, self.names.device)),
            notices=_values(sent, self.names.notice),
        )

    def set_session(self, response: Response, token: str) -> None:
        """Set the session cookie, which the browser drops when it is closed."""
        self._set(response, self.names.session, token)

    def clear_session(self, response: Response) -> None:
        """Clear the session cookie."""
        response.delete_cookie(self.names.session, **self.names.attributes)

    def set_csrf(self, response: Response, value: str) -> None:
        """Set the cookie to which forms are bound."""
        self._set(response, self.names.csrf, value)

    def set_ended_sessions(self, response: Response, session_ids: Iterable[str]) -> None:
        """List for a minute the sessions that were ended here: no late renewal restores them."""
        marker = ".".join(list(session_ids)[:MOST_ENDED_SESSIONS])
        self._set(response, self.names.ended, marker, ENDED_SECONDS)

    def set_devices(self, response: Response, tokens: Iterable[str]) -> None:
        """Store the device tokens of those who signed in with this browser, the last one first."""
        self._set(response, self.names.device, ".".join(_known_devices(tokens)), DEVICE_SECONDS)

    def set_notice(self, response: Response, notice: str) -> None:
        """Name what the next page says, if it comes within a minute."""
        self._set(response, self.names.notice, notice, NOTICE_SECONDS)

    def clear_notice(self, response: Response) -> None:
        """Clear the notice, which was shown."""
        response.delete_cookie(self.names.notice, **self.names.attributes)

    def _set(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        response.set_cookie(name, value, max_age=max_age, **self.names.attributes)


def in_one_line(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers in which all Cookie lines are joined (RFC 9113, section 8.2.3).

    Some proxies pass on the separate lines of HTTP/2. gunicorn would join them with commas, which
    may be part of a value.
    """
    lines = [value for name, value in headers if name == "COOKIE"]
    if len(lines) < 2:
        return headers
    others = [(name, value) for name, value in headers if name != "COOKIE"]
    return [*others, ("COOKIE", "; ".join(lines))]


def _values(sent: MultiDict[str, str], name: str) -> list[str]:
    values = sent.getlist(name)[-MOST_VALUES:]
    return [value for value in dict.fromkeys(reversed(values)) if value]


def _split_values(sent: MultiDict[str, str], name: str) -> list[str]:
    return [part for value in _values(sent, name) for part in value.split(".") if part]


def _known_devices(tokens: Iterable[str]) -> list[str]:
    known = [token for token in dict.fromkeys(tokens) if _DEVICE.fullmatch(token)]
    return known[:MOST_DEVICES]

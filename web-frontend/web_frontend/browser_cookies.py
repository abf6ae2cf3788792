"""Our cookies as a browser sends them, of which several may have one name."""

import re
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict
from werkzeug.sansio.http import parse_cookie

from session_contract.cookies import Cookies

MOST_VALUES = 8
"""How many values of one name are looked at."""
MOST_DEVICES = 4
"""One for each of the people who share a browser."""
CSRF_COOKIE_BYTES = 18

_CSRF = re.compile(r"[A-Za-z0-9_-]{24}")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SentCookies:
    """What a browser sent of ours; the first value of each list is most likely its own.

    All ports of localhost share their cookies, and a neighbour may set a second one of the same
    name for a deeper path. Browsers send the shortest path last (RFC 6265, 5.4), and ours is `/`.
    """

    sessions: list[str]
    csrf: list[str]
    ended_sessions: list[str]
    devices: list[str]


def read_cookies(header: str, names: Cookies) -> SentCookies:
    """Return our cookies from a Cookie header; what cannot be a value of ours is left out."""
    sent = parse_cookie(header)
    csrf = [value for value in _values(sent, names.csrf) if _CSRF.fullmatch(value)]
    ended = [part for value in _values(sent, names.ended) for part in value.split(".") if part]
    devices = [part for value in _values(sent, names.device) for part in value.split(".")]
    return SentCookies(
        sessions=_values(sent, names.session),
        csrf=csrf,
        ended_sessions=ended,
        devices=known_devices(devices),
    )


def known_devices(tokens: list[str]) -> list[str]:
    """Return the device tokens among some texts, each once, as many as are kept."""
    known = [token for token in dict.fromkeys(tokens) if _DEVICE.fullmatch(token)]
    return known[:MOST_DEVICES]


def in_one_line(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers in which all Cookie lines are one (RFC 9113, 8.2.3).

    Some fronts pass on the lines of HTTP/2 as they came. gunicorn would join them with commas,
    which are part of a cookie's value.
    """
    lines = [value for name, value in headers if name == "COOKIE"]
    if len(lines) < 2:
        return headers
    others = [(name, value) for name, value in headers if name != "COOKIE"]
    return [*others, ("COOKIE", "; ".join(lines))]


def _values(sent: MultiDict[str, str], name: str) -> list[str]:
    values = sent.getlist(name)[-MOST_VALUES:]
    return [value for value in dict.fromkeys(reversed(values)) if value]

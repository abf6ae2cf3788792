"""Readable names for browsers."""

from functools import cache, lru_cache

from ua_parser import Parser
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver

REMEMBERED_NAMES = 1024


class BrowserNames:
    """Turns User-Agent headers into names.

    A Rust engine matches the patterns in linear time, so no header is expensive.
    """

    def describe(self, user_agent: str) -> str:
        """Return the browser and the system, such as "Firefox on Linux"."""
        return _name(user_agent)


# The dashboard names the same browser at every visit, and matching costs more than its text.
@lru_cache(maxsize=REMEMBERED_NAMES)
def _name(user_agent: str) -> str:
    parser = _parser()
    agent = parser.parse_user_agent(user_agent)
    system = parser.parse_os(user_agent)
    browser = agent.family if agent else "Unknown browser"
    if system is None:
        return browser
    return f"{browser} on {system.family}".replace("Mac OS X", "macOS")


@cache
def _parser() -> Parser:
    """Return the parser; compiling its patterns is slow, so each process does it once."""
    return Parser(Resolver(load_builtins()))

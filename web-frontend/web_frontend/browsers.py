"""What a browser calls itself, in words."""

from functools import cache

from ua_parser import Parser
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver


class BrowserNames:
    """Turns User-Agent headers into words.

    The patterns are matched in linear time (a Rust engine), so that no header costs more than its
    length.
    """

    def describe(self, user_agent: str) -> str:
        """Return the browser and the system, such as "Firefox on Linux"."""
        parser = _parser()
        agent = parser.parse_user_agent(user_agent)
        system = parser.parse_os(user_agent)
        browser = agent.family if agent else "Unknown browser"
        if system is None:
            return browser
        return f"{browser} on {system.family}".replace("Mac OS X", "macOS")


@cache
def _parser() -> Parser:
    """Return the parser; compiling its patterns takes a while, so it is done once a process."""
    return Parser(Resolver(load_builtins()))

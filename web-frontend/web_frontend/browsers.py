"""What a browser calls itself, in words."""

from collections.abc import Callable
from functools import cache

from ua_parser import Parser
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver


@cache
def describer() -> Callable[[str], str]:
    """Return what turns a User-Agent header into words; the patterns are compiled once a process.

    They are matched in linear time (a Rust engine), so that no header costs more than its length.
    """
    parser = Parser(Resolver(load_builtins()))

    def describe(user_agent: str) -> str:
        agent, system = parser.parse_user_agent(user_agent), parser.parse_os(user_agent)
        browser = agent.family if agent else "Unknown browser"
        return f"{browser} on {system.family}".replace("Mac OS X", "macOS") if system else browser

    return describe

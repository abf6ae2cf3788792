"""Readable names for browsers.

A Rust engine matches the patterns in linear time, so no header is expensive.
"""

from functools import cache, lru_cache

from ua_parser import Parser
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver

REMEMBERED_NAMES = 1024


# The dashboard names the same browser at every visit, and matching costs more than its text.
@lru_cache(maxsize=REMEMBERED_NAMES)
def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return what a User-Agent header names, such as "Firefox" and "Linux"; "" is unknown."""
    parser = _parser()
    agent = parser.parse_user_agent(user_agent)
    system = parser.parse_os(user_agent)
    return (
        agent.family if agent else "",
        system.family.replace("Mac OS X", "macOS") if system else "",
    )


@cache
def _parser() -> Parser:
    """Return the parser; compiling its patterns is slow, so each process does it once."""
    return Parser(Resolver(load_builtins()))

"""Reads `.env` the way Compose does."""

import re

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str, name: str) -> tuple[dict[str, str], list[str]]:
    """Read `NAME=value` lines the way Compose does; return the values and the problems."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        value = _value(match[2]) if match else None
        if match is None or value is None:
            problems.append(
                f"{name}, line {number}: not understood. Write NAME=value; a value with a $, a # "
                "or quotes in it goes between single quotes."
            )
        else:
            values[match[1]] = value
    return values, problems


def _value(text: str) -> str | None:
    if text.startswith("'"):
        match = re.fullmatch(r"'([^']*)'(?:\s+#.*)?", text)
        return match[1] if match else None
    if text.startswith('"'):
        match = re.fullmatch(r'"((?:[^"\\$]|\\.)*)"(?:\s+#.*)?', text)
        return _unescape(match[1]) if match else None
    bare = re.sub(r"(?:^|\s+)#.*$", "", text).rstrip()
    # Compose would put other variables in here; refusing keeps both ways of running equal.
    return None if "$" in bare else bare


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)

"""The variables that people give to `make`, such as CONFIRM=yes, and what each may be."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import StackError


@dataclass(frozen=True)
class Variable:
    """What a variable may be, and a call that uses it."""

    pattern: str
    must_be: str
    example: str


# `make mutants` tries these parts.
MUTATED = ("session_contract", "store", "throttle", "sessions")
VARIABLES = {
    "MODE": Variable("compose|local|auto", "compose or local", "make up MODE=local"),
    "CONFIRM": Variable("yes", "yes", "make clean CONFIRM=yes"),
    "RAW": Variable("1", "1", "make logs RAW=1"),
    "LONG": Variable("[01]", "1", "make faults LONG=1"),
    "MINUTES": Variable("[2-9]|[1-9][0-9]{1,2}", "2 to 999", "make soak MINUTES=3"),
    "BENCH": Variable("quick", "quick", "make bench BENCH=quick"),
    "UPGRADE": Variable("yes", "yes", "make lock UPGRADE=yes"),
    "NEW": Variable(
        "[a-z]{2,3}(_[A-Z][A-Za-z]{1,3})?",
        "a language such as fr or pt_BR",
        "make translations NEW=fr",
    ),
    "ONLY": Variable("|".join(MUTATED), f"one of {', '.join(MUTATED)}", "make mutants ONLY=store"),
}
# What `make` takes beside these, and a variable of the system that is one letter from LONG.
OTHERS = ("FILE", "ARGS", "PYTHON", "LANG")


def check_spelling() -> None:
    """Raise StackError if the command line of make sets a variable that looks like one of ours."""
    on_the_command_line = os.environ.get("MAKEFLAGS", "").partition("-- ")[2]
    known = (*VARIABLES, *OTHERS)
    for name in re.findall(r"(?:^|(?<!\\) )(\w+)=", on_the_command_line):
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.75)
        if near and name not in known:
            raise StackError(f"make takes no variable {name}. Did you mean {near[0]}?")


def check(names: Iterable[str]) -> None:
    """Raise StackError if one of these variables is set to what it cannot be."""
    problems = []
    for name in names:
        value = os.environ.get(name, "")
        variable = VARIABLES[name]
        if value and not re.fullmatch(variable.pattern, value):
            problems.append(
                f"{name} must be {variable.must_be}, not {value!r}. For example: {variable.example}"
            )
    if problems:
        raise StackError(*problems)

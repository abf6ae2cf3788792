"""What two versions of a module do differently, as compiled code."""

from types import CodeType
from typing import Any

Change = tuple[CodeType, CodeType]


def changed_functions(before: CodeType, after: CodeType) -> list[Change] | None:
    """Return the functions of a module that differ, each before and after; [] if nothing does.

    None if what is done at import differs, or if functions that exist could not get the new code.
    """
    old, new = _inner(before), _inner(after)
    if len(old) != len(new) or _own(before) != _own(after):
        return None
    changes: list[Change] = []
    for one, other in zip(old, new, strict=True):
        if _all(one) == _all(other):
            continue
        is_class = "__qualname__" in one.co_names and "__module__" in one.co_names
        within = changed_functions(one, other) if is_class else [(one, other)]
        # "<": what is evaluated at import. A closure's code must go on having the same free
        # variables.
        if within is None or one.co_name.startswith("<") or one.co_freevars != other.co_freevars:
            return None
        changes += within
    return changes


def _inner(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _own(code: CodeType) -> tuple[Any, ...]:
    # As text, because True equals 1.
    consts = [repr(const) for const in code.co_consts if not isinstance(const, CodeType)]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, consts, *names, code.co_argcount, code.co_kwonlyargcount, code.co_flags)


def _all(code: CodeType) -> list[Any]:
    return [_own(code), *(_all(inner) for inner in _inner(code))]

"""Makes mutants of a module: copies of its text, each with one small fault.

What is changed into what is decided by mutmut's operators. Its own runner is not used: it changes
no decorated functions and nothing outside of functions, which would leave out the verifier of
tokens, everything that is a context manager, and every limit.
"""

import difflib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from codes import changed_functions
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string


@dataclass(frozen=True)
class Mutant:
    """One fault: `line` of `function` in `module`, a path, has become `becomes`.

    Those four name it, wherever the line may move. `first` and `last` are the numbers of the lines
    of the expression or statement that was changed, and `text` is the whole module with the fault.
    """

    module: str
    function: str
    line: str
    becomes: str
    first: int
    last: int
    text: str


def mutants(root: Path, module: str) -> list[Mutant]:
    """Return all mutants of a module, those with the same text once."""
    text = (root / module).read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(text))
    finder = _Finder(wrapper, _excluded_lines(text))
    wrapper.module.visit(finder)
    found: dict[str, Mutant] = {}
    for number, function, old, new in finder.changes:
        changed = finder.text_with(number, old, new)
        if changed in found or not _is_another_program(text, changed):
            continue
        place = finder.positions[old]
        line, becomes = _difference(text, changed)
        found[changed] = Mutant(
            module, function, line, becomes, place.start.line, place.end.line, changed
        )
    return list(found.values())


def _excluded_lines(text: str) -> set[int]:
    """Return the lines that say why they need no test: `# pragma: no mutate: REASON`."""
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.search(r"# pragma: no mutate(: \S.*)?$", line):
            if not match[1]:
                raise ValueError(f"line {number} gives no reason: {line.strip()}")
            found.add(number)
    return found


class _Finder(cst.CSTVisitor):
    """Collects the possible changes: statement of the module, function, old and new node."""

    def __init__(self, wrapper: MetadataWrapper, excluded: set[int]) -> None:
        super().__init__()
        self._excluded = excluded
        self.positions = wrapper.resolve(PositionProvider)
        self.changes: list[tuple[int, str, cst.CSTNode, cst.CSTNode]] = []
        self._module = wrapper.module
        self._pieces = [self._module.code_for_node(statement) for statement in self._module.body]
        self._head = "".join(self._module.code_for_node(line) for line in self._module.header)
        self._names: list[str] = []
        self._number = 0

    def text_with(self, number: int, old: cst.CSTNode, new: cst.CSTNode) -> str:
        """Return the module's text with a node replaced in a statement; the rest is unchanged."""
        piece = self._module.code_for_node(self._module.body[number].deep_replace(old, new))
        return self._head + "".join([*self._pieces[:number], piece, *self._pieces[number + 1 :]])

    def on_visit(self, node: cst.CSTNode) -> bool:
        if any(node is statement for statement in self._module.body):
            self._number = next(
                n for n, statement in enumerate(self._module.body) if statement is node
            )
        if _is_for_readers(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._names.append(node.name.value)
        self.changes += [
            (self._number, ".".join(self._names), node, new)
            for new in _replacements(node)
            if self.positions[node].start.line not in self._excluded
        ]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._names.pop()


def _replacements(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            for number, new in enumerate(operator(node)):
                if operator is operator_string:
                    # One other text is enough: the next ones differ from it in case only.
                    is_wanted = number == 0 and not _is_prose(node)
                else:
                    is_wanted = not (isinstance(node, cst.Call) and _lacks_place(node, new))
                if is_wanted:
                    yield new


def _lacks_place(call: cst.Call, new: cst.CSTNode) -> bool:
    """Whether a positional argument was left out, an error that nearly any test notices."""
    places = [
        sum(arg.keyword is None for arg in one.args)
        for one in (call, new)
        if isinstance(one, cst.Call)
    ]
    return places[-1] < places[0]


def _is_for_readers(node: cst.CSTNode) -> bool:
    """Whether the program itself makes nothing of it: types, decorators' arguments, docstrings."""
    if isinstance(node, cst.Assign):
        value = node.value
        is_alias = isinstance(value, cst.Subscript)
        return is_alias or (
            isinstance(value, cst.Call) and getattr(value.func, "value", "") == "TypeVar"
        )
    is_docstring = isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString)
    return is_docstring or isinstance(node, cst.Annotation | cst.Decorator)


def _is_prose(node: cst.CSTNode) -> bool:
    """Whether it is a text for people, whose wording nobody promised; SQL is none."""
    if not isinstance(node, cst.SimpleString) or not isinstance(node.evaluated_value, str):
        return False
    words = node.evaluated_value.split()
    return len(words) > 1 and not words[0].isupper()


def _is_another_program(before: str, after: str) -> bool:
    with suppress(SyntaxError):
        return (
            changed_functions(*(compile(text, "mutant", "exec") for text in (before, after))) != []
        )
    return False


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the lines that differ, before and after, each as one."""
    lines = [
        line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"
    ]
    return (
        " ".join(line[1:].strip() for line in lines if line[0] == "-"),
        " ".join(line[1:].strip() for line in lines if line[0] == "+"),
    )

"""The requirements that Doorward meets, and the paragraphs behind them."""

import re
from functools import cache

from pydantic import BaseModel

from doorward_stack.layout import ROOT

REQUIREMENTS = ROOT / "tests" / "evidence" / "requirements.json"
STATES = ("not met", "not applicable")


class Requirement(BaseModel, extra="forbid"):
    """One requirement, in our own wording.

    `documents` are paragraphs, as `docs/file.md#heading`. `state` is empty where tests or documents
    answer, else one of `STATES`, and then `reason` says why. `note` is what the result alone would
    hide.
    """

    id: str
    meaning: str
    level: int | None = None
    documents: tuple[str, ...] = ()
    state: str = ""
    reason: str = ""
    note: str = ""

    @property
    def source(self) -> str:
        """The name of the standard that it is from."""
        return next(each.name for each in sources() if self.id.startswith(each.prefix))


class LeftOut(BaseModel, extra="forbid"):
    """Requirements of one chapter that do not apply, by level, and the reason for all of them."""

    chapter: str
    reason: str
    levels: dict[str, list[str]]

    @property
    def ids(self) -> list[str]:
        """All of them, in order."""
        return sorted((id_ for ids in self.levels.values() for id_ in ids), key=order)


class Source(BaseModel, extra="forbid"):
    """A standard, the beginning of the ids of its requirements, and the licence of its text.

    `left_out` are those of its requirements that stand nowhere else.
    """

    name: str
    prefix: str
    address: str
    licence: str
    left_out: tuple[LeftOut, ...] = ()


class Ledger(BaseModel, extra="forbid"):
    """The whole file."""

    sources: list[Source]
    requirements: list[Requirement]


@cache
def ledger() -> Ledger:
    """Read the file."""
    return Ledger.model_validate_json(REQUIREMENTS.read_text("utf-8"))


def sources() -> list[Source]:
    """Return the standards, in the order of the page."""
    return ledger().sources


def requirements() -> dict[str, Requirement]:
    """Return all requirements by id, in the order of the page."""
    return {requirement.id: requirement for requirement in ledger().requirements}


def broken_link(link: str) -> str | None:
    """Return the fault of a link `file`, `file#heading` or `file.py::test_name`, or None."""
    name, _, test = link.partition("::")
    name, _, anchor = name.partition("#")
    file = ROOT / name
    if not file.is_file():
        return f"{link}: there is no {name}"
    text = file.read_text("utf-8")
    if test and not re.search(rf"^def {re.escape(test)}\(", text, re.M):
        return f"{link}: there is no such test"
    if anchor and anchor not in anchors(text):
        return f"{link}: there is no such heading"
    return None


def anchors(markdown: str) -> set[str]:
    """Return the anchors that a Markdown page's headings have where repositories are shown."""
    outside_of_code = re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.+?) *$", outside_of_code, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def order(id_: str) -> list[object]:
    """Return a sorting key: V6.10 comes after V6.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", id_)]

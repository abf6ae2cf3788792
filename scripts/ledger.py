"""The requirements that Doorward meets, the tests that name them, and the paragraphs behind them.

Standard library only, and nothing is run here: the contract tests use it as `make evidence` does.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from doorward_stack.layout import ROOT

REQUIREMENTS = ROOT / "tests" / "evidence" / "requirements.json"
STATES = ("not met", "not applicable")


@dataclass(frozen=True)
class Requirement:
    """One requirement, in our own wording.

    `documents` are paragraphs, as `docs/file.md#heading`. `state` is empty where tests or documents
    answer, else one of `STATES`, and then `reason` says why. `note` is what the result alone would
    hide.
    """

    id: str
    source: str
    meaning: str
    level: int | None = None
    documents: tuple[str, ...] = ()
    state: str = ""
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Requirements of one chapter that do not apply, by level, and the reason for all of them."""

    chapter: str
    reason: str
    levels: dict[str, list[str]]

    @property
    def ids(self) -> list[str]:
        """All of them, in order."""
        return sorted((id_ for ids in self.levels.values() for id_ in ids), key=order)


@dataclass(frozen=True)
class Source:
    """A standard, the beginning of the ids of its requirements, and the licence of its text.

    `left_out` are those of its requirements that stand nowhere else.
    """

    name: str
    prefix: str
    address: str
    licence: str
    left_out: tuple[LeftOut, ...] = ()


def sources() -> list[Source]:
    """Return the standards, in the order of the page."""
    made = []
    for source in _content()["sources"]:
        left_out = tuple(LeftOut(**group) for group in source.pop("left_out", ()))
        made.append(Source(**source, left_out=left_out))
    return made


def requirements() -> dict[str, Requirement]:
    """Return all requirements by id, in the order of the page.

    Raises:
        ValueError: an id stands twice.
    """
    content = _content()
    found: dict[str, Requirement] = {}
    for row in content["requirements"]:
        if row["id"] in found:
            raise ValueError(f"{row['id']} stands twice in {REQUIREMENTS.name}")
        source = next(s["name"] for s in content["sources"] if row["id"].startswith(s["prefix"]))
        documents = tuple(row.pop("documents", ()))
        found[row["id"]] = Requirement(source=source, documents=documents, **row)
    return found


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


def _content() -> dict[str, list[dict[str, Any]]]:
    content: dict[str, list[dict[str, Any]]] = json.loads(REQUIREMENTS.read_text("utf-8"))
    return content

"""Generate the list of passwords that nobody may choose.

Published lists of leaked passwords hold next to nothing of 15 characters, the default minimum.
So most entries come from rules: what people do to a short password when asked for a longer one.
"""

import importlib
import unicodedata
from itertools import chain
from pathlib import Path

from . import rules
from .rules import LONG, LONGEST, SHORTEST, Lists

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "auth-service" / "auth_service" / "accounts" / "blocklist.txt"
RULES = (
    rules.listed,
    rules.repeated,
    rules.lengthened,
    rules.joined,
    rules.own_words,
    rules.favourites,
    rules.calendar,
    rules.lookalikes,
    rules.repeated_characters,
    rules.tracks,
    rules.runs,
    rules.continued,
    rules.keyboard_rows,
    rules.phrases,
)


def read_lists() -> Lists:
    """Read the lists of the pinned package, and the seeds beside this file."""
    package = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    lists: Lists = {name: list(entries) for name, entries in package.items()}
    for path in HERE.glob("seeds/*.txt"):
        lists[path.stem] = path.read_text(encoding="utf-8").splitlines()
    lists["names"] = list(chain(*zip(lists["female_names"], lists["male_names"], strict=False)))
    lists["english"] = [*lists["english_wikipedia"], *lists["us_tv_and_film"]]
    return lists


def canonical(text: str) -> str:
    """Bring a candidate into the form in which passwords are looked up."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def usable(entry: str) -> bool:
    """Tell whether an entry can stand on a line, with no spaces for an editor to strip."""
    return SHORTEST <= len(entry) <= LONGEST and entry.isprintable() and entry == entry.strip()


def row(name: str, entries: set[str]) -> str:
    """Return a line of the table of counts."""
    return f"{name:<21}{len(entries):>12}{sum(len(entry) >= LONG for entry in entries):>9}"


def main() -> None:
    """Apply every rule, print how many entries each adds, and write the list."""
    lists = read_lists()
    entries: set[str] = set()
    print(f"{'rule':<21}{'new entries':>12}{f'of {LONG}+':>9}")
    for rule in RULES:
        new = set(filter(usable, map(canonical, rule(lists)))) - entries
        entries |= new
        print(row(rule.__name__, new))
    print(row("all", entries))
    OUTPUT.write_text("".join(f"{entry}\n" for entry in sorted(entries)), "utf-8")


if __name__ == "__main__":
    main()

"""Generate the list of passwords that nobody may choose, or check the committed one.

Published lists of leaked passwords hold next to nothing of 15 characters, the default minimum.
So most entries come from rules: what people do to a short password when asked for a longer one.
"""

import argparse
import importlib
import string
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, permutations, product
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "auth-service" / "auth_service" / "blocklist.txt"
SHORTEST, LONG, LONGEST = 8, 15, 64  # lowest and default minimum length, longest entry
BANDS = ((SHORTEST, LONG - 1), (LONG, 16), (17, 20), (21, LONGEST))
DIGITS, ALPHABET = "1234567890", string.ascii_lowercase
ROWS = (DIGITS, "qwertyuiop", "asdfghjkl", "zxcvbnm")
LOOKALIKES = [str.maketrans(*pair) for pair in (("ao", "@0"), ("aeios", "@310$"))]

Lists = dict[str, list[str]]  # each with its most common entry first


def read_lists() -> Lists:
    """Read the lists of the pinned package, and the seeds beside this file."""
    package = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    lists: Lists = {name: list(entries) for name, entries in package.items()}
    for path in HERE.glob("seeds/*.txt"):
        lists[path.stem] = path.read_text(encoding="utf-8").splitlines()
    lists["names"] = list(chain(*zip(lists["female_names"], lists["male_names"], strict=False)))
    lists["english"] = [*lists["english_wikipedia"], *lists["us_tv_and_film"]]
    return lists


def top(lists: Lists, count: int, shortest: int = 3, *, letters: bool = False) -> list[str]:
    """Return the most common passwords that are shorter than the default minimum."""
    fitting = (p for p in lists["passwords"] if shortest <= len(p) < LONG)
    return [p for p in fitting if p.isalpha() or not letters][:count]


def filled(unit: str, length: int) -> str:
    """Repeat a unit, breaking off at the given length."""
    return (unit * length)[:length]


def multiplied(unit: str) -> Iterator[str]:
    """Double and triple a unit, and repeat it until it is long enough."""
    yield from (unit * times for times in (2, 3, -(-LONG // len(unit))))


def padded(unit: str) -> Iterator[str]:
    """Lengthen a unit with what people add when it is refused as too short."""
    for length, tail in product((LONG, LONG + 1), (DIGITS, "123", "1", "0", "!")):
        yield unit + filled(tail, length - len(unit))
    for digits in ("12345678", "123456789", "1234567890", "987654321"):
        yield from (unit + digits, digits + unit)
    for tail in ("1", "12", "123", "1234", "!", "1!", "123!"):
        yield from (unit * 2 + tail, (unit + tail) * 2)


def long(candidates: Iterable[str]) -> Iterator[str]:
    """Leave out what the default minimum length refuses anyway."""
    return (text for text in candidates if len(text) >= LONG)


def listed(lists: Lists) -> Iterator[str]:
    """Take passwords, names, common English words and all long ones as they are."""
    yield from (*lists["passwords"], *lists["names"], *lists["surnames"][:1000])
    yield from filter(str.isalpha, (*lists["english"][:1000], *long(lists["english"])))


def repeated(lists: Lists) -> Iterator[str]:
    """Repeat common passwords and names: whole, cut off, mirrored or separated."""
    for unit in (*top(lists, 700), *top(lists, 600, SHORTEST), *lists["names"][:200]):
        yield from long((*multiplied(unit), unit + unit[::-1]))
    for unit in top(lists, 250):
        yield from (unit * 2, filled(unit, LONG), filled(unit, LONG + 1))
        yield from long(sep.join([unit] * n) for sep in " -_" for n in (2, 3))


def lengthened(lists: Lists) -> Iterator[str]:
    """Pad common passwords and names with digits, years and exclamation marks."""
    yield from long(chain.from_iterable(map(padded, top(lists, 70))))
    for unit, year in product(top(lists, 12, letters=True), range(1980, 2031)):
        yield from long((f"{unit}{unit}{year}", f"{unit}{year}{year}"))
    for unit, digits in product(lists["names"][:200], (DIGITS, DIGITS[:9])):
        yield from long((unit + digits, digits + unit))


def joined(lists: Lists) -> Iterator[str]:
    """Join common passwords in pairs and threes, and names as people do."""
    yield from long(map("".join, permutations(top(lists, 80, letters=True), 2)))
    yield from long(map("".join, permutations(top(lists, 10, letters=True), 3)))
    pairs = permutations(top(lists, 20, letters=True), 2)
    yield from long(separator.join(pair) for pair in pairs for separator in " -_")
    yield from long(map("".join, product(lists["names"][:40], lists["surnames"][:40])))
    for name, love in product(lists["names"][:200], ("ilove", "iloveyou")):
        yield from long((love + name, name + love))


def own_words(lists: Lists) -> Iterator[str]:
    """Repeat, pad and combine the words that belong to this product."""
    own = lists["own"]
    for unit in own:
        yield from (*multiplied(unit), filled(unit, LONG), unit + "123", "my" + unit)
        yield from long(padded(unit))
    yield from long(sep.join(pair) for sep in ("", " ", "-") for pair in product(own, repeat=2))
    yield from long(map("".join, permutations(own[:8], 3)))
    for unit, year in product(own[:6], range(2000, 2031)):
        yield from (f"{unit}{year}", f"{unit}{unit}{year}", f"{unit}{year}{year}")


def lookalikes(lists: Lists) -> Iterator[str]:
    """Swap letters for look-alikes in the commonest words, then lengthen them."""
    words = (*lists["own"][:9], *top(lists, 12, letters=True))
    for swapped in (word.translate(table) for word in words for table in LOOKALIKES):
        yield from long((*multiplied(swapped), *padded(swapped)))


def repeated_characters(_: Lists) -> Iterator[str]:
    """Repeat one, two or three characters, and years."""
    for char, n in product(ALPHABET + DIGITS + string.punctuation, range(8, 22)):
        yield char * n
    for pair in (*permutations(ALPHABET, 2), *permutations(DIGITS, 2)):
        yield from (filled("".join(pair), n) for n in (LONG, 16))
    yield from (filled(f"{number:03}", LONG) for number in range(1000))
    yield from (str(year) * n for year in range(1940, 2031) for n in (2, 4))


def tracks(lists: Lists) -> Iterator[str]:
    """Follow sequences and keyboard walks from any point, both ways, and wrap around."""
    for track in (*lists["sequences"], *lists["walks"]):
        yield from (track, *multiplied(track))
        for text, n, start in product((track, track[::-1]), (8, 15, 16), range(len(track))):
            yield filled(text[start:] + text[:start], n)


def keyboard_rows(_: Lists) -> Iterator[str]:
    """Type the beginnings of keyboard rows one after the other, or from the other end."""
    for size in (3, 4, 5, 6, 10):
        rows = [row[:size] for row in ROWS]
        yield from ("".join(keys) for n in (2, 3, 4) for keys in permutations(rows, n))
    starts = [way[:n] for row in ROWS for way in (row, row[::-1]) for n in range(4, 11)]
    yield from long(map("".join, product(starts, repeat=2)))


def phrases(lists: Lists) -> Iterator[str]:
    """Write famous phrases with the usual separators and endings."""
    for phrase, separator in product(lists["phrases"], ("", " ", "-", "_")):
        yield from (phrase.replace(" ", separator) + tail for tail in ("", "1", "123", "!"))


RULES: list[Callable[[Lists], Iterator[str]]] = [listed, repeated, lengthened, joined, own_words]
RULES += [lookalikes, repeated_characters, tracks, keyboard_rows, phrases]


def canonical(text: str) -> str:
    """Bring a candidate into the form in which passwords are looked up."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def usable(entry: str) -> bool:
    """Tell whether an entry can stand on a line, with no spaces for an editor to strip."""
    return SHORTEST <= len(entry) <= LONGEST and entry.isprintable() and entry == entry.strip()


def generate() -> list[str]:
    """Apply every rule, print the counts, and return the sorted entries."""
    lists, entries = read_lists(), set[str]()
    print(f"{'rule':<21}{'new entries':>12}{f'of {LONG}+':>9}")
    for rule in RULES:
        new = set(filter(usable, map(canonical, rule(lists)))) - entries
        entries |= new
        print(f"{rule.__name__:<21}{len(new):>12}{len(list(long(new))):>9}")
    print(f"{'all':<21}{len(entries):>12}{len(list(long(entries))):>9}")
    for low, high in BANDS:
        count = sum(low <= len(entry) <= high for entry in entries)
        print(f"{f'{low} to {high} characters':<21}{count:>12}")
    return sorted(entries)


def main() -> str | None:
    """Write the list, or with --check compare the committed one with a fresh one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if it differs")
    check = parser.parse_args().check
    fresh = "".join(f"{entry}\n" for entry in generate()).encode()
    if not check:
        OUTPUT.write_bytes(fresh)
    elif not OUTPUT.is_file() or OUTPUT.read_bytes() != fresh:
        return f"{OUTPUT} differs from a fresh generation"
    return None


if __name__ == "__main__":
    sys.exit(main())

"""The rules that make entries of common words: what people do when asked for a longer password.

Each takes the lists, most common entry first, and yields candidates in any spelling.
"""

import string
from collections.abc import Iterable, Iterator
from itertools import chain, permutations, product

Lists = dict[str, list[str]]

# The lowest and the default minimum length of a password, and the longest entry.
SHORTEST = 8
LONG = 15
LONGEST = 64
DIGITS = "1234567890"
ALPHABET = string.ascii_lowercase
ROWS = (DIGITS, "qwertyuiop", "asdfghjkl", "zxcvbnm")
# In each, the first half of the characters is written as the second.
SPELLINGS = ("a@", "e3", "i1", "o0", "s$", "ao@0", "as@$", "io10", "aeio4310", "aeios@310$")
LOOKALIKES = [str.maketrans(s[: len(s) // 2], s[len(s) // 2 :]) for s in SPELLINGS]
YEARS = range(1990, 2031)
LATER_YEARS = range(2000, 2031)
# Lengths that forms ask for, and those just above the minimum.
FILLED = (*range(LONG, 19), 20)
NUMBERS = ("1", "2", "12", "123", "1234", "12345", "123456", "321", "01", "007", "10", "11")
ENDINGS = (*NUMBERS, "!", "!!", "!!!", "1!", "123!", "@1", "@123", "#1", "2024!")
SEPARATORS = ("", " ", "-", "_", ".")
# So many sequences and walks are listed first, and taken at every length.
COMMON_SEQUENCES = 6
COMMON_WALKS = 13


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
    """Lengthen a unit as people do when it is refused as too short."""
    for length, tail in product(FILLED, (DIGITS, "123", "1", "0", "x", "a", unit[-1])):
        yield unit + filled(tail, length - len(unit))
    for length in (LONG, LONG + 1):
        yield unit + filled("!", length - len(unit))
    for length, head in product((LONG, LONG + 1, 18, 20), "10"):
        yield filled(head, length - len(unit)) + unit
    # Passwords are also looked up without the signs at their ends. Of a short unit what remains is
    # too short to be an entry.
    if len(unit) < SHORTEST:
        for length, tail in product((LONG, LONG + 1, 18, 20), "!.*_-"):
            yield unit + filled(tail, length - len(unit))
    for digits in ("12345678", "123456789", "1234567890", "987654321"):
        yield from (unit + digits, digits + unit)
    for tail in ("1", "12", "123", "1234", "!", "1!", "123!"):
        yield (unit + tail) * 2
    yield from (unit * n + tail for tail in ENDINGS for n in (1, 2, LONG // len(unit)))
    yield f"{unit}123{unit}"


def dated(unit: str, years: Iterable[int] = YEARS) -> Iterator[str]:
    """Add years after and between a unit, as people do who must change passwords every year."""
    for year in years:
        once = f"{unit}{year}"
        yield from (once, f"{unit}{once}", f"{once}{year}", f"{once}{unit}")
        yield from (f"{once}{year + 1}", f"{once}123")
        yield once + filled("!", LONG - len(once))


def spelled(word: str) -> list[str]:
    """Return the spellings of a word with look-alikes, if it has any."""
    return sorted({word.translate(table) for table in LOOKALIKES} - {word})


def long(candidates: Iterable[str]) -> Iterator[str]:
    """Leave out entries that the default minimum length refuses anyway."""
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
        yield from long(sep.join([unit] * n) for sep in SEPARATORS[1:] for n in (2, 3))
    for unit, length in product(top(lists, 60), range(LONG, 21)):
        yield filled(unit, length)


def lengthened(lists: Lists) -> Iterator[str]:
    """Pad common passwords and names with digits, years and exclamation marks."""
    yield from long(chain.from_iterable(map(padded, top(lists, 70))))
    for unit, year in product(top(lists, 12, letters=True), range(1980, 2031)):
        yield from long((f"{unit}{unit}{year}", f"{unit}{year}{year}"))
    for unit in top(lists, 20, letters=True):
        yield from dated(unit)
    for unit, digits in product(lists["names"][:200], (DIGITS, DIGITS[:9])):
        yield from long((unit + digits, digits + unit))


def joined(lists: Lists) -> Iterator[str]:
    """Join common passwords in pairs and threes, and names as people do."""
    yield from long(map("".join, permutations(top(lists, 80, letters=True), 2)))
    yield from long(map("".join, permutations(top(lists, 10, letters=True), 3)))
    pairs = permutations(top(lists, 20, letters=True), 2)
    yield from long(separator.join(pair) for pair in pairs for separator in SEPARATORS[1:])
    pairs = permutations(top(lists, 12, letters=True), 2)
    yield from long("".join(pair) + tail for pair in pairs for tail in NUMBERS)
    yield from long(map("".join, product(lists["names"][:40], lists["surnames"][:40])))
    for name, love in product(lists["names"][:200], ("ilove", "iloveyou")):
        yield from long((love + name, name + love))


def own_words(lists: Lists) -> Iterator[str]:
    """Repeat, pad and combine the words that belong to this product."""
    own = lists["own"]
    for unit in own:
        yield from (unit, *multiplied(unit), filled(unit, LONG), "my" + unit)
        yield from (*(unit + number for number in NUMBERS), *long(padded(unit)))
    yield from long(sep.join(pair) for sep in SEPARATORS for pair in product(own, repeat=2))
    yield from long(map("".join, permutations(own[:8], 3)))
    pairs = product(own[:27], repeat=2)
    yield from long(
        "".join(pair) + tail for pair in pairs for tail in ("1", "123", "1234", "12345")
    )
    for pair in (*product(own[:8], own[27:]), *product(own[27:], own[:8])):
        yield from long("".join(pair) + tail for tail in ("1", "123"))
    for pair in product(own[:27], top(lists, 30, letters=True)):
        yield from long(("".join(pair), "".join(pair[::-1])))
    for unit in own[:12]:
        yield from dated(unit)


def favourites(lists: Lists) -> Iterator[str]:
    """Take names, brands and set expressions through the same: doubled, joined and padded."""
    for line in lists["favourites"]:
        words, unit = line.split(), line.replace(" ", "")
        yield from (unit, *multiplied(unit), *long((*padded(unit), unit + words[0])))
        yield from long(sep.join(words * n) for sep in SEPARATORS for n in (1, 2))
        yield from long(sep.join((*words, "123")) for sep in SEPARATORS)


def calendar(lists: Lists) -> Iterator[str]:
    """Take seasons, months and days with the year, and lengthen them."""
    for unit in lists["calendar"]:
        yield from (unit, *dated(unit, LATER_YEARS), *multiplied(unit), *long(padded(unit)))
        yield from (f"{unit}{year}{unit}{year}" for year in LATER_YEARS)


def lookalikes(lists: Lists) -> Iterator[str]:
    """Swap letters for look-alikes in the commonest words, then lengthen them."""
    words = (*lists["own"][:9], *top(lists, 12, letters=True))
    for swapped in chain.from_iterable(map(spelled, words)):
        yield from (swapped, *long((*multiplied(swapped), *padded(swapped))))
    for swapped, other in product(spelled("password"), (*lists["own"][:12], "my")):
        yield from long(other + swapped + tail for tail in ("", "123", "12345"))
        yield from long((swapped + other, f"{swapped}{other}123"))
    for swapped in chain.from_iterable(map(spelled, ("password", "admin"))):
        yield from dated(swapped, LATER_YEARS[10:])


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
        yield from (filled(text, n) for text in (track, track[::-1]) for n in range(17, 31))
    for track in (*lists["sequences"][:COMMON_SEQUENCES], *lists["walks"][:COMMON_WALKS]):
        for text, n, start in product((track, track[::-1]), range(17, 31), range(len(track))):
            yield filled(text[start:] + text[:start], n)


def runs(_: Lists) -> Iterator[str]:
    """Type every key of a row several times, and break off short units in their repetition."""
    for row, times, n in product((DIGITS, ALPHABET), range(2, 11), range(LONG, 21)):
        for text, start in product((row, row[::-1]), range(len(row))):
            yield filled("".join(key * times for key in text[start:] + text[:start]), n)
    rows = (
        *ROWS,
        ALPHABET,
        DIGITS[::-1],
        "0123456789",
        "1q2w3e4r",
        "abc123",
        "123abc",
        "qwe123",
        "123qwe",
    )
    for row, size, n in product(rows, range(2, 11), range(LONG, 31)):
        if n % size:  # the whole repetitions are refused without a list
            yield filled(row[:size], n)
    for (most, last), n in product(permutations(DIGITS, 2), (LONG - 1, LONG, LONG + 1, 19)):
        yield from (most * n + last, last + most * n)


def continued(lists: Lists) -> Iterator[str]:
    """Go on with digits where a sequence or walk is left, or begin with them."""
    numbers = (*(DIGITS[:n] for n in range(1, 11)), "0123456789", "987654321", "0987654321", "321")
    for track in ("qweasdzxc", *lists["sequences"][:1], *lists["walks"][:COMMON_WALKS]):
        starts = (track.lstrip(DIGITS)[:n] for n in range(3, 31))
        for start, digits in product(starts, numbers):
            yield from (
                text for text in (start + digits, digits + start) if LONG <= len(text) <= 30
            )


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
    for words in map(str.split, lists["phrases"]):
        starts = [words[:n] for n in range(2, len(words))]
        yield from long(separator.join(start) for start in starts for separator in ("", " "))

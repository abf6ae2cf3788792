"""Finds secrets that a person typed or copied instead of drawing them at random."""

import hashlib
import itertools
import operator
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

PUBLISHED_EXAMPLES = Path(__file__).with_name("published_examples.txt")
"""SHA-256 of secrets in documentation, each with its source."""

_KEYBOARD_ROWS = "1234567890 qwertyuiop asdfghjkl zxcvbnm"
_NEIGHBOURS = {pair for pair in itertools.pairwise(_KEYBOARD_ROWS) if " " not in pair}
_LETTER_OF_A_WORD = "(?:[a-z_-]|[A-Z](?=[a-z]))"
_WORDS = re.compile(f"{_LETTER_OF_A_WORD}*[0-9]*{_LETTER_OF_A_WORD}*[0-9]*")
_OF_ONE_KIND = re.compile("[A-Z]+|[a-z]+|[0-9]+|[^A-Za-z0-9]+")
_LEET = str.maketrans("013457", "oieast")
_ENGLISH_PAIRS = (
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le "
    "ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec "
    "pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na "
    "ul ni ts mo ow pa im mi ai sh"
)
"""The hundred most frequent pairs of letters in English."""
_DISTANCES = range(1, 5)


def why_guessable_text(text: str) -> str:
    """Say why an encoded secret can be guessed, or "".

    About three of a million random texts of 43 characters are refused by chance (measured), so a
    program that makes one tries again.
    """
    if text.lower() == text or text.upper() == text:
        return "has letters of one case only"
    if _WORDS.fullmatch(text) or _changes_of_kind(text) * 4 < len(text) or _is_english(text):
        return "is made of words"
    return _why_guessable(text.encode(), distinct=16)


def why_guessable_bytes(secret: bytes) -> str:
    """Say why a secret can be guessed by its bytes, or ""."""
    if _is_printable(secret):
        return "is printable text"
    return _why_guessable(secret, distinct=len(secret) // 4)


def _why_guessable(secret: bytes, distinct: int) -> str:
    if len(set(secret)) < distinct:
        return "repeats a few characters"
    if _has_period(secret):
        return "repeats itself"
    if _is_sequence(secret):
        return "is a sequence"
    if hashlib.sha256(secret).hexdigest() in published_examples():
        return "is a published example"
    return ""


def _changes_of_kind(text: str) -> int:
    """Count the changes between capitals, small letters, digits and signs."""
    return len(_OF_ONE_KIND.findall(text)) - 1


def _is_english(text: str) -> bool:
    """Whether two of five pairs of characters are usual in English words, leet spelling undone."""
    letters = text.translate(_LEET)
    pairs = (before.lower() + after for before, after in itertools.pairwise(letters))
    return sum(pair in _ENGLISH_PAIRS for pair in pairs) * 5 >= len(text) * 2


def _is_printable(secret: bytes) -> bool:
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return False
    printable = sum(character.isprintable() or character.isspace() for character in text)
    return printable * 10 >= len(text) * 9


def _has_period(secret: bytes) -> bool:
    """Whether half of the bytes or more repeat at some distance."""
    return any(
        sum(map(operator.eq, secret, secret[length:])) * 2 >= len(secret) - length
        for length in range(1, len(secret) // 2 + 1)
    )


def _is_sequence(secret: bytes) -> bool:
    """Whether a third of all steps are the same, or go along the rows of a keyboard.

    Sequences may be interleaved, so steps to the second, third and fourth byte count too.
    """
    for distance in _DISTANCES:
        steps = Counter(step % 256 for step in map(operator.sub, secret[distance:], secret))
        if max(steps.values()) * 3 >= len(secret):
            return True
    keys: Sequence[str] = secret.decode("latin-1").lower()
    along = sum(
        (before, after) in _NEIGHBOURS or (after, before) in _NEIGHBOURS
        for before, after in itertools.pairwise(keys)
    )
    return along * 3 >= len(secret)


def published_examples() -> frozenset[str]:
    """Return the SHA-256 of every published example, in hexadecimal."""
    lines = PUBLISHED_EXAMPLES.read_text("utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if line and not line.startswith("#"))

"""The rules for passwords (NIST SP 800-63B-4, section 3.1.1; RFC 8265, OpaqueString)."""

import unicodedata
from importlib import resources
from itertools import groupby

MAXIMUM_BYTES = 1024
LONGEST_SPELLING = 2 * MAXIMUM_BYTES
"""Characters. No spelling of an acceptable password is longer."""
LONGEST_REPETITION = 32
"""Characters. Up to this length, a repeated text is too common."""
_TOO_COMMON = "This password is too common. Choose another."
_FORBIDDEN_CATEGORIES = {"Cc", "Cs"}


def normalise(password: str) -> str:
    """Return the form that is hashed: spaces become ASCII spaces, and the text NFC.

    Any string is accepted, because at sign-in any string may be tried. A text that is too long for
    a password stays as it is.
    """
    if len(password) > LONGEST_SPELLING:
        return password
    mapped = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", _with_ordered_marks(mapped))


def to_bytes(password: str) -> bytes:
    """Return the bytes that are hashed; lone surrogates are accepted and stay distinct."""
    return normalise(password).encode("utf-8", "surrogatepass")


class PasswordPolicy:
    """Decides whether a new password is acceptable."""

    def __init__(self, minimum_length: int, blocklist: bytes) -> None:
        self._minimum_length = minimum_length
        self._blocklist = blocklist

    def problems(self, password: str, canonical_username: str) -> list[str]:
        """Return what is wrong with a new password; [] if it is acceptable."""
        normal = normalise(password)
        if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in normal):
            return ["The password has control characters. Use letters, digits, signs and spaces."]
        if len(normal) < self._minimum_length:
            advice = (
                f"Use at least {self._minimum_length} characters; a few words make a good password."
            )
            return [f"The password is too short. {advice}"]
        if len(normal.encode()) > MAXIMUM_BYTES:
            return [f"The password is too long. Use at most {MAXIMUM_BYTES} bytes."]
        if repeats_username(password, canonical_username):
            return ["The password is the username or repeats it. Choose another."]
        return [_TOO_COMMON] if self._is_too_common(_folded(normal)) else []

    def _is_too_common(self, folded: str) -> bool:
        # A common password with invisible characters is still common.
        visible = "".join(c for c in folded if unicodedata.category(c) != "Cf").strip()
        return (
            not visible
            or _is_repeated(visible)
            or self._is_listed(folded)
            or self._is_listed(visible)
        )

    def _is_listed(self, text: str) -> bool:
        return f"\n{text}\n".encode() in self._blocklist


def repeats_username(password: str, canonical_username: str) -> bool:
    """Whether a password is a user name, or repeats it, without regard to case."""
    folded = _folded(normalise(password))
    return bool(folded and canonical_username) and not folded.replace(canonical_username, "")


def load_blocklist() -> bytes:
    """Return the refused passwords, case-folded, each between two line ends.

    Searching this text takes a millisecond, little beside a hash. A set would take six times the
    memory. See scripts/blocklist/README.md.
    """
    return b"\n" + resources.files(__package__).joinpath("blocklist.txt").read_bytes()


def _folded(normal: str) -> str:
    return unicodedata.normalize("NFC", _with_ordered_marks(normal.casefold()))


def _is_repeated(text: str) -> bool:
    """Whether a short ASCII text repeats a shorter one."""
    is_short = len(text) <= LONGEST_REPETITION and text.isascii()
    return is_short and text in (text * 2)[1:-1]


def _with_ordered_marks(text: str) -> str:
    """Return the text taken apart (NFD), its combining marks in canonical order.

    `unicodedata` sorts the marks of a character in quadratic time, and leaves them as they are
    where they are in order already (Unicode Standard Annex 15, section 1.3).
    """
    decomposed = (part for c in text for part in unicodedata.normalize("NFD", c))
    ordered: list[str] = []
    for is_mark, group in groupby(decomposed, lambda part: unicodedata.combining(part) > 0):
        run = list(group)
        if is_mark:
            run.sort(key=unicodedata.combining)
        ordered += run
    return "".join(ordered)

"""What a password may be (NIST SP 800-63B-4, section 3.1.1; RFC 8265, OpaqueString)."""

import unicodedata
from importlib import resources

MAXIMUM_BYTES = 1024
_REPETITION = 32
"""Characters up to which a text that is only repeated counts as among those that are tried first."""
_TRIED_FIRST = "This password is among those that are tried first. Choose another."
_FORBIDDEN_CATEGORIES = {"Cc", "Cs"}


def normalise(password: str) -> str:
    """Return the form that is hashed: every space an ASCII space, then NFC.

    Any string is accepted: at sign-in it is a candidate like every other. What no password can be
    made of stays as it is: the time for sorting its marks would rise with the square of its length.
    """
    if len(password) > 2 * MAXIMUM_BYTES:
        return password
    mapped = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", mapped)


def to_bytes(password: str) -> bytes:
    """Return what the hash is computed over; lone surrogates are kept apart, not refused."""
    return normalise(password).encode("utf-8", "surrogatepass")


class PasswordPolicy:
    """Decides whether a new password is acceptable."""

    def __init__(self, minimum_length: int, blocklist: bytes) -> None:
        self._minimum_length = minimum_length
        self._blocklist = blocklist

    def problems(self, password: str, canonical_username: str) -> list[str]:
        """Say what is wrong with a new password, one reason for each rule; [] is acceptable."""
        normal = normalise(password)
        if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in normal):
            return ["The password has control characters. Use letters, digits, signs and spaces."]
        if len(normal) < self._minimum_length:
            advice = f"Use at least {self._minimum_length} characters; a few words make a good one."
            return [f"The password is too short. {advice}"]
        if len(normal.encode()) > MAXIMUM_BYTES:
            return [f"The password is too long. Use at most {MAXIMUM_BYTES} bytes."]
        folded = unicodedata.normalize("NFC", normal.casefold())
        if canonical_username and not folded.replace(canonical_username, ""):
            return ["The password is the username or repeats it. Choose another."]
        return [_TRIED_FIRST] if self._is_tried_first(folded) else []

    def _is_tried_first(self, folded: str) -> bool:
        # What nobody sees in a password makes no other one of it.
        visible = "".join(c for c in folded if unicodedata.category(c) != "Cf").strip()
        repeats = (
            len(visible) <= _REPETITION and visible.isascii() and visible in (visible * 2)[1:-1]
        )
        return (
            repeats
            or not visible
            or any(f"\n{text}\n".encode() in self._blocklist for text in {folded, visible})
        )


def load_blocklist() -> bytes:
    """Return the passwords that are refused whole, case-folded, each between two ends of lines.

    Searching them all takes a millisecond, beside a hash; a set would take six times the memory.
    See scripts/blocklist/README.md.
    """
    return b"\n" + resources.files(__package__).joinpath("blocklist.txt").read_bytes()

"""The rule for display names, with which people are greeted."""

import unicodedata

MAXIMUM_LENGTH = 64
"""Code points, in Unicode's form NFC."""
# Control, format, surrogate, private use and unassigned characters, line and paragraph separators.
_FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def normal_display_name(text: str) -> str:
    """Return a display name as it is stored: in form NFC, without spaces around it."""
    # Longer texts are refused anyway. The time to normalise grows with the square of the length.
    if len(text) > 4 * MAXIMUM_LENGTH:
        return text
    return unicodedata.normalize("NFC", text).strip()


def display_name_problems(text: str) -> list[str]:
    """Return what is wrong with a display name; "" means that the user has none."""
    name = normal_display_name(text)
    if text and not name:
        return ["The display name is blank. Enter a name, or leave it empty."]
    if len(name) > MAXIMUM_LENGTH:
        return [f"The display name is too long. Use at most {MAXIMUM_LENGTH} characters."]
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        return ["The display name has characters that cannot be shown. Remove them."]
    return []

"""The committed list of passwords that nobody may choose."""

import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKLIST = ROOT / "auth-service" / "auth_service" / "accounts" / "blocklist.txt"
README = ROOT / "scripts" / "blocklist" / "README.md"
OBVIOUS = ROOT / "tests" / "data" / "obvious_passwords.txt"
"""What people choose when asked for fifteen characters, one on a line."""
CAREFUL = ROOT / "tests" / "data" / "careful_passwords.txt"
"""What careful people choose, some with common words in it, one on a line."""
LONG = 15


@pytest.fixture(scope="module")
def entries() -> list[str]:
    """Return the entries in the order of the file, which ends with a line end."""
    text = BLOCKLIST.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text.removesuffix("\n").split("\n")


def passwords(file: Path) -> list[str]:
    """Return the passwords of a file."""
    return file.read_text("utf-8").splitlines()


def test_the_entries_have_the_form_in_which_passwords_are_looked_up(entries: list[str]) -> None:
    assert entries == sorted(set(entries)), "by code point, each once"
    folded = [unicodedata.normalize("NFC", entry.casefold()) for entry in entries]
    assert entries == folded
    odd = [entry for entry in entries if not entry.isprintable() or entry != entry.strip()]
    assert odd == []
    assert min(map(len, entries)) >= 8, "no minimum is lower"


@pytest.mark.proves("V6.2.4")
def test_at_least_3000_entries_are_as_long_as_the_default_minimum(entries: list[str]) -> None:
    assert sum(len(entry) >= LONG for entry in entries) >= 3000


@pytest.mark.proves("V6.2.4", "V6.2.12")
def test_what_people_do_to_a_short_password_to_make_it_long_is_on_the_list(
    entries: list[str],
) -> None:
    obvious = passwords(OBVIOUS)
    listed = frozenset(entries)
    assert min(map(len, obvious)) >= LONG, "shorter ones are refused without a list"
    assert [password for password in obvious if password.casefold() not in listed] == []


def test_what_careful_people_choose_is_not_on_the_list(entries: list[str]) -> None:
    careful = passwords(CAREFUL)
    listed = frozenset(entries)
    assert min(map(len, careful)) >= LONG
    assert [password for password in careful if password.casefold() in listed] == []


def test_the_list_is_small_enough_to_be_kept_in_memory(entries: list[str]) -> None:
    assert len(entries) <= 120_000
    assert BLOCKLIST.stat().st_size <= 2_500_000


def test_the_readme_gives_the_counts_of_the_committed_file(entries: list[str]) -> None:
    long_ones = sum(len(entry) >= LONG for entry in entries)
    printed = [line.split() for line in README.read_text("utf-8").splitlines()]
    assert ["all", str(len(entries)), str(long_ones)] in printed

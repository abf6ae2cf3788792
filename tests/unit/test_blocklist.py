"""The committed list of passwords that nobody may choose."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest

AUTH_SERVICE = Path(__file__).resolve().parents[2] / "auth-service"
BLOCKLIST = AUTH_SERVICE / "auth_service" / "blocklist.txt"
README = AUTH_SERVICE.parent / "scripts" / "blocklist" / "README.md"
LONG = 15


@pytest.fixture(scope="module")
def text() -> str:
    """Return the file as it is, without translated line ends."""
    return BLOCKLIST.read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def entries(text: str) -> list[str]:
    """Return the entries in the order of the file."""
    return text.removesuffix("\n").split("\n")


def test_the_file_ends_with_a_line_end_and_has_no_other_control_characters(
    text: str, entries: list[str]
) -> None:
    assert text.endswith("\n")
    assert all(entry.isprintable() for entry in entries)


def test_the_entries_are_sorted_by_code_point_and_unique(entries: list[str]) -> None:
    assert all(before < after for before, after in pairwise(entries))


def test_every_entry_is_case_folded_and_in_nfc(entries: list[str]) -> None:
    changed = [entry for entry in entries if unicodedata.normalize("NFC", entry.casefold()) != entry]
    assert changed == []


def test_no_entry_is_shorter_than_the_lowest_minimum(entries: list[str]) -> None:
    assert [entry for entry in entries if len(entry) < 8] == []


def test_no_entry_begins_or_ends_with_a_space(entries: list[str]) -> None:
    assert [entry for entry in entries if entry != entry.strip()] == []


@pytest.mark.proves("V6.2.4")
def test_at_least_3000_entries_are_as_long_as_the_default_minimum(entries: list[str]) -> None:
    assert sum(len(entry) >= LONG for entry in entries) >= 3000


@pytest.mark.proves("V6.2.4", "V6.2.12")
@pytest.mark.parametrize(
    "password",
    [
        "password",
        "passwordpassword",
        "passwordpassword1",
        "password1234567",
        "password12345678",
        "password!!!!!!!",
        "passwordpasswor",
        "p@ssw0rdp@ssw0rd",
        "iloveyouiloveyou",
        "doorwarddoorward",
        "doorward doorward",
        "doorwardpassword",
        "correcthorsebatterystaple",
        "correct horse battery staple",
        "correct-horse-battery-staple",
        "123456789012345",
        "1234567890123456",
        "987654321098765",
        "abcdefghijklmnop",
        "zyxwvutsrqponml",
        "aaaaaaaaaaaaaaa",
        "000000000000000",
        "123123123123123",
        "qwertyuiopasdfgh",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv",
        "qwertzuiopasdfg",
        "azertyuiopqsdfg",
        "789456123789456",
    ],
)
def test_a_well_known_password_is_on_the_list(password: str, entries: list[str]) -> None:
    assert password in entries


@pytest.mark.parametrize(
    "password", ["Seven herons cross the quarry", "lantern-mustard-ferry-oblige", "k7#vTq2pZ9!wLx4sBn"]
)
def test_a_password_that_follows_no_pattern_is_not_on_the_list(password: str, entries: list[str]) -> None:
    assert password.casefold() not in entries


def test_the_readme_gives_the_counts_of_the_committed_file(entries: list[str]) -> None:
    long_ones = sum(len(entry) >= LONG for entry in entries)
    printed = [line.split() for line in README.read_text("utf-8").splitlines()]
    assert ["all", str(len(entries)), str(long_ones)] in printed

"""Credentials that rotate: what is accepted, for how long, and what a slip in the file does."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from session_contract.credentials import Credential, read_credential_file

# Named in the tests' ids, which must be the same in every process.
OLD = "WqqbDVpDTquGjb7lBWv2waD-Mezl3cpwHCaqPJ3axiE"
NEW = "jjludPp1bHDpBUI-eolLqMc6vTMIkBuLJNIS-zoohB4"
NEWEST = "d8FCKnAnWD91tIKt3YQJ2s0jBwiXv0wDfRAPHI6BWbg"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file that the credential is in."""
    replace(tmp_path / "credential", OLD)
    return tmp_path / "credential"


@pytest.fixture
def credential(file: Path, clock: Any) -> Credential:
    return Credential(OLD, file, clock)


def replace(file: Path, text: str) -> None:
    """Put another file in its place, as the rotation does."""
    (file.parent / "new").write_text(text + "\n")
    (file.parent / "new").replace(file)


def test_what_is_given_by_value_stays() -> None:
    given = Credential(OLD)
    assert given.current() == OLD
    assert given.accepts(OLD)
    assert not given.accepts(NEW)


def test_nothing_like_it_is_accepted(credential: Credential) -> None:
    for shown in ("", "x", OLD[:-1], OLD + "x", OLD.swapcase(), f" {OLD}", "\xff" * 43):
        assert not credential.accepts(shown)


@pytest.mark.proves("V13.2.1")
def test_a_replaced_file_counts_at_once_and_the_old_value_for_a_minute_more(
    credential: Credential, file: Path, clock: Any
) -> None:
    replace(file, NEW)
    assert credential.accepts(NEW)
    assert credential.current() == NEW, "what is shown from now on"
    clock.now += 59
    assert credential.accepts(OLD)
    clock.now += 1
    assert not credential.accepts(OLD)
    assert credential.accepts(NEW)


def test_the_old_value_is_refused_though_nobody_shows_the_new_one(
    credential: Credential, file: Path, clock: Any
) -> None:
    assert credential.accepts(OLD)
    replace(file, NEW)
    clock.now += 0.9
    assert credential.accepts(OLD), "the file is looked at once a second"
    clock.now += 0.1
    assert credential.accepts(OLD), "noticed just now"
    clock.now += 59.9
    assert credential.accepts(OLD)
    clock.now += 0.1
    assert not credential.accepts(OLD)


def test_two_rotations_within_a_minute_lock_nobody_out(
    credential: Credential, file: Path, clock: Any
) -> None:
    replace(file, NEW)
    assert credential.accepts(NEW)
    clock.now += 30
    replace(file, NEWEST)
    assert all(credential.accepts(value) for value in (OLD, NEW, NEWEST))
    clock.now += 31
    assert [credential.accepts(value) for value in (OLD, NEW, NEWEST)] == [False, True, True]


def test_a_value_that_came_and_went_unseen_is_accepted_for_a_minute(
    credential: Credential, file: Path, clock: Any
) -> None:
    """A process that answered nobody between two rotations gets what nginx still shows."""
    assert credential.accepts(OLD)
    replace(file, NEW)
    replace(file.with_name("credential.former"), NEW)
    replace(file, NEWEST)
    assert all(credential.accepts(value) for value in (OLD, NEW, NEWEST))
    clock.now += 60
    assert [credential.accepts(value) for value in (OLD, NEW, NEWEST)] == [False, False, True]


@pytest.mark.parametrize("former", ["", "short", "\u00e4" * 43])
def test_a_former_value_that_is_none_is_left_out(
    credential: Credential, file: Path, former: str
) -> None:
    assert credential.accepts(OLD)
    replace(file.with_name("credential.former"), former)
    replace(file, NEW)
    assert credential.accepts(NEW)
    assert not credential.accepts(former)


def test_what_changed_between_settings_and_first_use_is_noticed(file: Path, clock: Any) -> None:
    replace(file, NEW)
    assert Credential(OLD, file, clock).current() == NEW


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ("", "43 base64url characters. Make one with: python3"),
        ("short", "43 base64url characters"),
        ("A" * 43, "can be guessed. Make one with: python3"),
        ("abcdefghijk" * 4, "43 base64url characters"),
        ("\u00e4" * 43, "not ASCII"),
        ("missing", "is not there"),
        ("folder", "cannot be read"),
    ],
)
def test_a_slip_in_the_file_leaves_the_last_good_value_and_one_warning(
    credential: Credential, file: Path, caplog: pytest.LogCaptureFixture, slip: str, words: str
) -> None:
    if slip in ("missing", "folder"):
        file.unlink()
        if slip == "folder":
            file.mkdir()
    else:
        replace(file, slip)
    for _ in range(3):
        assert credential.accepts(OLD)
        assert credential.current() == OLD
    [record] = caplog.records
    assert f"{file} " in record.getMessage()
    assert words in record.getMessage()
    if slip == "folder":
        file.rmdir()
    replace(file, NEW)
    assert credential.accepts(NEW), "mended"
    assert NEW not in caplog.text


def test_a_file_that_cannot_be_read_gives_no_value_but_the_reason(tmp_path: Path) -> None:
    missing, german = tmp_path / "missing", tmp_path / "german"
    german.write_text("Schlüssel")
    assert read_credential_file(missing) == ("", "is not there: use the file that init makes")
    assert read_credential_file(german)[0] == ""
    reason = f"cannot be read by user {os.geteuid()} (is a directory)"
    assert read_credential_file(tmp_path) == ("", reason)


def test_threads_that_notice_together_all_accept_both_values(file: Path) -> None:
    barrier = threading.Barrier(8)

    def look(credential: Credential) -> bool:
        barrier.wait(timeout=10)
        return credential.accepts(NEW) and credential.accepts(OLD)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            replace(file, OLD)
            credential = Credential(OLD, file)
            assert credential.accepts(OLD)
            replace(file, NEW)
            assert all(pool.map(look, [credential] * 8))

"""Signing keys are rotated whole, and their file is readable by owner and group."""

import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth_service.file_locks import LockTimeout, file_lock
from auth_service.key_files import rotate_keys
from session_contract.keyset import Key, KeySetError, KeySetFile, parse_key_set

MakeKey = Callable[..., Key]
NOW = 1_800_000_000
IDLE = 1800


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} - {"keys.json.lock"}


# --- rotating


@pytest.mark.proves("V11.2.2")
def test_a_rotation_puts_a_new_key_first_and_retires_the_old_ones(
    key_file: Path, make_key: MakeKey
) -> None:
    rotated = rotate_keys(key_file, NOW, IDLE, revoke=False)
    assert rotated == parse_key_set(key_file.read_text())
    assert rotated.keys[1:] == (make_key("first", NOW + IDLE),)
    assert rotated.signing_key.retires_at is None
    assert (mode(key_file), names(key_file)) == (0o640, {"keys.json"})


def test_a_second_rotation_prolongs_no_key_and_a_late_one_drops_what_is_retired(
    key_file: Path,
) -> None:
    first = rotate_keys(key_file, NOW, IDLE, revoke=False)
    second = rotate_keys(key_file, NOW + 100, IDLE, revoke=False)
    assert [key.retires_at for key in second.keys] == [None, NOW + 100 + IDLE, NOW + IDLE]
    assert second.keys[2] == first.keys[1]
    third = rotate_keys(key_file, NOW + IDLE, IDLE, revoke=False)
    assert [key.retires_at for key in third.keys] == [None, NOW + IDLE + IDLE, NOW + 100 + IDLE]


def test_revoking_leaves_the_new_key_alone(key_file: Path) -> None:
    rotate_keys(key_file, NOW, IDLE, revoke=False)
    revoked = rotate_keys(key_file, NOW, IDLE, revoke=True)
    assert len(revoked.keys) == 1
    assert parse_key_set(key_file.read_text()) == revoked


@pytest.mark.parametrize("content", [b"", b"{", b'{"keys": []}'])
def test_a_broken_key_set_is_not_rotated_but_can_be_revoked(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(KeySetError):
        rotate_keys(key_file, NOW, IDLE, revoke=False)
    assert key_file.read_bytes() == content
    rotate_keys(key_file, NOW, IDLE, revoke=True)
    assert len(KeySetFile(key_file).current().keys) == 1


def test_rotations_at_the_same_time_lose_no_key_that_someone_signed_with(key_file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rotated = list(pool.map(lambda _: rotate_keys(key_file, NOW, IDLE, revoke=False), range(8)))
    signing = {keys.signing_key.kid for keys in rotated} | {"first"}
    assert {key.kid for key in KeySetFile(key_file).current().keys} == signing
    assert len(signing) == 9


def test_a_rotation_that_fails_changes_nothing(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, held = key_file.read_bytes(), key_file.with_name("keys.json.lock")
    fsync, rename = os.fsync, os.rename

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    for name, call in (("fsync", fsync), ("rename", rename)):
        monkeypatch.setattr(os, name, fail)
        with pytest.raises(OSError, match="input/output"):
            rotate_keys(key_file, NOW, IDLE, revoke=True)
        monkeypatch.setattr(os, name, call)
        assert key_file.read_bytes() == before
    monkeypatch.setattr("auth_service.key_files.LOCK_SECONDS", 0)
    with file_lock(held, 0), pytest.raises(LockTimeout):
        rotate_keys(key_file, NOW, IDLE, revoke=True)
    assert key_file.read_bytes() == before

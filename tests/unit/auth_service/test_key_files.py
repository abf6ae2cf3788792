"""Files that hold secrets: made once, readable by owner and group, rotated whole; and the first start."""

import errno
import json
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth_service import provision
from auth_service.file_locks import LockTimeout, file_lock
from auth_service.key_files import make_once, new_credential, new_key, rotate_keys
from auth_service.settings import read_settings
from session_contract.keyset import Key, KeySet, KeySetError, KeySetFile, parse_key_set

MakeKey = Callable[..., Key]
NOW = 1_800_000_000
IDLE = 1800


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} - {"keys.json.lock"}


# --- making
# -----------------------------------------------------------------------------------------


@pytest.mark.proves("RFC8725-3.5", "V11.2.3", "V11.5.1", "V13.2.3")
def test_every_key_and_credential_is_random_and_of_256_bits() -> None:
    keys = [new_key(NOW) for _ in range(50)]
    assert len({key.secret for key in keys}) == len({key.kid for key in keys}) == 50
    assert all(len(key.secret) == 32 and key.retires_at is None for key in keys)
    assert all(key.kid.startswith("20270115T080000Z-") for key in keys)
    credentials = {new_credential() for _ in range(50)}
    assert len(credentials) == 50
    assert all(len(credential) == 44 and credential.endswith("\n") for credential in credentials)


@pytest.mark.proves("V13.3.1", "V13.3.2")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_secret_is_made_once_for_owner_and_group_and_never_overwritten(
    tmp_path: Path, umask: int
) -> None:
    path = tmp_path / "new" / "folder" / "secret"
    before = os.umask(umask)
    try:
        assert make_once(path, "first\n")
    finally:
        os.umask(before)
    assert not make_once(path, "second\n")
    assert (path.read_text(), mode(path), names(path)) == ("first\n", 0o640, {"secret"})


def test_of_many_that_make_one_secret_at_once_the_first_wins_and_all_see_it_whole(
    tmp_path: Path,
) -> None:
    for number in range(10):
        path, together = tmp_path / f"{number}" / "secret", threading.Barrier(8)

        def make(
            name: str, path: Path = path, together: threading.Barrier = together
        ) -> tuple[bool, str]:
            together.wait()
            return make_once(path, name * 1000), path.read_text()

        with ThreadPoolExecutor(8) as pool:
            made, seen = zip(*pool.map(make, "abcdefgh"), strict=True)
        assert sum(made) == 1
        assert set(seen) == {"abcdefgh"[made.index(True)] * 1000}
        assert names(path) == {"secret"}


def test_a_secret_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no space"):
            make_once(path, "secret")
    assert not path.exists()
    assert make_once(path, "secret")


# --- rotating
# ---------------------------------------------------------------------------------------


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


# --- the first start
# --------------------------------------------------------------------------------

FILES = ("KEY_SET", "EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY")


@pytest.fixture
def unprovisioned(environment: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """Set the environment of `init` and return the files it is to make."""
    for name in FILES:
        environment.delenv(f"DOORWARD_{name}", raising=False)
    files = {name: tmp_path / "run" / name.lower() / "secret" for name in FILES}
    for name, path in files.items():
        environment.setenv(f"DOORWARD_{name}_FILE", str(path))
    return files


def test_the_first_start_makes_secrets_that_the_service_then_accepts(
    unprovisioned: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    provision.main()
    assert {mode(path) for path in unprovisioned.values()} == {0o640}
    assert len({path.read_text() for path in unprovisioned.values()}) == 4
    made = capsys.readouterr().err
    assert all(str(path) in made for path in unprovisioned.values())
    settings = read_settings()
    assert settings.edge_credential == unprovisioned["EDGE_CREDENTIAL"].read_text().strip()
    assert len(KeySetFile(settings.key_set_file).current().keys) == 1
    assert not any(path.read_text().strip() in made for path in unprovisioned.values())


def test_the_second_start_makes_nothing(
    unprovisioned: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    provision.main()
    before = {path: path.read_bytes() for path in unprovisioned.values()}
    capsys.readouterr()
    provision.main()
    assert {path: path.read_bytes() for path in unprovisioned.values()} == before
    assert capsys.readouterr().err == ""


def test_only_what_is_missing_is_made(unprovisioned: dict[str, Path]) -> None:
    provision.main()
    kept = unprovisioned["KEY_SET"].read_bytes()
    lost = unprovisioned["CSRF_KEY"].read_bytes()
    unprovisioned["CSRF_KEY"].unlink()
    provision.main()
    assert unprovisioned["KEY_SET"].read_bytes() == kept
    assert unprovisioned["CSRF_KEY"].read_bytes() != lost


def test_a_secret_given_by_value_needs_no_file(
    unprovisioned: dict[str, Path], environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("DOORWARD_CSRF_KEY_FILE")
    environment.setenv("DOORWARD_CSRF_KEY", "given")
    provision.main()
    assert not unprovisioned["CSRF_KEY"].exists()


def test_all_that_cannot_be_made_is_named_and_the_rest_is_made(
    unprovisioned: dict[str, Path],
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    environment.delenv("DOORWARD_EDGE_CREDENTIAL_FILE")
    environment.setenv("DOORWARD_SERVICE_CREDENTIAL_FILE", str(tmp_path / "file" / "secret"))
    with pytest.raises(SystemExit) as caught:
        provision.main()
    said = capsys.readouterr().err
    assert caught.value.code == 78
    assert "DOORWARD_EDGE_CREDENTIAL_FILE" in said
    assert str(tmp_path / "file" / "secret") in said
    assert unprovisioned["KEY_SET"].exists()


def test_the_key_set_that_is_made_is_the_only_thing_in_its_file(
    unprovisioned: dict[str, Path],
) -> None:
    provision.main()
    (member,) = json.loads(unprovisioned["KEY_SET"].read_text())["keys"]
    assert set(member) == {"kty", "use", "alg", "kid", "k"}
    assert KeySet((parse_key_set(unprovisioned["KEY_SET"].read_text()).signing_key,))

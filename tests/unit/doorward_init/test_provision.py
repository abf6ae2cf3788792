"""The secrets' files: made once, and credentials replaced by command."""

import errno
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from doorward_init import provision
from doorward_init.secret_files import make_once
from session_contract.credentials import new_credential
from session_contract.keyset import new_key, parse_key_set

NOW = 1_800_000_000

NAMES = ("EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY", "KEY_SET")
ROTATED = NAMES[:2]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where every secret belongs, after the first start."""
    made = {name: tmp_path / name.lower() / "file" for name in NAMES}
    for name, path in made.items():
        monkeypatch.setenv(f"DOORWARD_{name}_FILE", str(path))
        monkeypatch.delenv(f"DOORWARD_{name}", raising=False)
    assert provision.make(provision.configured_files()) == []
    return made


def contents(files: dict[str, Path]) -> dict[str, str]:
    return {name: path.read_text() for name, path in files.items()}


@pytest.mark.proves("V13.2.1")
def test_rotating_replaces_both_credentials_and_nothing_else(files: dict[str, Path]) -> None:
    before, places = contents(files), {name: path.stat().st_ino for name, path in files.items()}
    assert provision.rotate() == []
    after = contents(files)
    assert {name for name in NAMES if before[name] != after[name]} == set(ROTATED)
    assert len({after[name] for name in ROTATED} | {before[name] for name in ROTATED}) == 4
    for name in ROTATED:
        assert files[name].stat().st_ino != places[name], "a new file in the place of the old one"
        assert stat.S_IMODE(files[name].stat().st_mode) == 0o640
        former = files[name].with_name("file.former")
        assert former.read_text() == before[name]
        assert stat.S_IMODE(former.stat().st_mode) == 0o640
        assert sorted(files[name].parent.iterdir()) == [files[name], former]


def test_no_credential_is_told(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert provision.rotate() == []
    told = capsys.readouterr()
    assert str(files["EDGE_CREDENTIAL"]) in told.out
    for content in contents(files).values():
        assert content.strip() not in told.out + told.err


def test_what_is_given_by_value_is_named_and_the_other_one_replaced(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(files)
    monkeypatch.delenv("DOORWARD_EDGE_CREDENTIAL_FILE")
    monkeypatch.setenv("DOORWARD_EDGE_CREDENTIAL", "given-by-value")
    [said] = provision.rotate()
    assert "DOORWARD_EDGE_CREDENTIAL_FILE is not set" in said
    assert "restart" in said
    assert "given-by-value" not in said
    after = contents(files)
    assert [name for name in NAMES if before[name] != after[name]] == ["SERVICE_CREDENTIAL"]


@pytest.mark.proves("RFC8725-3.5", "V11.2.3", "V11.5.1", "V13.2.3")
def test_every_key_and_credential_is_random_and_of_256_bits() -> None:
    keys = [new_key(NOW) for _ in range(50)]
    assert len({key.secret for key in keys}) == len({key.kid for key in keys}) == 50
    assert all(len(key.secret) == 32 and key.retires_at is None for key in keys)
    assert all(key.kid.startswith("20270115T080000Z-") for key in keys)
    credentials = {new_credential() for _ in range(50)}
    assert len(credentials) == 50
    assert all(len(credential) == 43 for credential in credentials)


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
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("first\n", 0o640)
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


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
        assert [file.name for file in path.parent.iterdir()] == ["secret"]


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
    assert list(tmp_path.iterdir()) == []
    assert make_once(path, "secret")


def test_only_what_is_missing_is_made_and_told(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(files)
    files["CSRF_KEY"].unlink()
    capsys.readouterr()
    assert provision.make(provision.configured_files()) == []
    after = contents(files)
    assert [name for name in NAMES if before[name] != after[name]] == ["CSRF_KEY"]
    assert provision.make(provision.configured_files()) == []
    assert contents(files) == after
    assert capsys.readouterr().out == f"init: made {files['CSRF_KEY']}\n"


def test_a_secret_given_by_value_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"DOORWARD_{name}_FILE", raising=False)
    monkeypatch.setenv("DOORWARD_CSRF_KEY", "given")
    assert provision.configured_files() == []


def test_all_that_cannot_be_made_is_named_and_the_rest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    blocked = tmp_path / "file" / "secret"
    for name in NAMES:
        monkeypatch.setenv(f"DOORWARD_{name}_FILE", str(tmp_path / name))
    monkeypatch.setenv("DOORWARD_SERVICE_CREDENTIAL_FILE", str(blocked))
    [said] = provision.make(provision.configured_files())
    assert said == (
        f"DOORWARD_SERVICE_CREDENTIAL_FILE: {blocked} cannot be written (file exists). "
        "Correct that, and run the command again"
    )
    assert (tmp_path / "KEY_SET").exists()
    assert (tmp_path / "CSRF_KEY").exists()


def test_the_key_set_that_is_made_is_the_only_thing_in_its_file(files: dict[str, Path]) -> None:
    (member,) = json.loads(files["KEY_SET"].read_text())["keys"]
    assert set(member) == {"kty", "use", "alg", "kid", "k"}
    assert len(parse_key_set(files["KEY_SET"].read_text()).keys) == 1

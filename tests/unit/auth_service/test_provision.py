"""The secrets' files: made once, and credentials replaced by command."""

import stat
from pathlib import Path

import pytest

from auth_service import provision

NAMES = ("EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY", "KEY_SET")
ROTATED = NAMES[:2]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where every secret belongs, after the first start."""
    made = {name: tmp_path / name.lower() / "file" for name in NAMES}
    for name, path in made.items():
        monkeypatch.setenv(f"DOORWARD_{name}_FILE", str(path))
        monkeypatch.delenv(f"DOORWARD_{name}", raising=False)
    provision.main()
    return made


def contents(files: dict[str, Path]) -> dict[str, str]:
    return {name: path.read_text() for name, path in files.items()}


def test_what_is_there_is_kept(files: dict[str, Path]) -> None:
    before = contents(files)
    provision.main()
    assert contents(files) == before


@pytest.mark.proves("V13.2.1")
def test_rotating_replaces_both_credentials_and_nothing_else(files: dict[str, Path]) -> None:
    before, places = contents(files), {name: path.stat().st_ino for name, path in files.items()}
    provision.rotate()
    after = contents(files)
    assert {name for name in NAMES if before[name] != after[name]} == set(ROTATED)
    assert len({after[name] for name in ROTATED} | {before[name] for name in ROTATED}) == 4
    for name in ROTATED:
        assert files[name].stat().st_ino != places[name], "a new file in the place of the old one"
        assert stat.S_IMODE(files[name].stat().st_mode) == 0o640
        assert [path.name for path in files[name].parent.iterdir()] == ["file"], (
            "nothing is left over"
        )


def test_no_credential_is_told(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    provision.rotate()
    told = capsys.readouterr()
    assert str(files["EDGE_CREDENTIAL"]) in told.err
    for content in contents(files).values():
        assert content.strip() not in told.out + told.err


def test_what_is_given_by_value_is_named_and_the_other_one_replaced(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(files)
    monkeypatch.delenv("DOORWARD_EDGE_CREDENTIAL_FILE")
    monkeypatch.setenv("DOORWARD_EDGE_CREDENTIAL", "given-by-value")
    with pytest.raises(SystemExit) as ended:
        provision.rotate()
    assert ended.value.code == 78
    said = capsys.readouterr().err
    assert "DOORWARD_EDGE_CREDENTIAL_FILE is not set" in said
    assert "restart" in said
    assert "given-by-value" not in said
    after = contents(files)
    assert [name for name in NAMES if before[name] != after[name]] == ["SERVICE_CREDENTIAL"]

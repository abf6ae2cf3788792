"""What init checks before anything is written: every problem at once, each once."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from doorward_init import __main__, certificate, checks, folders
from doorward_settings.edge import Settings
from doorward_settings.reading import inspect
from tests.unit.doorward_init.conftest import AUTHORITY, put_pair

FILES = {
    "KEY_SET_FILE": "keys/keys.json",
    "EDGE_CREDENTIAL_FILE": "edge/credential",
    "SERVICE_CREDENTIAL_FILE": "service/credential",
    "CSRF_KEY_FILE": "csrf/key",
}


@pytest.fixture
def complete(environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The environment of init before the first start."""
    environment.delenv("DOORWARD_EDGE_CREDENTIAL")
    data = tmp_path / "data"
    environment.setenv("DOORWARD_DATA_DIR", str(data))
    for name, file in FILES.items():
        environment.setenv(f"DOORWARD_{name}", str(data / "secrets" / file))
    environment.setattr("doorward_init.nginx._test", lambda _file: None)
    return environment


def run(environment: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command; return its exit status."""
    environment.setattr(sys, "argv", ["doorward_init", *arguments])
    try:
        __main__.main()
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_check_writes_nothing(complete: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = tree(tmp_path)
    assert run(complete, "--check") == 0
    assert tree(tmp_path) == before


def test_the_first_start_makes_every_secret(complete: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(complete) == 0
    made = tree(tmp_path / "data" / "secrets")
    assert set(FILES.values()) <= made
    assert run(complete) == 0
    assert tree(tmp_path / "data" / "secrets") == made


def test_every_problem_of_every_program_is_told_once_and_nothing_is_made(
    complete: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        "IDLE_SECONDS": "30m",
        "BCRYPT_ROUNDS": "99",
        "CREDENTIAL_RATE": "fast",
        "PUBLIC_URL": "http://portal.example",
        "REGISTRATION": "maybe\nyes",
        "TLS_DIR": str(tmp_path / "missing"),
    }
    for name, value in wrong.items():
        complete.setenv(f"DOORWARD_{name}", value)
    before = tree(tmp_path)
    assert run(complete) == 78
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "The settings are refused, and nothing was changed:"
    assert len(said) == 1 + len(wrong)
    for name in wrong:
        assert sum(line.startswith(f"  - DOORWARD_{name}") for line in said) == 1, name
    assert tree(tmp_path) == before


def test_a_typed_credential_is_refused_with_the_command_that_makes_a_good_one(
    complete: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = tmp_path / "typed"
    typed.write_text("my-ultra-super-secure-and-super-long-secret\n")
    complete.setenv("DOORWARD_EDGE_CREDENTIAL_FILE", str(typed))
    assert run(complete) == 78
    said = capsys.readouterr().err
    assert said.count("DOORWARD_EDGE_CREDENTIAL_FILE") == 1
    assert "secrets.token_urlsafe(32)" in said
    assert "ultra" not in said
    assert not (tmp_path / "data").exists()


def test_a_key_set_that_cannot_be_used_is_a_problem(
    complete: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = tmp_path / "data" / "secrets" / "keys" / "keys.json"
    keys.parent.mkdir(parents=True)
    keys.write_text('{"keys": []}')
    [problem] = checks.problems()
    assert "DOORWARD_KEY_SET_FILE" in problem
    assert "holds no key" in problem


# --- Folders (9n)


def test_a_folder_of_somebody_else_is_refused_with_the_command_that_mends_it(
    complete: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    owner = data.stat().st_uid
    complete.setattr(os, "geteuid", lambda: owner + 1)
    mark = tmp_path / "mark"
    complete.setattr(folders, "IN_A_CONTAINER", mark)
    for in_a_container, command in ((False, "sudo chown"), (True, "--entrypoint chown init")):
        if in_a_container:
            mark.touch()
        assert run(complete) == 78
        said = capsys.readouterr().err
        assert f"DOORWARD_DATA_DIR: {data} belongs to user {owner}" in said
        assert f"{command} -R {owner + 1}:{os.getegid()} {data}\n" in said
    assert tree(data) == set()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_data_that_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    if kind == "file":
        data.touch()
    else:
        data.symlink_to("/nowhere")
    assert folders.problems(data, []) == [
        f"DOORWARD_DATA_DIR: {data} is not a folder: remove it, or use another place"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    [problem] = folders.problems(tmp_path / "data", [])
    assert "chmod u+rwx" in problem


# --- The certificate


def spoil(certs: Path, how: str) -> None:
    """Make the pair unusable in one way."""
    chain, key = certs / "fullchain.pem", certs / "privkey.pem"
    if how == "no certificate":
        chain.unlink()
    elif how == "no key":
        key.unlink()
    elif how == "dangling link":
        chain.unlink()
        chain.symlink_to("/nowhere/fullchain.pem")
    elif how == "no PEM":
        chain.write_text("not a certificate")
    elif how == "key is no PEM":
        key.write_text("not a key")
    elif how == "another pair":
        key.write_bytes(AUTHORITY.issue(["door.example"])[1])
    elif how == "expired":
        put_pair(certs, days=-1)
    else:
        assert how == "encrypted"
        loaded = load_pem_private_key(key.read_bytes(), None)
        encryption = BestAvailableEncryption(b"secret")
        key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no certificate", "fullchain.pem is not there: put it there"),
        ("no key", "privkey.pem is not there: put it there"),
        ("dangling link", "fullchain.pem is not there: put it there"),
        ("no PEM", "fullchain.pem holds no certificate"),
        ("key is no PEM", "privkey.pem holds no private key"),
        ("another pair", "privkey.pem does not belong to"),
        ("expired", "fullchain.pem has expired"),
        ("encrypted", "privkey.pem is encrypted"),
    ],
)
@pytest.mark.usefixtures("secure")
def test_a_pair_that_cannot_be_used_is_refused_with_file_and_remedy(
    certs: Path, how: str, said: str
) -> None:
    spoil(certs, how)
    settings, _ = inspect(Settings)
    [problem] = certificate.problems(settings)
    assert problem.startswith(f"DOORWARD_TLS_DIR: {certs}/{said}")


@pytest.mark.usefixtures("secure")
def test_a_key_that_may_not_be_read_is_refused_with_what_to_do(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(os, "access", lambda file, _mode: "privkey" not in str(file))
    settings, _ = inspect(Settings)
    [problem] = certificate.problems(settings)
    assert "privkey.pem cannot be read by user" in problem
    assert "chgrp 10004 and chmod 640" in problem


@pytest.mark.usefixtures("secure")
def test_http_as_public_url_beside_a_certificate_is_a_contradiction(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("DOORWARD_PUBLIC_URL", "http://localhost:18080")
    _, [problem] = inspect(Settings)
    assert problem.startswith("DOORWARD_PUBLIC_URL ('http://localhost:18080') is http, but there")


def test_nginx_is_asked_last(complete: pytest.MonkeyPatch, asked: Callable[[], list[Path]]) -> None:
    complete.setenv("DOORWARD_REGISTRATION", "maybe")
    assert checks.problems()
    assert asked() == []
    complete.delenv("DOORWARD_REGISTRATION")
    assert checks.problems() == []
    assert len(asked()) == 1


@pytest.fixture
def asked(complete: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """Return a function that returns the configurations that nginx was asked about."""
    seen: list[Path] = []
    complete.setattr("doorward_init.nginx._test", seen.append)
    return lambda: seen

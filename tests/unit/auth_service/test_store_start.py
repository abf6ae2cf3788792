"""Opening users.json at the start of a process: what is refused, what is put in order."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from auth_service.models import User
from auth_service.storage.users_json.store import UserStore
from session_contract.startup import StartupError
from unit.ended_sessions import EndedSessions

MakeUser = Callable[..., User]
COMMITTED = "users.json.committed"
LOCK = "users.json.lock"


@pytest.fixture
def path(tmp_path: Path, make_user: MakeUser) -> Path:
    """Return the users.json of a stopped service with Alice and Bob."""
    store = UserStore(tmp_path, settle_seconds=0, sessions=EndedSessions())
    for name in ("Alice", "Bob"):
        store.write(lambda draft, name=name: draft.add(make_user(name)))
    return tmp_path / "users.json"


def start(path: Path) -> UserStore:
    return UserStore(path.parent, settle_seconds=0, sessions=EndedSessions())


def names(store: UserStore) -> list[str]:
    store.refresh(30)
    return [user.username for user in store.all()]


def revision(path: Path) -> int:
    return int(json.loads(path.read_text())["revision"])


def rejected(path: Path) -> list[bytes]:
    return [aside.read_bytes() for aside in path.parent.glob("users.json.rejected-*")]


def refusal(path: Path) -> str:
    """Return what the start says, having checked that it touched nothing."""
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(StartupError) as caught:
        start(path)
    assert {
        file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()
    } == before
    return str(caught.value)


@pytest.mark.fault(5)
def test_a_file_cut_at_every_64th_byte_refuses_to_start_with_file_line_and_column(
    path: Path,
) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 64):
        path.write_bytes(whole[:length])
        place = re.search(re.escape(str(path)) + r", line (\d+), column (\d+): ", refusal(path))
        assert place
        assert int(place[1]) == whole.count(b"\n", 0, length) + 1


@pytest.mark.fault(5, 27)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param('"schema": 2', '"schema": 3', "newer Doorward", id="newer schema"),
        pytest.param('"schema": 2', '"schema": 0', "schema", id="unknown schema"),
        pytest.param('"bob"', '"alice"', "canonical", id="one name for two"),
        pytest.param(
            '"disabled"', '"locked": 1,\n      "disabled"', "locked", id="an unknown field"
        ),
        pytest.param("$2b$10$", "$2b$04$", "cost", id="a low cost"),
        pytest.param("$2b$10$", "$2b$16$", "cost", id="a high cost"),
        pytest.param(
            '"disabled"', '"disabled": true,\n      "disabled"', "twice", id="a field twice"
        ),
    ],
)
def test_a_wrong_file_refuses_to_start_with_file_line_and_column(
    path: Path, old: str, new: str, said: str
) -> None:
    path.write_text(path.read_text().replace(old, new, 1))
    message = refusal(path)
    assert re.search(re.escape(str(path)) + r", line [1-9]\d*, column [1-9]\d*: ", message)
    assert said in message
    assert COMMITTED in message, "it must say what to do"


def test_an_id_that_stands_twice_refuses_to_start(path: Path, make_user: MakeUser) -> None:
    path.write_text(path.read_text().replace(make_user("Bob").id, make_user("Alice").id))
    assert "stands twice" in refusal(path)


def test_a_missing_file_with_a_copy_of_the_last_version_refuses_to_start(path: Path) -> None:
    path.unlink()
    message = refusal(path)
    assert COMMITTED in message
    assert "restore a backup" in message
    assert not path.exists()


def test_after_copying_the_last_version_back_as_the_message_says_all_users_are_there(
    path: Path,
) -> None:
    path.unlink()
    path.with_name(COMMITTED).rename(path)
    assert names(start(path)) == ["Alice", "Bob"]


def test_without_the_copy_a_missing_file_is_a_first_start(path: Path) -> None:
    path.unlink()
    path.with_name(COMMITTED).unlink()
    assert names(start(path)) == []


def test_an_edit_while_the_service_was_stopped_is_taken_in_and_the_revision_rises(
    path: Path,
) -> None:
    before = revision(path)
    path.write_text(path.read_text().replace('"disabled": false', '"disabled": true', 1))
    store = start(path)
    assert store.all()[0].disabled
    assert (revision(path), rejected(path)) == (before + 1, [])
    assert start(path).all() == store.all()


@pytest.mark.fault(5)
def test_an_older_revision_is_put_aside_and_the_last_version_put_back(
    path: Path, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    older = path.read_bytes()
    start(path).write(lambda draft: draft.add(make_user("Carol")))
    newer = revision(path)
    path.write_bytes(older)
    assert names(start(path)) == ["Alice", "Bob", "Carol"]
    assert (rejected(path), revision(path)) == ([older], newer + 1)
    told = f"line 3, column 3: revision {newer - 1}, not {newer}; for an older state use"
    assert f"{told} `make restore`" in caplog.text


def test_a_backup_alone_is_taken_as_it_is(path: Path, tmp_path: Path) -> None:
    restored = tmp_path / "restored" / "users.json"
    restored.parent.mkdir()
    restored.write_bytes(path.read_bytes())
    assert names(start(restored)) == ["Alice", "Bob"]
    assert restored.read_bytes() == path.read_bytes()
    assert restored.with_name(COMMITTED).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("copy", ["that of the version before", "broken"])
def test_after_a_crash_before_the_copy_got_its_name_the_file_stands(
    path: Path, make_user: MakeUser, copy: str
) -> None:
    older = path.with_name(COMMITTED).read_bytes() if copy != "broken" else b"{"
    start(path).write(lambda draft: draft.add(make_user("Carol")))
    written = path.read_bytes()
    path.with_name(COMMITTED).write_bytes(older)
    path.with_name("users.json.committed.tmp").write_bytes(written)
    assert names(start(path)) == ["Alice", "Bob", "Carol"]
    assert path.read_bytes() == path.with_name(COMMITTED).read_bytes() == written


@pytest.mark.parametrize("litter", ["users.json.tmp", "users.json.committed.tmp"])
@pytest.mark.parametrize(
    "content", [b"", b'{"schema": 1, "revi', b'{"schema": 1, "revision": 99, "users": {}}']
)
def test_leftover_temporary_files_mean_nothing(
    path: Path, make_user: MakeUser, litter: str, content: bytes
) -> None:
    path.with_name(litter).write_bytes(content)
    store = start(path)
    store.write(lambda draft: draft.add(make_user("Carol")))
    assert names(store) == names(start(path)) == ["Alice", "Bob", "Carol"]
    assert not path.with_name(litter).exists()


@pytest.mark.parametrize(
    "kind", ["a folder in its place", "a folder that is missing", "a lock that is a folder"]
)
def test_what_cannot_be_used_refuses_to_start_naming_the_file(
    path: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "a folder in its place":
        path.unlink()
        path.mkdir()
    elif kind == "a folder that is missing":
        path = tmp_path / "gone" / "users.json"
    else:
        path.with_name(LOCK).unlink()
        path.with_name(LOCK).mkdir()
    with pytest.raises(StartupError) as caught:
        start(path)
    assert str(path) in str(caught.value)


def test_a_thousand_users_survive_a_restart_in_order(path: Path, make_user: MakeUser) -> None:
    added = [make_user(f"user{number}") for number in range(1000)]
    start(path).write(lambda draft: [draft.add(user) for user in added])
    assert start(path).all() == (make_user("Alice"), make_user("Bob"), *added)


FILE_STATES = {
    "the last version": ["Alice", "Bob", "Carol"],
    "the version before": ["Alice", "Bob"],
}
COPIES = ["missing", "empty", "half", "the version before", "the last version"]
RECORDS = {
    "empty": b"",
    "zeros": b"\0" * 80,
    "another": b'{"revision": 1, "versions": [[1, 2, 3]]}',
    "half": b'{"revision": 4, "ver',
    "kept": None,
}


@pytest.mark.fault(4)
@pytest.mark.parametrize("file", FILE_STATES)
@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_after_a_power_cut_whatever_became_of_unsynced_files_no_synced_user_is_lost(
    path: Path, make_user: MakeUser, file: str, copy: str, record: bytes | None
) -> None:
    before, after = path.with_name("before"), path.with_name("after")
    before.hardlink_to(path)  # keeps the inode and so the stamp
    start(path).write(lambda draft: draft.add(make_user("Carol")))
    after.hardlink_to(path)
    path.unlink()
    path.hardlink_to(after if file == "the last version" else before)
    contents = {
        "missing": None,
        "empty": b"",
        "half": after.read_bytes()[:300],
        "the version before": before.read_bytes(),
        "the last version": after.read_bytes(),
    }
    path.with_name(COMMITTED).unlink()
    if (content := contents[copy]) is not None:
        path.with_name(COMMITTED).write_bytes(content)
    if record is not None:
        path.with_name(LOCK).write_bytes(record)

    store = start(path)
    assert names(store) in [FILE_STATES[file], FILE_STATES["the last version"]]
    # And everything goes on from there: an edit of the current version, a write, the next start.
    kept, aside = names(store), rejected(path)
    path.write_text(path.read_text().replace('"disabled": false', '"disabled": true', 1))
    os.utime(path, ns=(0, 2_000_000_000_000_000_000))
    store.write(lambda draft: draft.add(make_user("Dave")))
    assert names(store) == names(start(path)) == [*kept, "Dave"]
    assert store.all()[0].disabled
    assert rejected(path) == aside

"""Opening users.json at the start of a process: what is refused, what is put in order."""

import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from auth_service.storage.users_json.codec import encode_document, encode_user, parse
from auth_service.storage.users_json.store import UserStore
from session_contract.startup import StartupError
from unit.auth_service.users_folder import NOW, UsersFolder, names, replaced
from unit.made_users import make_user

FIRST_VERSION = Path(__file__).resolve().parents[2] / "data" / "first_version"


@pytest.fixture
def stopped(folder: UsersFolder, store: UserStore) -> UsersFolder:
    """Return the folder of a stopped service with Alice and Bob."""
    return folder


def refusal(folder: UsersFolder) -> str:
    """Return what the start says, having checked that it touched nothing."""
    before = {file.name: file.read_bytes() for file in folder.folder.iterdir()}
    with pytest.raises(StartupError) as caught:
        folder.open()
    assert {file.name: file.read_bytes() for file in folder.folder.iterdir()} == before
    return str(caught.value)


# --- refused


@pytest.mark.fault(5, 27)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(b'"schema": 2', b'"schema": 3', "newer Doorward", id="newer schema"),
        pytest.param(b'"bob"', b'"alice"', "canonical", id="one name for two"),
        pytest.param(
            b'"disabled"', b'"locked": 1,\n      "disabled"', "locked", id="an unknown field"
        ),
        pytest.param(b"$2b$10$", b"$2b$16$", "cost", id="a high cost"),
        pytest.param(b'"disabled": false,', b'"disabled": false', "Expecting", id="no comma"),
    ],
)
def test_a_wrong_file_refuses_to_start_with_file_line_and_column(
    stopped: UsersFolder, old: bytes, new: bytes, said: str
) -> None:
    stopped.path.write_bytes(replaced(stopped.text(), old, new))
    message = refusal(stopped)
    place = re.escape(str(stopped.path)) + r", line [1-9]\d*, column [1-9]\d*: "
    assert re.search(place, message)
    assert said in message
    assert "users.json.committed" in message, "it must say what to do"


def test_a_missing_file_with_a_copy_of_the_last_version_refuses_to_start(
    stopped: UsersFolder,
) -> None:
    stopped.path.unlink()
    message = refusal(stopped)
    assert "users.json.committed" in message
    assert "restore a backup" in message
    # As the message says:
    stopped.committed_path.rename(stopped.path)
    assert names(stopped.open()) == ["Alice", "Bob"]


def test_without_the_copy_a_missing_file_is_a_first_start(stopped: UsersFolder) -> None:
    stopped.path.unlink()
    stopped.committed_path.unlink()
    assert names(stopped.open()) == []


def test_a_link_whose_target_is_missing_refuses_to_start(
    folder: UsersFolder, tmp_path: Path
) -> None:
    target = tmp_path / "accounts" / "users.json"
    target.parent.mkdir()
    folder.path.symlink_to(target)
    with pytest.raises(StartupError) as caught:
        folder.open()
    message = str(caught.value)
    assert str(folder.path) in message
    assert str(target) in message
    assert "restore a backup" in message
    assert [path.name for path in target.parent.iterdir()] == ["users.json.lock"]
    # As the message says:
    folder.path.unlink()
    assert names(folder.open()) == []


@pytest.mark.parametrize("kind", ["a folder in its place", "no folder", "a lock that is a folder"])
def test_what_cannot_be_used_refuses_to_start_naming_the_file(
    stopped: UsersFolder, kind: str
) -> None:
    if kind == "a folder in its place":
        stopped.path.unlink()
        stopped.path.mkdir()
    elif kind == "no folder":
        shutil.rmtree(stopped.folder)
    else:
        stopped.lock_path.unlink()
        stopped.lock_path.mkdir()
    with pytest.raises(StartupError, match=re.escape(str(stopped.path))):
        stopped.open()


@pytest.mark.parametrize("too_large", [0, 1])
@pytest.mark.parametrize("number", ["revision", "generation"])
def test_a_backup_with_large_numbers_is_taken_and_changed_or_refused(
    folder: UsersFolder, number: str, too_large: int
) -> None:
    largest = {"revision": 2, "generation": 1, number: 2**61 + too_large}
    alice = make_user("Alice", generation=largest["generation"])
    folder.path.write_bytes(b"".join(encode_document(largest["revision"], [encode_user(alice)])))
    if too_large:
        said = rf"line \d+, column \d+: {number}: it may be {2**61} at most"
        with pytest.raises(StartupError, match=said):
            folder.open()
        folder.committed_path.write_bytes(b"".join(encode_document(1, [])))
        with pytest.raises(StartupError, match=said):
            folder.open()
        return
    folder.open().replace(alice, alice.disabled_now())
    assert folder.open().all() == (alice.disabled_now(),)


# --- taken


def test_an_edit_while_the_service_was_stopped_is_taken_in_and_the_revision_rises(
    stopped: UsersFolder,
) -> None:
    before = stopped.revision
    stopped.disable_first()
    store = stopped.open()
    assert store.all()[0].disabled
    assert stopped.revision == before + 1
    assert stopped.rejected() == []
    assert stopped.open().all() == store.all()


@pytest.mark.fault(5)
def test_an_older_revision_is_put_aside_and_the_last_version_put_back(
    stopped: UsersFolder, caplog: pytest.LogCaptureFixture
) -> None:
    older = stopped.text()
    stopped.open().add(make_user("Carol"))
    newer = stopped.revision
    stopped.path.write_bytes(older)
    assert names(stopped.open()) == ["Alice", "Bob", "Carol"]
    assert stopped.rejected() == [older]
    assert stopped.revision == newer + 1
    told = f"line 3, column 3: revision {newer - 1}, not {newer}; for an older state use"
    assert f"{told} `make restore`" in caplog.text


def test_a_backup_alone_is_taken_as_it_is(stopped: UsersFolder, tmp_path: Path) -> None:
    restored = UsersFolder(tmp_path / "restored")
    restored.path.write_bytes(stopped.text())
    assert names(restored.open()) == ["Alice", "Bob"]
    assert restored.text() == restored.committed_path.read_bytes() == stopped.text()
    assert stat.S_IMODE(restored.committed_path.stat().st_mode) == 0o600


def test_a_backup_alone_in_another_form_is_put_into_the_usual_one(
    stopped: UsersFolder, tmp_path: Path
) -> None:
    users, restored = stopped.open().all(), UsersFolder(tmp_path / "restored")
    restored.save_document(stopped.document())
    assert restored.open().all() == users, "nobody is signed out"
    assert restored.text() == b"".join(
        encode_document(stopped.revision + 1, map(encode_user, users))
    )


@pytest.mark.parametrize("age", [9.9, 10])
def test_a_replaced_file_left_by_a_crash_is_put_aside_after_ten_seconds(
    stopped: UsersFolder, clock: Any, age: float
) -> None:
    def left_over(seconds: float) -> Path:
        moment = int((clock.now - seconds) * 1e9)
        path = stopped.path.with_name(f"users.json.replaced-{moment}-{'0' * 64}")
        path.write_bytes(b"an edit")
        return path

    young = [left_over(0), left_over(1)]
    left = left_over(age)
    young.append(left_over(2))
    stopped.open()
    assert all(path.exists() for path in young)
    assert left.exists() == (age < 10)
    assert stopped.rejected() == ([] if age < 10 else [b"an edit"])


def test_a_second_name_of_the_present_file_is_removed_after_a_crash(
    stopped: UsersFolder,
) -> None:
    second_name = stopped.path.with_name(f"users.json.replaced-1-{'0' * 64}")
    second_name.hardlink_to(stopped.path)
    assert names(stopped.open()) == ["Alice", "Bob"]
    assert not second_name.exists()
    assert stopped.rejected() == []


def test_a_replaced_file_that_another_process_removes_first_is_no_fault(
    stopped: UsersFolder,
) -> None:
    replaced_file = stopped.path.with_name(f"users.json.replaced-1-{'0' * 64}")
    replaced_file.write_bytes(b"an edit")

    def clock() -> float:
        replaced_file.unlink(missing_ok=True)
        return NOW

    stopped.clock = clock
    assert names(stopped.open()) == ["Alice", "Bob"]


@pytest.mark.parametrize("copy", ["that of the version before", "broken"])
def test_after_a_crash_before_the_copy_got_its_name_the_file_stands(
    stopped: UsersFolder, copy: str
) -> None:
    older = stopped.committed_path.read_bytes() if copy != "broken" else b"{"
    stopped.open().add(make_user("Carol"))
    written = stopped.text()
    stopped.committed_path.write_bytes(older)
    stopped.path.with_name("users.json.committed.tmp").write_bytes(written)
    assert names(stopped.open()) == ["Alice", "Bob", "Carol"]
    assert stopped.text() == stopped.committed_path.read_bytes() == written


@pytest.mark.parametrize("litter", ["users.json.tmp", "users.json.committed.tmp"])
@pytest.mark.parametrize("content", [b"", b'{"schema": 1, "revision": 99, "users": {}}'])
def test_leftover_temporary_files_mean_nothing(
    stopped: UsersFolder, litter: str, content: bytes
) -> None:
    stopped.path.with_name(litter).write_bytes(content)
    store = stopped.open()
    store.add(make_user("Carol"))
    assert names(store) == names(stopped.open()) == ["Alice", "Bob", "Carol"]
    assert not stopped.path.with_name(litter).exists()


@pytest.mark.parametrize(
    "name", ["replaced-old", "replaced-", "replaced-1-zz", "replaced-1-00.bak"]
)
def test_a_file_of_somebody_else_with_a_similar_name_is_left_alone(
    stopped: UsersFolder, name: str
) -> None:
    stray = stopped.path.with_name(f"users.json.{name}")
    stray.write_bytes(b"somebody's")
    assert names(stopped.open()) == ["Alice", "Bob"]
    assert stray.read_bytes() == b"somebody's"


def test_a_file_that_is_a_link_is_written_at_the_place_of_its_target(
    folder: UsersFolder, tmp_path: Path
) -> None:
    target = tmp_path / "accounts.json"
    target.write_bytes(b"".join(encode_document(1, [])))
    folder.path.symlink_to(target)
    folder.open().add(make_user("Alice"))
    assert folder.path.is_symlink()
    assert [user.username for user in parse(target.read_bytes()).users] == ["Alice"]
    assert [path.name for path in folder.folder.iterdir()] == ["users.json"]


def test_the_file_of_the_first_version_is_upgraded_once_and_a_copy_kept(
    folder: UsersFolder,
) -> None:
    for name in ("users.json", "users.json.lock", "users.json.committed"):
        shutil.copyfile(FIRST_VERSION / name, folder.folder / name)
    before = folder.text()
    assert names(folder.open()) == ["Alice", "bob", "Carol.C"]
    assert [user.generation for user in folder.open().all()] == [1, 2, 1], "nobody is signed out"
    assert folder.sessions.user_ids == []
    assert (folder.document()["schema"], folder.revision) == (2, 6)
    copy = folder.path.with_name("users.json.schema-1")
    assert copy.read_bytes() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    upgraded = folder.text()
    folder.open()
    assert folder.text() == upgraded


# --- after a power cut

FILES = {"the last version": ["Alice", "Bob", "Carol"], "the version before": ["Alice", "Bob"]}


@pytest.mark.fault(4)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "copy", ["missing", "empty", "half", "the version before", "the last version"]
)
def test_after_a_power_cut_whatever_became_of_unsynced_files_no_synced_user_is_lost(
    stopped: UsersFolder, file: str, copy: str
) -> None:
    before, after = stopped.folder / "before", stopped.folder / "after"
    before.hardlink_to(stopped.path)  # keeps the inode and so the stamp
    stopped.open().add(make_user("Carol"))
    after.hardlink_to(stopped.path)
    stopped.path.unlink()
    stopped.path.hardlink_to(after if file == "the last version" else before)
    contents = {
        "empty": b"",
        "half": after.read_bytes()[:300],
        "the version before": before.read_bytes(),
        "the last version": after.read_bytes(),
    }
    stopped.committed_path.unlink()
    if copy != "missing":
        stopped.committed_path.write_bytes(contents[copy])

    store = stopped.open()
    kept = names(store)
    assert kept in [FILES[file], FILES["the last version"]]
    # And everything goes on from there: an edit of the current version, a write, the next start.
    aside = stopped.rejected()
    stopped.disable_first()
    store.add(make_user("Dave"))
    assert names(store) == names(stopped.open()) == [*kept, "Dave"]
    assert store.all()[0].disabled
    assert stopped.rejected() == aside

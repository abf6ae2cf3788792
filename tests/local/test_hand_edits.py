"""People edit users.json while the stack runs: good edits count, others lose nobody."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from journeys.visitor import PASSWORD, Api, new_name
from running_stack import Stack, eventually

PATIENCE = 15


@pytest.fixture(scope="module")
def edited(stack_with: Callable[..., Stack]) -> Stack:
    """A stack whose users.json these tests edit."""
    return stack_with(DOORWARD_RENEW_SECONDS=1)


@pytest.fixture
def name(edited: Stack) -> str:
    """Somebody who has an account."""
    made = new_name()
    assert registers(edited, made)
    return made


def registers(stack: Stack, name: str) -> bool:
    """Register; say whether it worked."""
    with Api(stack.base_url) as api:
        return api.register(name).status_code == 201


def signs_in(stack: Stack, name: str, password: str = PASSWORD) -> bool:
    """Sign in; say whether it worked."""
    with Api(stack.base_url) as api:
        return api.sign_in(name, password).status_code == 201


def users_json(stack: Stack) -> Path:
    """Return where it is."""
    return stack.data / "users.json"


def rejected(stack: Stack) -> set[Path]:
    """Return the edits that were put aside."""
    return set(stack.data.glob("users.json.rejected-*"))


def overwritten(path: Path, text: str) -> None:
    """Save as some editors do: into the same file."""
    path.write_text(text)


def renamed(path: Path, text: str) -> None:
    """Save as other editors do: a new file takes the old one's place."""
    beside = path.with_name(".users.json.swp")
    beside.write_text(text)
    beside.replace(path)


SAVES = pytest.mark.parametrize("save", [overwritten, renamed])


def block(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a user's fields."""
    found: dict[str, Any] = next(
        user for user in document["users"].values() if user["username"] == name
    )
    return found


def test_the_file_is_for_people_to_read(edited: Stack, name: str) -> None:
    path = users_json(edited)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    document = json.loads(text)
    assert document["schema"] == 2
    assert set(block(document, name)) == {
        "username", "canonical", "password_hash", "generation", "disabled", "created_at"
    }  # fmt: skip
    assert f'\n      "username": "{name}",\n' in text
    assert PASSWORD not in text
    assert list(document["users"].values())[-1]["username"] == name, "in order of creation"
    assert registers(edited, new_name())
    assert json.loads(path.read_text())["revision"] == document["revision"] + 1


@SAVES
def test_a_good_edit_counts_at_the_next_request(
    save: Callable[[Path, str], None], edited: Stack, name: str
) -> None:
    path, before = users_json(edited), rejected(edited)
    document = json.loads(path.read_text())
    block(document, name)["disabled"] = True
    save(path, json.dumps(document, indent=2))
    eventually(lambda: not signs_in(edited, name), "the edit did not count", PATIENCE)
    taken_in = json.loads(path.read_text())
    assert taken_in["revision"] == document["revision"] + 1
    # Somebody who is disabled must lose their sessions, whoever disables them.
    block(document, name)["generation"] += 1
    assert taken_in["users"] == document["users"]
    assert rejected(edited) == before


def test_a_hash_made_elsewhere_opens_with_its_password(edited: Stack, name: str) -> None:
    path = users_json(edited)
    document = json.loads(path.read_text())
    foreign = bcrypt.hashpw(b"a password from elsewhere", bcrypt.gensalt(10)).decode()
    block(document, name)["password_hash"] = foreign.replace("$2b$", "$2y$")
    overwritten(path, json.dumps(document, indent=2))
    eventually(
        lambda: signs_in(edited, name, "a password from elsewhere"),
        "the password does not open",
        PATIENCE,
    )
    assert not signs_in(edited, name)


def test_a_block_that_is_cut_and_pasted_back_brings_no_session_back(
    edited: Stack, name: str
) -> None:
    path = users_json(edited)
    with Api(edited.base_url) as api:
        token = api.token(name)
        document = json.loads(path.read_text())
        (user_id,) = [
            user_id for user_id, user in document["users"].items() if user["username"] == name
        ]
        cut = document["users"].pop(user_id)
        overwritten(path, json.dumps(document, indent=2))
        eventually(lambda: api.current(token).status_code == 401, "the cut did not count", PATIENCE)
        document = json.loads(path.read_text())
        document["users"][user_id] = cut
        overwritten(path, json.dumps(document, indent=2))
        eventually(lambda: signs_in(edited, name), "the user did not come back", PATIENCE)
        assert api.current(token).status_code == 401


def nobody(document: dict[str, Any]) -> str:
    """Return the text of an old file without any user."""
    return json.dumps(document | {"revision": 1, "users": {}})


@pytest.mark.fault(5, 27)
@pytest.mark.parametrize(
    ("save", "broken"),
    [
        pytest.param(overwritten, lambda text: text[: len(text) // 2], id="cut in half"),
        pytest.param(renamed, lambda text: text.replace('": 2', '": 3', 1), id="a newer schema"),
        pytest.param(renamed, lambda text: nobody(json.loads(text)), id="everybody gone"),
    ],
)
def test_a_broken_edit_is_put_aside_and_loses_nobody(
    save: Callable[[Path, str], None], broken: Callable[[str], str], edited: Stack, name: str
) -> None:
    path, before = users_json(edited), rejected(edited)
    good = json.loads(path.read_text())
    edit = broken(path.read_text())
    save(path, edit)
    eventually(
        lambda: signs_in(edited, name) and rejected(edited) - before,
        "it was not put aside",
        PATIENCE,
    )
    (aside,) = rejected(edited) - before
    assert aside.read_text() == edit, "the work is not lost"
    back = json.loads(path.read_text())
    assert back["users"] == good["users"]
    assert back["revision"] > good["revision"]
    eventually(lambda: aside.name in edited.logs(), "it was not logged")
    line = next(line for line in edited.logs().splitlines() if aside.name in line)
    assert "users.json was not taken in" in line
    assert "line " in line or "revision" in line
    assert "users edit" in line, "and what to do"
    late = new_name()
    assert registers(edited, late)
    assert signs_in(edited, late)


@pytest.mark.fault(5)
def test_stale_buffers_saved_again_and_again_while_people_register_lose_nobody(
    edited: Stack,
) -> None:
    path, acknowledged, over = users_json(edited), list[str](), threading.Event()

    def register() -> None:
        while not over.is_set():
            name = new_name()
            if registers(edited, name):
                acknowledged.append(name)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            buffer, wanted = path.read_text(), len(acknowledged) + 5
            eventually(
                lambda: len(acknowledged) >= wanted,  # noqa: B023
                "registering did not go on",
            )
            renamed(path, buffer)
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=60)
    assert [name for name in acknowledged if not signs_in(edited, name)] == []


def editor(folder: Path, script: str) -> str:
    """Return an editor that is a shell script with the file as $1."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def edit(stack: Stack, editor: str, *, check: bool = True) -> str:
    """Run `users edit` with that editor; return what was printed."""
    done = stack.exec(
        "auth-service", "env", f"EDITOR={editor}", f"VISUAL={editor}",
        "flask", "--app", "auth_service", "users", "edit", check=check,
    )  # fmt: skip
    assert (done.returncode == 0) is check
    return done.stdout + done.stderr


def test_users_edit_takes_in_what_the_editor_saved(
    edited: Stack, name: str, tmp_path: Path
) -> None:
    # The newcomer is the last in the file, and so is the last "disabled".
    script = 'sed -i "$(grep -n disabled "$1" | tail -n 1 | cut -d: -f1)s/false/true/" "$1"'
    assert "users.json was changed" in edit(edited, editor(tmp_path, script))
    assert not signs_in(edited, name)

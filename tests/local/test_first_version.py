"""The data of the first version is taken over by `make up`: nobody is lost or signed out."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from running_stack import ROOT, LocalStack
from session_contract.keyset import KeySet, parse_key_set
from session_contract.tokens import ALGORITHM, TOKEN_TYPE

DATA = ROOT / "tests" / "data" / "first_version"
KNOWN = json.loads((DATA / "known.json").read_text())
WRITTEN_AT = 1_795_939_067
"""When the data was written, as a Unix time."""


class OldStack(LocalStack):
    """The data of the first version, moved to today and started by `make up`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"DOORWARD_BCRYPT_ROUNDS": "10"})
        shutil.copytree(DATA, folder, dirs_exist_ok=True)
        self.later = int(time.time()) - WRITTEN_AT - 5
        self.keys = parse_key_set((folder / "secrets/keys/keys.json").read_text())
        self._move_times()

    def _move_times(self) -> None:
        """Make all times as recent as if the first version had run just now."""
        moved = {
            "state.db": "UPDATE sessions SET created_at = created_at + :later, renewed_at ="
            " renewed_at + :later, ends_at = ends_at + :later,"
            " authenticated_at = authenticated_at + :later",
            "throttle.db": "UPDATE lanes SET used_at = used_at + :later",
        }
        for name, statement in moved.items():
            with closing(sqlite3.connect(self.folder / name)) as database, database:
                database.execute(statement, {"later": self.later})
        keys = self.folder / "secrets/keys/keys.json"
        first, second = self.keys.keys
        retiring = type(second)(second.kid, second.secret, int(time.time()) + 1800)
        keys.write_text(KeySet((first, retiring)).to_json())

    def token(self, given: dict[str, str]) -> str:
        """Return a token of the first version as if it had been issued some seconds ago."""
        payload: dict[str, Any] = jwt.decode(given["token"], options={"verify_signature": False})
        for claim in ("iat", "auth_time", "exp"):
            payload[claim] += self.later
        key = self.keys.signing_key
        headers = {"typ": TOKEN_TYPE, "kid": key.kid}
        return jwt.encode(payload, key.secret, ALGORITHM, headers)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldStack]:
    made = OldStack(tmp_path_factory.mktemp("old"))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [("Alice", 0, 200), ("Alice", 1, 200), ("Carol.C", 0, 200), ("bob", 0, 401)],
)
def test_sessions_of_the_first_version_go_on(
    old: OldStack, name: str, number: int, status: int
) -> None:
    headers = {"Authorization": f"Bearer {old.token(KNOWN['tokens'][name][number])}"}
    renewed = requests.post(
        f"{old.base_url}/api/v1/sessions/current/renew", headers=headers, timeout=10
    )
    assert renewed.status_code == status


def test_a_page_opens_with_a_cookie_of_the_first_version(old: OldStack) -> None:
    cookies = {"session": old.token(KNOWN["tokens"]["Alice"][0])}
    page = requests.get(
        f"{old.base_url}/dashboard", cookies=cookies, allow_redirects=False, timeout=10
    )
    assert page.status_code == 200
    assert "Alice" in page.text


@pytest.mark.parametrize(("name", "status"), [("alice", 201), ("carol.c", 201), ("bob", 401)])
def test_accounts_of_the_first_version_sign_in(old: OldStack, name: str, status: int) -> None:
    answer = requests.post(
        f"{old.base_url}/api/v1/sessions",
        json={"username": name, "password": KNOWN["password"]},
        timeout=10,
    )
    assert answer.status_code == status


def test_a_browser_of_the_first_version_is_still_known(old: OldStack) -> None:
    token = KNOWN["tokens"]["Alice"][0]["device_token"]
    answer = requests.post(
        f"{old.base_url}/api/v1/sessions",
        json={"username": "Alice", "password": KNOWN["password"], "device_token": token},
        timeout=10,
    )
    assert answer.json()["device_token"] == token

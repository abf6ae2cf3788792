"""The display name: what it may be, that it is stored, and that tokens carry it."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from auth_service.display_names import display_name_problems, normal_display_name

PASSWORD = "a quiet harbour at dawn"
CHANGE = "/api/v1/users/me/display-name"


def register(client: FlaskClient, **fields: Any) -> Any:
    body = {"username": "alice", "password": PASSWORD, "sign_in": True, **fields}
    return client.post("/api/v1/users", json=body)


def claims(token: str) -> dict[str, Any]:
    payload: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return payload


def bearer(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.get_json()['session']['token']}"}


@pytest.mark.parametrize("name", ["", "Alice A.", "李雷", "O'Brien-Smith", "😀", "x" * 64])
def test_a_name_that_can_be_shown_is_accepted(name: str) -> None:
    assert display_name_problems(name) == []


def test_a_name_that_is_blank_long_or_hidden_is_refused() -> None:
    for name in (
        *(" ", "\u2003", "x" * 65, "x" * 100_000),
        *("a\nb", "a\x00b", "a\u200bb", "a\u202eb", "a\u2028b"),
    ):
        assert len(display_name_problems(name)) == 1, ascii(name[:70])


def test_a_name_is_stored_in_form_nfc_without_spaces_around_it() -> None:
    assert normal_display_name("  Rene\u0301e ") == "Ren\u00e9e"


def test_a_registration_stores_the_name_and_its_token_carries_it(
    client: FlaskClient, tmp_path: Path
) -> None:
    answer = register(client, display_name=" Alice A. ").get_json()
    assert answer["display_name"] == "Alice A."
    assert claims(answer["session"]["token"])["name"] == "Alice A."
    stored = json.loads((tmp_path / "data/users.json").read_bytes())["users"][answer["id"]]
    assert stored["display_name"] == "Alice A."


def test_without_a_name_neither_the_token_nor_the_file_has_one(
    client: FlaskClient, tmp_path: Path
) -> None:
    answer = register(client).get_json()
    assert "name" not in claims(answer["session"]["token"])
    stored = json.loads((tmp_path / "data/users.json").read_bytes())["users"][answer["id"]]
    assert "display_name" not in stored


def test_a_wrong_name_is_reported_at_its_field(client: FlaskClient) -> None:
    refused = register(client, display_name="a\u202eb")
    assert refused.status_code == 422
    assert list(refused.get_json()["errors"]) == ["display_name"]


def test_a_changed_name_is_in_the_new_token_and_the_session_goes_on(client: FlaskClient) -> None:
    registered = register(client)
    changed = client.put(CHANGE, json={"display_name": "Al"}, headers=bearer(registered))
    assert changed.status_code == 200
    token = changed.get_json()["token"]
    assert claims(token)["name"] == "Al"
    assert changed.get_json()["session_id"] == registered.get_json()["session"]["session_id"]
    removed = client.put(
        CHANGE, json={"display_name": ""}, headers={"Authorization": f"Bearer {token}"}
    )
    assert "name" not in claims(removed.get_json()["token"])


def test_a_wrong_new_name_changes_nothing(client: FlaskClient) -> None:
    registered = register(client, display_name="Al")
    refused = client.put(CHANGE, json={"display_name": " "}, headers=bearer(registered))
    assert refused.status_code == 422
    renewed = client.post("/api/v1/sessions/current/renew", headers=bearer(registered))
    assert claims(renewed.get_json()["token"])["name"] == "Al"
